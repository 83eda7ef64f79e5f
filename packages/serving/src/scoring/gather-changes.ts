import type { StreamEvent } from '@primum/store';
import type { PatientChange } from './why-due.ts';

const maxMessageIds = 100;

/** The events of a batch by root patient: several of one patient are answered by one outcome that sees them all. */
export function gatherChanges(events: readonly StreamEvent[]): Map<string, PatientChange> {
  const changes = new Map<string, PatientChange>();
  for (const event of events) {
    // Written by this system's own ingest and ticks: ids and numbers.
    const payload = event.payload as { patientId: string; fromAt?: number; kind: string; messageId?: string; receivedAtMs?: number };
    const before = changes.get(payload.patientId);
    changes.set(payload.patientId, {
      fromAt: Math.min(before?.fromAt ?? Number.POSITIVE_INFINITY, payload.fromAt ?? Number.POSITIVE_INFINITY),
      kinds: new Set([...(before?.kinds ?? []), payload.kind]),
      messageIds: [...(before?.messageIds ?? []), ...(payload.messageId === undefined ? [] : [payload.messageId])].slice(0, maxMessageIds),
      receivedAtMs: before?.receivedAtMs ?? payload.receivedAtMs ?? null,
    });
  }
  return changes;
}
