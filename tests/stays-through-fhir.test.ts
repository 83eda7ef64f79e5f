import type { Encounter, Observation, Patient } from '@medplum/fhirtypes';
import type { LineageGraph, Worklist } from '@primum/contract';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admission, benchSource, discharge, type BenchPatient } from '../bench/support/ward-messages.ts';
import { settled } from '../apps/primum/src/settle.ts';
import { ask, bootForTest, signIn, type Asked, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const hourMs = 3_600_000;
let primum: Booted;
let service: ServiceClient;
let clinician: string;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
  const { username, password } = primum.seeded.find(({ role }) => role === 'clinician')!; // every role is seeded
  clinician = await signIn(primum, username, password);
});
afterAll(() => primum[Symbol.asyncDispose]());

const asClinician = (asked: Asked) => ask(primum.httpPort, { ...asked, token: clinician });
async function workOn(...units: string[]): Promise<void> {
  const { db } = primum.core;
  await db.query("delete from care_assignment where subject in (select 'user:' || id from app_user where role = 'clinician')", []);
  for (const unit of units) await db.query("insert into care_assignment (tenant, subject, unit) select 1, 'user:' || id, $1 from app_user where role = 'clinician'", [unit]);
  await new Promise((resolve) => setTimeout(resolve, 700)); // the time that a session is kept
}
const worklist = async (): Promise<Worklist['rows']> => ((await asClinician({ path: '/api/worklist?site=fhir' })).body as Worklist).rows;
async function sent<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await service.fhir(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body as T; // what was asked for
}
async function scored(): Promise<void> {
  primum.sequencer.kick();
  if (!await settled(primum.core.db, 20_000)) throw new Error('not scored in time');
}

const now = Math.floor(Date.now() / 1_000) * 1_000; // messages have whole seconds
const iso = (hours: number): string => new Date(now + hours * hourMs).toISOString();
const actCode = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const encounterOf = (patient: Patient, more: Partial<Encounter> = {}): Encounter => ({
  resourceType: 'Encounter', status: 'in-progress', class: { system: actCode, code: 'IMP' }, subject: { reference: `Patient/${patient.id}` },
  period: { start: iso(-30) }, location: [{ location: { display: 'WARD 12' }, period: { start: iso(-30) } }, { location: { display: 'ICU 07' }, period: { start: iso(-4.5) } }], ...more,
});
const vital = (patient: Patient, code: string, value: number, unit: string, hours: number): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code }] }, subject: { reference: `Patient/${patient.id}` },
  effectiveDateTime: iso(hours), valueQuantity: { value, unit, system: 'http://unitsofmeasure.org', code: unit },
});

it('a patient of FHIR alone is on the worklist, scored, and read by who works there, until the stay ends', async () => {
  const patient = await sent<Patient>('POST', '/Patient', { resourceType: 'Patient', identifier: [{ system: 'urn:test:mrn', value: 'FS-1' }], name: [{ family: 'Sommer', given: ['Eva'] }], birthDate: '1951-02-03', gender: 'female' });
  await workOn('fhir/ICU');
  expect((await asClinician({ path: `/api/fhir/Patient/${patient.id}` })).status).toBe(403);
  const encounter = await sent<Encounter>('POST', '/Encounter', encounterOf(patient));
  for (const [code, value, unit] of [['8867-4', 118, '/min'], ['9279-1', 28, '/min'], ['59408-5', 91, '%'], ['8480-6', 92, 'mm[Hg]'], ['8478-0', 61, 'mm[Hg]'], ['8310-5', 38.9, 'Cel']] as const) {
    for (const hours of [-3, -1.2, -0.2]) await sent('POST', '/Observation', vital(patient, code, value, unit, hours));
  }
  await scored();
  const [row, ...others] = await worklist();
  expect(others).toEqual([]);
  expect(row).toMatchObject({ patientId: patient.id, stayId: encounter.id, ward: 'ICU', bed: '07', risk: { status: 'scored' }, identity: { name: expect.stringContaining('Sommer') } });
  expect(row?.risk.probability).toBeGreaterThan(0);

  // Who works there may read them, others may not.
  expect((await asClinician({ path: `/api/stays/${encounter.id}` })).status).toBe(200);
  expect((await asClinician({ path: `/api/fhir/Patient/${patient.id}` })).status).toBe(200);
  await workOn('fhir/SURGERY');
  expect(await worklist()).toEqual([]);
  expect((await asClinician({ path: `/api/fhir/Patient/${patient.id}` })).status).toBe(403);
  await workOn('fhir');

  // Where the score's age and hours come from: the Patient and the Encounter.
  const [prediction] = await primum.core.db.query<{ id: string }>('select scored_id as id from stay_risk where stay_id = $1', [encounter.id]);
  const graph = (await asClinician({ path: `/api/lineage?node=prediction:${prediction!.id}&direction=up&limit=5000` })).body as LineageGraph; // scored above
  expect(graph.nodes.map(({ id }) => id)).toEqual(expect.arrayContaining([`resource:Encounter/${encounter.id}/1`]));
  const down = (await asClinician({ path: `/api/lineage?node=resource:Encounter/${encounter.id}/1&direction=down&limit=5000` })).body as LineageGraph;
  expect(down.nodes.filter(({ kind }) => kind === 'fact').length).toBeGreaterThan(2);

  await sent('PUT', `/Encounter/${encounter.id}`, { ...encounter, status: 'finished', period: { start: iso(-30), end: iso(-0.1) } });
  await scored();
  expect(await worklist()).toEqual([]);
  expect((await asClinician({ path: `/api/fhir/Patient/${patient.id}` })).status).toBe(200); // three days more
  await sent('PUT', `/Encounter/${encounter.id}`, encounter);
  await scored();
  expect((await worklist()).map(({ stayId }) => stayId)).toEqual([encounter.id]);
  await sent('PUT', `/Encounter/${encounter.id}`, { ...encounter, status: 'entered-in-error' });
  await scored();
  expect(await worklist()).toEqual([]);
  expect((await asClinician({ path: `/api/fhir/Patient/${patient.id}` })).status).toBe(403);
  const standing = await primum.core.db.query('select 1 from (select distinct on (key) status, code from fact where patient_id = $1 order by key, seq desc, n desc) f where status <> $2 and code like $3', [patient.id, 'retracted', 'primum:%']);
  expect(standing).toEqual([]);
});

