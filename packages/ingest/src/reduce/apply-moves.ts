import type { Account, Observation } from '@medplum/fhirtypes';
import { reduceStay, stayFacts } from '@primum/record';
import { demographicsOf } from '../fhir/patient-resource.ts';
import { authoritySystem, extensions } from '../fhir/systems.ts';
import type { IdentifierReading } from '../reading/message-reading.ts';
import { resultKeyParts } from '../reading/tokens.ts';
import { keptOf } from './keeping.ts';
import { addFact, patientOf, Refusal, staysOf, touch, type MessageContext } from './message-context.ts';
import type { MovableResult, PatientState, StayState } from './record-state.ts';
import { writeEncounter } from './stays.ts';
import { obtainPatient, requirePatient, updatePatient } from './subjects.ts';

/** A35, merge of account numbers (HL7 2.5.1, section 3.3.35): the account of MRG-3 belongs to that of PID-18 from now on. */
export function applyMergedAccount(context: MessageContext): void {
  const { reading, subjects } = context.message;
  const [subject] = reading.subjects;
  const [prior] = reading.priors;
  const patient = requirePatient(context, subjects[0]?.tokens ?? []);
  if (subject?.account === undefined || prior?.account === undefined) throw new Refusal({ code: 'hl7.field-missing', location: 'PID^1^18' });
  const survivor = writeAccount(context, patient, 'account now', subject.account, { status: 'active' }, { identifier: 'PID[1]-18' });
  writeAccount(context, patient, 'account 0', prior.account, { status: 'inactive', partOf: { reference: `Account/${survivor}` } }, { partOf: 'MRG[1]-3' });
}

/**
 * A44 and A45, move of an account or of visits (sections 3.3.44 and 3.3.45): what was recorded for MRG-1 belongs to the
 * patient of PID-3. The stay goes over with its events; its facts and results are withdrawn where they stand, as results
 * of a wrong patient are, and said anew of the right one, under the identity that the sender's corrections will have.
 */
export function applyMovedVisits(context: MessageContext): void {
  const { reading, subjects, priors } = context.message;
  const [subject] = reading.subjects;
  const tokens = subjects[0]?.tokens ?? [];
  if (subject === undefined) return;
  const into = updatePatient(context, obtainPatient(context, subject.patient, tokens), subject.patient, tokens);
  for (const [index, prior] of priors.entries()) {
    const said = reading.priors[index];
    const from = requirePatient(context, prior.tokens);
    if (from.rootId === into.rootId) continue;
    const stay = staysOf(context, from.rootId).find(({ visitToken }) => prior.visitTokens.includes(visitToken));
    if (stay !== undefined) moveStay(context, stay, into, { visitToken: prior.visitNowToken ?? stay.visitToken, number: said?.visitNow });
    const account = said?.account === undefined ? false : moveAccount(context, index, from, into, said.account, subject.account ?? said.account);
    if (stay === undefined && !account) throw new Refusal({ code: 'hl7.encounter-unknown', location: `MRG^${said?.sequence ?? 1}^${reading.type.event === 'A44' ? 3 : 5}` });
  }
}

function moveStay(context: MessageContext, stay: StayState, into: PatientState, now: { visitToken: string; number: IdentifierReading | undefined }): void {
  const { effects } = context;
  const summary = reduceStay(stay.events);
  const from = stay.patientId;
  effects.kind = 'correction';
  for (const { name, ...fact } of stayFacts(summary, demographicsOf(patientOf(context, from)?.resource))) {
    addFact(context, { ...fact, value: null, status: 'retracted', patientId: from, key: context.keyOf('stay-fact', stay.id, name) });
  }
  for (const { name, ...fact } of stayFacts(summary, demographicsOf(patientOf(context, into.id)?.resource))) {
    addFact(context, { ...fact, status: 'final', patientId: into.id, key: context.keyOf('stay-fact', stay.id, name) });
  }
  const { number } = now;
  writeEncounter(context, { ...stay, patientId: into.id, siteId: into.siteId, visitToken: now.visitToken }, {
    ...(stay.resource ?? { resourceType: 'Encounter', id: stay.id, status: summary.status, class: {} }),
    subject: { reference: `Patient/${into.id}` },
    ...(number === undefined ? {} : { identifier: [{ system: authoritySystem(number.authority), value: number.value }] }),
  }, { subject: 'PID[1]-3' });
  let [earliest, latest] = [summary.admittedAt ?? context.message.reading.eventAt, summary.endedAt ?? context.message.reading.eventAt];
  for (const result of context.state.movable.get(stay.id) ?? []) {
    moveResult(context, result, stay.id, into);
    [earliest, latest] = [Math.min(earliest, result.effectiveAt), Math.max(latest, result.effectiveAt)];
  }
  for (const id of [from, into.id]) touch(context, id, stay.id, { from: earliest, to: latest });
}

