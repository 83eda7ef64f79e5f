import type { Hl7Problem } from '@primum/formats';
import { buildProvenance, type Trace } from '../fhir/provenance.ts';
import { applyAdt } from './apply-adt.ts';
import { applyMerge, applyUnlink } from './apply-merge.ts';
import { applyResults } from './apply-results.ts';
import { Refusal, type MessageContext, type PreparedMessage } from './message-context.ts';
import { emptyEffects, type Effects, type RecordState } from './record-state.ts';

/** What a batch shares: its sequence, its counter, its ways to make keys and ids. */
export type BatchContext = Pick<MessageContext, 'codes' | 'seq' | 'nextN' | 'keyOf' | 'newId'>;

export type ApplyOutcome = { ok: true; effects: Effects } | { ok: false; problem: Hl7Problem };

/**
 * What one message does to the record, given the record as it stands. Pure: neither the state nor anything outside is
 * changed, so a refused message leaves nothing behind; the caller absorbs the effects into the state before the next.
 */
export function applyMessage(batch: BatchContext, state: RecordState, message: PreparedMessage): ApplyOutcome {
  const effects = emptyEffects();
  const trace: Trace = { targets: [], remarks: [] };
  const context: MessageContext = { ...batch, state, effects, message, trace };
  try {
    const { trigger } = message.reading;
    if (trigger === 'A40') applyMerge(context);
    else if (trigger === 'A37') applyUnlink(context);
    else if (trigger !== 'R01') applyAdt(context);
    applyResults(context);
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.problem };
    throw error;
  }
  if (trace.targets.length > 0) {
    effects.resources.push({ type: 'Provenance', id: message.id, version: 1, patientId: ownerOf(effects), body: buildProvenance(message, trace) });
  }
  return { ok: true, effects };
}

/** The one patient whose key may seal what the whole message says; null where it speaks of several. */
export function ownerOf(effects: Effects): string | null {
  const owners = new Set(effects.resources.flatMap(({ type, patientId }) => (type === 'Provenance' || patientId === null ? [] : [patientId])));
  for (const id of effects.touched.keys()) owners.add(id);
  const [owner, other] = owners;
  return other === undefined ? owner ?? null : null;
}
