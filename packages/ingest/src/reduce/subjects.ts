import { canonicalJson } from '@primum/base';
import { stayFactChanges, stayFacts, reduceStay, type StayFact } from '@primum/record';
import { demographicsOf, diedAt, patientAfter, patientElements } from '../fhir/patient-resource.ts';
import { layPatient } from '../fhir/lay-kept.ts';
import type { IdentifierReading, PatientReading } from '../reading/message-reading.ts';
import { referencesFor } from './keeping.ts';
import { addFactChanges, patientOf, Refusal, staysOf, touch, type MessageContext } from './message-context.ts';
import type { PatientState } from './record-state.ts';

/** The patient that some identifiers name; undefined where none is known. Two patients that were not merged are a conflict. */
export function findPatient(context: MessageContext, tokens: readonly string[]): PatientState | undefined {
  const found: PatientState[] = [];
  for (const token of tokens) {
    const id = context.effects.identifiers.get(token) ?? context.state.byToken.get(token);
    const patient = id === undefined ? undefined : patientOf(context, id);
    if (patient !== undefined) found.push(patient);
  }
  if (found.some(({ rootId }) => rootId !== found[0]?.rootId)) {
    throw new Refusal({ code: 'hl7.merge-conflict', location: 'PID^1^3', detail: 'the identifiers name patients that were not merged' });
  }
  return found[0];
}

export function requirePatient(context: MessageContext, tokens: readonly string[]): PatientState {
  const patient = findPatient(context, tokens);
  if (patient === undefined) throw new Refusal({ code: 'hl7.patient-unknown', location: 'PID^1^3' });
  return patient;
}

/** The patient whom a PID names; a new one where nobody is known by it. */
export function obtainPatient(context: MessageContext, reading: PatientReading, tokens: readonly string[]): PatientState {
  return findPatient(context, tokens) ?? createPatient(context, reading.identifiers, tokens, { segment: `PID[${reading.sequence}]`, field: 3 });
}

/** A new patient under the identifiers that a message names it by. */
export function createPatient(context: MessageContext, identifiers: readonly IdentifierReading[], tokens: readonly string[], sequence: { segment: string; field: number }): PatientState {
  const id = context.newId();
  const reading: PatientReading = {
    sequence: 1, identifiers, name: undefined, birthDate: undefined, sex: undefined, address: undefined, phone: undefined, died: undefined, diedAt: undefined,
  };
  const patient: PatientState = {
    id, siteId: context.message.source.siteId, rootId: id, intoId: null, version: 1, resource: patientAfter(undefined, id, reading, context.message.reading.eventAt),
  };
  context.effects.newPatients.add(id);
  addTokens(context, id, tokens);
  writePatient(context, patient, { identifier: `${sequence.segment}-${sequence.field}` });
  return patient;
}

/**
 * A patient after an ADT's PID: a new version of the resource where it changed, and what follows for the facts of every
 * stay (a corrected birth date is a corrected age).
 */
export function updatePatient(context: MessageContext, patient: PatientState, reading: PatientReading, tokens: readonly string[]): PatientState {
  const said = context.message.kept?.patient;
  addTokens(context, patient.id, tokens);
  const before = patient.resource;
  const read = patientAfter(before, patient.id, reading, context.message.reading.eventAt);
  const after = said === undefined ? read : layPatient(read, said, referencesFor(context, patient.id));
  if (before !== undefined && canonicalJson(before) === canonicalJson(after)) return patient;
  // Made by this very message, its first version is not written yet.
  const version = context.effects.newPatients.has(patient.id) ? patient.version : patient.version + 1;
  const updated = { ...patient, version, resource: after };
  writePatient(context, updated, { ...said?.elements, ...patientElements(reading) });
  for (const stay of staysOf(context, patient.rootId).filter(({ patientId }) => patientId === patient.id)) {
    const summary = reduceStay(stay.events);
    const changes = stayFactChanges(stayFacts(summary, demographicsOf(before)), stayFacts(summary, demographicsOf(after)));
    addFactChanges(context, patient.id, stay.id, changes);
    if (changes.length > 0 && summary.admittedAt !== null) touch(context, patient.id, stay.id, { from: summary.admittedAt, to: summary.admittedAt });
  }
  const deaths = stayFactChanges(deathFact(diedAt(before)), deathFact(diedAt(after)));
  addFactChanges(context, patient.id, patient.id, deaths);
  for (const { effectiveAt } of deaths) touch(context, patient.id, undefined, { from: effectiveAt, to: effectiveAt });
  return updated;
}

function deathFact(at: number | undefined): StayFact[] {
  return at === undefined ? [] : [{ name: 'death', code: 'primum:death', value: 1, effectiveAt: at }];
}

/** Puts a patient's resource among the effects; a later version within the same message replaces the earlier. */
export function writePatient(context: MessageContext, patient: PatientState, elements: Readonly<Record<string, string>>): void {
  const { effects, trace } = context;
  effects.patients.set(patient.id, patient);
  if (patient.resource === undefined) return;
  const reference = `Patient/${patient.id}`;
  const written = effects.resources.find(({ type, id, version }) => type === 'Patient' && id === patient.id && version === patient.version);
  if (written !== undefined) written.body = patient.resource;
  else effects.resources.push({ type: 'Patient', id: patient.id, version: patient.version, patientId: patient.id, body: patient.resource });
  const traced = trace.targets.find((target) => target.reference === reference);
  if (traced !== undefined) traced.elements = { ...traced.elements, ...elements };
  else trace.targets.push({ reference, elements });
}

function addTokens(context: MessageContext, patientId: string, tokens: readonly string[]): void {
  for (const token of tokens) {
    if (!context.state.byToken.has(token) && !context.effects.identifiers.has(token)) context.effects.identifiers.set(token, patientId);
  }
}