function moveResult(context: MessageContext, result: MovableResult, stayId: string, into: PatientState): void {
  const { body, fact, patientId } = result;
  const subId = body.extension?.find(({ url }) => url === extensions.subId)?.valueString ?? '';
  const local = body.code.coding?.at(-1)?.code ?? '';
  const order = body.basedOn?.find(({ identifier }) => identifier !== undefined)?.identifier?.value ?? '';
  const key = context.keyOf(...resultKeyParts({ patientId: into.id, sourceId: result.sourceId, order, code: local, subId, effectiveAt: result.effectiveAt }));
  if (fact !== undefined) {
    addFact(context, { ...fact, value: null, status: 'retracted', patientId, key: result.id });
    addFact(context, { ...fact, patientId: into.id, key });
  }
  const { valueQuantity: _quantity, valueString: _text, note: _note, ...rest } = body;
  write(context, patientId, result.version + 1, { ...rest, status: 'entered-in-error' });
  write(context, into.id, (context.state.observations.get(key)?.version ?? 0) + 1, { ...body, id: key, subject: { reference: `Patient/${into.id}` }, encounter: { reference: `Encounter/${stayId}` } });
}

function write({ effects, trace }: MessageContext, patientId: string, version: number, body: Observation & { id?: string }): void {
  const id = body.id ?? '';
  effects.resources.push({ type: 'Observation', id, version, patientId, body });
  effects.observations.set(id, { patientId, version, retracted: body.status === 'entered-in-error' });
  trace.targets.push({ reference: `Observation/${id}`, elements: { subject: 'PID[1]-3' } });
}

/** The account is closed under its old patient and opened under the new one. False where it is not on record. */
function moveAccount(context: MessageContext, index: number, from: PatientState, into: PatientState, account: IdentifierReading, now: IdentifierReading): boolean {
  const held = accountOf(context, from, `account ${index}`);
  if (held === undefined) return false;
  const { subject: _subject, identifier: _identifier, ...rest } = held.body;
  writeAccount(context, into, 'account now', now, rest, { subject: 'PID[1]-3' });
  writeAccount(context, from, `account ${index}`, account, { status: 'entered-in-error' }, { status: 'MRG[1]-3' });
  return true;
}

function accountOf(context: MessageContext, patient: PatientState, name: string): { id: string; version: number; body: Account } | undefined {
  const ids = context.message.keptIds(patient.id);
  for (const variant of ['a', 'b']) {
    const id = ids.get(`${name} ${variant}`);
    const held = id === undefined ? undefined : keptOf(context, 'Account', id);
    if (id !== undefined && held?.body.resourceType === 'Account' && !held.deleted) return { id, version: held.version, body: held.body };
  }
  return undefined;
}

function writeAccount(context: MessageContext, patient: PatientState, name: string, identifier: IdentifierReading, change: Partial<Account>, elements: Readonly<Record<string, string>>): string {
  const held = accountOf(context, patient, name);
  const id = held?.id ?? context.message.keptIds(patient.id).get(`${name} a`) ?? context.newId();
  const body: Account = {
    ...(held?.body ?? { resourceType: 'Account', status: 'active', identifier: [{ system: authoritySystem(identifier.authority), value: identifier.value }] }),
    ...change, resourceType: 'Account', id, subject: [{ reference: `Patient/${patient.id}` }],
  };
  const version = (held?.version ?? 0) + 1;
  context.effects.resources.push({ type: 'Account', id, version, patientId: patient.id, body });
  context.effects.kept.set(`Account/${id}`, { patientId: patient.id, version, deleted: false, body });
  context.trace.targets.push({ reference: `Account/${id}`, elements });
  return id;
}
