import type { Observation } from '@medplum/fhirtypes';
import { locationOf as erl } from './erl.ts';
import { buildObservation, observationElements } from '../fhir/observation-resource.ts';
import { layObservation } from '../fhir/lay-kept.ts';
import { mapResult } from '../mapping/map-result.ts';
import type { ResultReading } from '../reading/message-reading.ts';
import { referencesFor, type References } from './keeping.ts';
import { addFact, groupOf, Refusal, touch, type MessageContext } from './message-context.ts';
import { openStayOf } from './open-stay.ts';
import type { ObservationState, PatientState } from './record-state.ts';
import { findStay } from './stays.ts';

/**
 * Results (ORU, and OBX in ADT) to Observations and facts; OBX of orders and the like to Observations alone. OBX-11 says what a result is to an earlier one of the
 * same key (source, order, code, sub-id, effective time):
 *
 *   F P     the value, or a newer one in its place
 *   C       a correction; without an earlier result it is kept as a value, and the Provenance says so
 *   D W     withdraws the earlier result: deleted, or another patient's. Without one the message waits in quarantine
 *   X       cannot be obtained: a missing value of its own, never a correction
 */
export function applyResults(context: MessageContext, patient: PatientState): void {
  const { reading, subjects } = context.message;
  if (reading.results.length === 0) return;
  const visitToken = subjects[0]?.visitToken;
  const facts = reading.type.results === 'facts';
  const group = groupOf(context, patient.rootId);
  const stay = (visitToken === undefined ? undefined : findStay(context, patient, visitToken, [])) ?? openStayOf(context, patient.rootId);
  const references = referencesFor(context, patient.id);
  for (const [index, result] of reading.results.entries()) {
    applyResult(context, { patient, group, stayId: stay?.id, facts, references }, index, result);
    if (facts) touch(context, patient.id, stay?.id, { from: result.effectiveAt, to: result.effectiveAt });
  }
}

type Target = { patient: PatientState; group: readonly PatientState[]; stayId: string | undefined; /** Whether the values are facts that models may read. */ facts: boolean; references: References };

function applyResult(context: MessageContext, { patient, group, stayId, facts, references }: Target, index: number, result: ResultReading): void {
  const { effects, message } = context;
  const existing = findExisting(context, group, index);
  const withdraws = result.status === 'deleted' || result.status === 'wrong-patient';
  if (withdraws && (existing === undefined || existing.state.retracted)) {
    throw new Refusal({ code: 'hl7.correction-unmatched', location: erl('OBX', result.sequence, 11) });
  }
  if (result.status === 'corrected' && existing === undefined) {
    context.trace.remarks.push(`OBX[${result.sequence}] is a correction of a result that is not on record`);
  }
  const mapped = mapResult(message.mapping, context.codes, result);
  if (facts && mapped.unmapped !== undefined) effects.unmapped.push({ code: result.code.id, unit: result.unit, why: mapped.unmapped });
  const holder = existing?.state.patientId ?? patient.id;
  const key = existing?.key ?? message.resultKeys(patient.id)[index] ?? context.newId();
  const version = (existing?.state.version ?? 0) + 1;
  if (facts && existing !== undefined) effects.kind = 'correction';

  const { flag, refusedBy } = withdraws ? {} : context.checkFact({
    source: `${message.source.application}|${message.source.facility}`, code: mapped.code, unit: mapped.ucum, value: mapped.value, effectiveAt: result.effectiveAt, sentAt: message.reading.messageAt,
  });
  if (refusedBy !== undefined) throw new Refusal({ code: 'quality.refused', location: erl('OBX', result.sequence, 5), detail: refusedBy });
  const value = withdraws || flag !== undefined || result.status === 'cannot-be-obtained' ? null : mapped.value;
  if (facts) addFact(context, {
    patientId: holder,
    key,
    code: mapped.code,
    value,
    ...(value === null || mapped.text === undefined ? {} : { text: mapped.text }),
    effectiveAt: result.effectiveAt,
    status: factStatus(result),
    ...((mapped.flag ?? flag) === undefined || withdraws ? {} : { flag: mapped.flag ?? flag }),
  });
  const status = observationStatus(result);
  const built = buildObservation({ id: key, patientId: holder, stayId, application: message.source.application, status }, result, mapped);
  const said = withdraws ? undefined : message.kept?.observations.get(result.sequence);
  const body = said === undefined ? built : layObservation(built, said, references);
  context.observed.set(result.sequence, { key, obr: result.obrSequence });
  effects.observations.set(key, { patientId: holder, version, retracted: withdraws });
  effects.resources.push({ type: 'Observation', id: key, version, patientId: holder, body });
  context.trace.targets.push({ reference: `Observation/${key}`, elements: { ...said?.elements, ...observationElements(result) } });
}

/** The result that this one is a newer word on: under this patient, or under one that was merged with it. */
function findExisting(context: MessageContext, group: readonly PatientState[], index: number): { key: string; state: ObservationState } | undefined {
  for (const { id } of group) {
    const key = context.message.resultKeys(id)[index];
    const state = key === undefined ? undefined : context.effects.observations.get(key) ?? context.state.observations.get(key);
    if (key !== undefined && state !== undefined && state.patientId === id) return { key, state };
  }
  return undefined;
}

function factStatus({ status }: ResultReading): 'final' | 'preliminary' | 'corrected' | 'retracted' {
  if (status === 'deleted' || status === 'wrong-patient') return 'retracted';
  return status === 'preliminary' || status === 'corrected' ? status : 'final';
}

/** OBX-11 → ObservationStatus, as HL7's v2-to-FHIR table has it. */
function observationStatus({ status }: ResultReading): Observation['status'] {
  switch (status) {
    case 'deleted': case 'wrong-patient': return 'entered-in-error';
    case 'cannot-be-obtained': return 'cancelled';
    default: return status;
  }
}
