import { assert, uuidv7 } from '@primum/base';
import type { AlertEvent, StayAlerts } from '@primum/registry';
import type { AlertEventRow, AlertRow } from './alert-row.ts';

/** What an alert's tier rests on: recorded when a score raises it or lifts its tier. */
export type Evidence = { predictionId: string; keys: string[]; seq: number };

export type AlertContext = {
  patientId: string;
  stayId: string;
  /** Who caused the events: a user's id, or the system's own name. */
  actor: string;
  evidence: Evidence | null;
  /** Set by a person's action. */
  action?: { userId: string; as?: string; handedTo?: string };
};

export type AlertChange = { alert: AlertRow | null; events: AlertEventRow[] };

/**
 * The stored alert after the policy's events. The policy says what happens and its state is the truth; this keeps the
 * row that people see in step with it, one numbered event each.
 */
export function applyAlertEvents(before: AlertRow | null, state: StayAlerts, events: readonly AlertEvent[], context: AlertContext): AlertChange {
  let alert = before;
  const rows: AlertEventRow[] = [];
  for (const event of events) {
    const next: AlertRow = event.kind === 'raised' ? raised(event.at, event.tier, context) : applied(alert, event, context);
    next.version += 1;
    alert = next;
    rows.push({
      alertId: next.id, n: next.version, kind: event.kind, at: event.at, actor: context.actor,
      predictionId: context.evidence?.predictionId ?? null, detail: detailOf(event, context),
    });
  }
  if (alert !== null && rows.length > 0) alert = { ...alert, status: state.alert?.status ?? 'closed', snoozedUntil: state.alert?.snoozedUntil ?? null };
  return { alert, events: rows };
}

function raised(at: number, tier: AlertRow['tier'], { patientId, stayId, evidence }: AlertContext): AlertRow {
  assert(evidence !== null, 'an alert was raised without a prediction');
  return {
    id: uuidv7(), patientId, stayId, tier, status: 'open', raisedAt: at, raisedBy: evidence.predictionId,
    ownerId: null, acknowledgedAt: null, acknowledgedAs: null, handedTo: null, snoozedUntil: null, snoozedBy: null,
    evidence: evidence.keys, evidenceSeq: evidence.seq, evidenceWithdrawnAt: null, closedAt: null, version: 0,
  };
}

function applied(alert: AlertRow | null, event: Exclude<AlertEvent, { kind: 'raised' }>, { evidence, action }: AlertContext): AlertRow {
  assert(alert !== null, 'the policy spoke of an alert that is not stored');
  switch (event.kind) {
    case 'tier-rose':
      // The higher tier rests on the facts of the score that lifted it; what was said of the former ones stays in the events.
      return { ...alert, tier: event.tier, snoozedBy: null, ...(evidence === null ? {} : { evidence: evidence.keys, evidenceSeq: evidence.seq, evidenceWithdrawnAt: null }) };
    case 'tier-fell':
      return { ...alert, tier: event.tier };
    case 're-alerted':
      return { ...alert, snoozedBy: null };
    case 'acknowledged':
      return { ...alert, ownerId: action?.userId ?? null, acknowledgedAt: event.at, acknowledgedAs: action?.as ?? null, handedTo: action?.handedTo ?? null, snoozedBy: null };
    case 'snoozed':
      return { ...alert, snoozedBy: action?.userId ?? null };
    case 'evidence-withdrawn':
      return { ...alert, evidenceWithdrawnAt: event.at };
    case 'closed':
      return { ...alert, closedAt: event.at };
  }
}

function detailOf(event: AlertEvent, { action }: AlertContext): AlertEventRow['detail'] {
  return {
    tier: event.tier,
    ...('cause' in event ? { cause: event.cause } : {}),
    ...('until' in event ? { until: event.until } : {}),
    ...(event.kind === 'acknowledged' && action?.as !== undefined ? { as: action.as } : {}),
    ...(event.kind === 'acknowledged' && action?.handedTo !== undefined ? { handedTo: action.handedTo } : {}),
  };
}
