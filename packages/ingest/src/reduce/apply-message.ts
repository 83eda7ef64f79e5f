import type { Hl7Problem } from '@primum/formats';
import { buildProvenance, type Trace } from '../fhir/provenance.ts';
import { applyAdt } from './apply-adt.ts';
import { applyKept } from './apply-kept.ts';
import { applyChangedIdentifiers, applyMerges, applyUnlink } from './apply-merge.ts';
import { applyMergedAccount, applyMovedVisits } from './apply-moves.ts';
import { applyResults } from './apply-results.ts';
import { Refusal, type MessageContext, type PreparedMessage } from './message-context.ts';
import { findPatient, obtainPatient, requirePatient, updatePatient } from './subjects.ts';
import { emptyEffects, type Effects, type RecordState } from './record-state.ts';

/** What a batch shares: its sequence, its counter, its ways to make keys and ids. */
export type BatchContext = Pick<MessageContext, 'codes' | 'checkFact' | 'seq' | 'nextN' | 'keyOf' | 'newId'>;

export type ApplyOutcome = { ok: true; effects: Effects } | { ok: false; problem: Hl7Problem };

/**
 * What one message does to the record, given the record as it stands. Pure: neither the state nor anything outside is
 * changed, so a refused message leaves nothing behind; the caller absorbs the effects into the state before the next.
 */
export function applyMessage(batch: BatchContext, state: RecordState, message: PreparedMessage): ApplyOutcome {
  const effects = emptyEffects();
  const trace: Trace = { targets: [], remarks: [] };
  const context: MessageContext = { ...batch, state, effects, message, trace, observed: new Map(), references: new Map() };
  try {
    applyType(context);
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.problem };
    throw error;
  }
  if (trace.targets.length > 0) {
    effects.resources.push({ type: 'Provenance', id: message.id, version: 1, patientId: ownerOf(effects), body: buildProvenance(message, trace, message.kept?.unread ?? []) });
  }
  return { ok: true, effects };
}

function applyType(context: MessageContext): void {
  switch (context.message.reading.type.does) {
    case 'merge': applyMerges(context); return;
    case 'change-identifier': applyChangedIdentifiers(context); return;
    case 'merge-account': applyMergedAccount(context); return;
    case 'move-visit': applyMovedVisits(context); return;
    case 'unlink': applyUnlink(context); return;
    case 'none': applyOther(context); return;
    default: {
      applyAdt(context);
      const patient = findPatient(context, context.message.subjects[0]?.tokens ?? []);
      if (patient !== undefined) applyResults(context, patient);
      applyKept(context, patient);
    }
  }
}

/**
 * Results, orders, appointments, documents, charges: about somebody who is on record, or who is put there where the type
 * of message may do so; of those who are known, ADT alone changes what is known. An appointment may be nobody's.
 */
function applyOther(context: MessageContext): void {
  const { reading, subjects } = context.message;
  const [subject] = reading.subjects;
  const tokens = subjects[0]?.tokens ?? [];
  if (subject === undefined) {
    applyKept(context, undefined);
    return;
  }
  let patient = reading.type.makesPatient ? obtainPatient(context, subject.patient, tokens) : requirePatient(context, tokens);
  if (context.effects.newPatients.has(patient.id)) patient = updatePatient(context, patient, subject.patient, tokens);
  applyResults(context, patient);
  applyKept(context, patient);
}

/** The one patient whose key may seal what the whole message says; null where it speaks of several. */
export function ownerOf(effects: Effects): string | null {
  const owners = new Set(effects.resources.flatMap(({ type, patientId }) => (type === 'Provenance' || patientId === null ? [] : [patientId])));
  for (const id of effects.touched.keys()) owners.add(id);
  const [owner, other] = owners;
  return other === undefined ? owner ?? null : null;
}