const authority = (name: string): string => `urn:primum:authority:${name}`;
const bench = (mrn: string, visit: string): BenchPatient => ({ mrn, visit, bed: '9', admittedAt: now - 20 * hourMs });
const staysOf = (mrn: string) => primum.core.db.query<{ id: string; status: string; bed: string; events: string }>(`
  select s.id, s.status, s.bed, (select string_agg(e.kind || case when e.message_id is null then ' by FHIR' else ' by message' end, ', ' order by e.seq, e.n) from stay_event e where e.stay_id = s.id) as events
  from stay s join patient_identifier i on i.tenant = s.tenant and i.patient_id = s.patient_id where i.token = $1`,
[primum.core.keys.token(1, 'identifier', JSON.stringify([benchSource.facility, mrn]))]);

it('messages about a visit that came by FHIR find its stay, and lead from then on', async () => {
  const person = bench('FS-2', 'FV-2');
  const patient = await sent<Patient>('POST', '/Patient', { resourceType: 'Patient', identifier: [{ system: authority(benchSource.facility), value: person.mrn }], birthDate: '1950-01-01', gender: 'male' });
  const encounter = await sent<Encounter>('PUT', '/Encounter/visit-of-its-own', encounterOf(patient, { id: 'visit-of-its-own', identifier: [{ system: authority(benchSource.facility), value: person.visit }, { system: 'https://cards.example', value: 'C-2' }], period: { start: iso(-20) }, location: [{ location: { display: 'ICU 8' } }] }));
  expect((await primum.send(admission(person, 'FS-2-A')))[0]).toContain('MSA|AA');
  expect(await staysOf(person.mrn)).toMatchObject([{ status: 'in-progress', bed: '9', events: 'admit by FHIR, transfer by message' }]);
  // The message's PID corrected what FHIR had said: one fact, under one key.
  const ages = await primum.core.db.query<{ n: number }>("select count(distinct key) as n from fact where patient_id = $1 and code = '30525-0'", [patient.id]);
  expect(ages).toEqual([{ n: 1 }]);
  const read = await sent<Encounter>('GET', `/Encounter/${encounter.id}`);
  expect(read.id).toBe('visit-of-its-own');
  expect(read.identifier).toMatchObject([{ value: person.visit }, { system: 'https://cards.example', value: 'C-2' }]);
  await sent('PUT', `/Encounter/${encounter.id}`, { ...read, status: 'finished', serviceType: { text: 'medicine' } });
  expect(await staysOf(person.mrn)).toMatchObject([{ status: 'in-progress', bed: '9', events: 'admit by FHIR, transfer by message' }]);
  await primum.send(discharge(person, 'FS-2-D', now - hourMs));
  expect(await staysOf(person.mrn)).toMatchObject([{ status: 'finished' }]);
});

it('an Encounter that messages made, or one of the same visit, can be written and moves nobody', async () => {
  const person = bench('FS-3', 'FV-3');
  await primum.send(admission(person, 'FS-3-A'));
  const before = await staysOf(person.mrn);
  expect(before).toMatchObject([{ status: 'in-progress', bed: '9', events: 'admit by message' }]);
  const made = await sent<Encounter>('GET', `/Encounter/${before[0]!.id}`); // one stay
  await sent('PUT', `/Encounter/${made.id}`, { ...made, status: 'entered-in-error', location: [{ location: { display: 'WARD 1' } }] });
  const patient: Patient = { resourceType: 'Patient', id: made.subject!.reference!.slice('Patient/'.length) };
  await sent('POST', '/Encounter', encounterOf(patient, { identifier: [{ type: { coding: [{ code: 'VN' }] }, system: authority(benchSource.facility), value: person.visit }] }));
  expect(await staysOf(person.mrn)).toEqual(before);
});
