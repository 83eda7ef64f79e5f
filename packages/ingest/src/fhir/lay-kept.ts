import type { Encounter, Patient, Resource } from '@medplum/fhirtypes';
import { canonicalJson } from '@primum/base';
import type { KeptPart } from '../keep/kept-reading.ts';
import { rewriteReferences } from '../keep/rewrite-references.ts';
import { isObject, type Json } from '../v2-to-fhir/element-path.ts';

type References = (url: string) => Json | undefined;

/** Elements that the reducers answer for: who somebody is, whether they live, where they lie. */
const ownOfPatient = new Set(['resourceType', 'id', 'meta', 'active', 'identifier', 'birthDate', 'gender', 'deceasedDateTime', 'deceasedBoolean', 'link']);
const ownOfEncounter = new Set(['resourceType', 'id', 'meta', 'status', 'class', 'subject', 'period', 'location', 'identifier', 'hospitalization']);
const ownOfObservation = new Set(['resourceType', 'id', 'meta', 'status', 'code', 'subject', 'encounter', 'effectiveDateTime', 'effectivePeriod', 'category', 'interpretation', 'referenceRange', 'dataAbsentReason']);

/** A Patient with what PID, PD1, NK1 and their kin say besides. */
export function layPatient(patient: Patient, said: KeptPart, references: References): Patient {
  const after: Json = { ...patient };
  for (const name of said.deletes) if (!ownOfPatient.has(name)) delete after[name];
  const body = rewriteReferences(said.body, references);
  for (const [name, value] of Object.entries(body)) {
    if (ownOfPatient.has(name)) continue;
    if (name === 'name' && Array.isArray(value)) after['name'] = value.map((one: unknown, index) => (index === 0 && isObject(one) ? { ...(one['use'] === undefined ? { use: 'official' } : {}), ...one } : one));
    else if (name === 'telecom' && Array.isArray(value)) after['telecom'] = value.map((one: unknown) => (isObject(one) && one['value'] !== undefined && one['system'] === undefined ? { system: 'phone', ...one } : one));
    else after[name] = value;
  }
  const held = [after['identifier']].flat().filter(isObject);
  const values = new Set(held.map(({ value }) => value));
  const more = [body['identifier']].flat().filter(isObject).filter(({ value }) => typeof value === 'string' && !values.has(value));
  if (more.length > 0) after['identifier'] = [...held, ...more];
  return after as unknown as Patient; // a Patient with elements that the mapping tables gave it
}

/** An Encounter with what PV1, PV2 and their kin say besides. `place`: where the visit says that the patient lies, in words. */
export function layEncounter(encounter: Encounter, said: KeptPart, { references, place }: { references: References; place: string | undefined }): Encounter {
  const after: Json = { ...encounter };
  for (const name of said.deletes) if (!ownOfEncounter.has(name)) delete after[name];
  const body = rewriteReferences(said.body, references);
  for (const [name, value] of Object.entries(body)) if (!ownOfEncounter.has(name)) after[name] = value;
  const hospitalization = { ...(isObject(body['hospitalization']) ? body['hospitalization'] : {}), ...encounter.hospitalization };
  if (encounter.hospitalization?.dischargeDisposition === undefined) delete hospitalization.dischargeDisposition;
  if (Object.keys(hospitalization).length > 0) after['hospitalization'] = hospitalization;
  const [location] = encounter.location ?? [];
  const [lies] = [body['location']].flat().filter(isObject).filter(({ status }) => status === 'active');
  const reference = isObject(lies?.['location']) ? lies['location']['reference'] : undefined;
  if (location !== undefined && typeof reference === 'string' && location.location.display === place) after['location'] = [{ ...location, location: { ...location.location, reference } }];
  return after as unknown as Encounter; // as above
}

/** What an OBX and its notes say besides; a value of a type of its own goes before our reading of it as text. */
export function layObservation<T extends Resource>(observation: T, said: KeptPart, references: References): T {
  const body = rewriteReferences(said.body, references);
  const after: Json = { ...(observation as unknown as Json) }; // laid over by element names
  const valueOf = (json: Json): string | undefined => Object.keys(json).find((name) => name.startsWith('value'));
  const [ours, theirs] = [valueOf(after), valueOf(body)];
  if (ours === 'valueString' && theirs !== undefined) delete after[ours];
  for (const [name, value] of Object.entries(body)) {
    if (ownOfObservation.has(name)) { after[name] ??= value; continue; }
    if (name.startsWith('value') && valueOf(after) !== undefined) continue;
    if (name === 'note') after['note'] = [...[after['note']].flat().filter(isObject), ...[value].flat()];
    else if (name === 'basedOn') after['basedOn'] = [...[value].flat().filter(isObject), ...[after['basedOn']].flat().filter(isObject)];
    else if (name === 'extension') after['extension'] = [...[after['extension']].flat().filter(isObject), ...[value].flat()];
    else after[name] = value;
  }
  if (valueOf(after) !== undefined) delete after['dataAbsentReason'];
  return after as unknown as T; // an Observation with elements that the mapping tables gave it
}

/** Lists that add up from message to message; every other element is replaced by what is sent, and an empty one says nothing. */
const addsUp = new Set(['identifier', 'result']);
/** Of staff, places and organizations also what messages say differently from each other, lest each be a new version. */
const sharedAddsUp = new Set([...addsUp, 'name', 'address', 'telecom']);

/** A kept resource after a message: HL7 2.5.1, section 2.5.3. */
export function layResource(before: Json | undefined, body: Json, deletes: readonly string[], shared = false): Json {
  const after: Json = { ...before };
  for (const name of deletes) delete after[name];
  for (const [name, value] of Object.entries(body)) {
    const held = after[name];
    after[name] = (shared ? sharedAddsUp : addsUp).has(name) && Array.isArray(value) ? [...new Map([...Array.isArray(held) ? held as unknown[] : [], ...value as unknown[]].map((item) => [canonicalJson(item), item])).values()] : value;
  }
  return after;
}
