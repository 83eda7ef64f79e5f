import type { Encounter, Patient, Resource } from '@medplum/fhirtypes';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@primum/base';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodeTable } from '../codes/code-table.ts';
import { readPatientFacts } from '../patients/read-patient-facts.ts';
import { writeResources, type WriteDeps, type WriteOperation, type Written } from '../repository/write-resources.ts';
import { createSearchIndex } from '../search/extract.ts';
import { readStayEvents } from './stay-rows.ts';

const tenant = 1;
let deps: WriteDeps;
let close: () => Promise<void>;
beforeAll(async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'primum-stays-'));
  const keys = await openKeys({ directory: folder, tenants: [tenant] });
  const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
  deps = { db: database.db, keys, clock: systemClock, codes, audit: createAudit({ keys }), policy: createPolicy({ readPatientFacts, demonstration: true }), search: createSearchIndex({ keys }, tenant) };
  close = async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  };
});
afterAll(() => close());

const call = { tenant, principal: mintSystemPrincipal('cli:test'), purpose: 'TREAT' } as const;
const write = (...operations: WriteOperation[]): Promise<Written[]> => writeResources(deps, call, operations);
const put = (resource: Resource): WriteOperation => ({ kind: 'update', resource });
const start = '2026-03-01T08:00:00.000Z';
const iso = (hours: number): string => new Date(Date.parse(start) + hours * 3_600_000).toISOString();
const patient = (id: string, more: Partial<Patient> = {}): Patient => ({ resourceType: 'Patient', id, birthDate: '1950-05-05', gender: 'female', ...more });
const encounter = (id: string, patientId: string, more: Partial<Encounter> = {}): Encounter => ({
  resourceType: 'Encounter', id, status: 'in-progress', class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
  subject: { reference: `Patient/${patientId}` }, period: { start }, location: [{ location: { display: 'ICU 07' }, period: { start } }], ...more,
});
const visit = (value: string): Pick<Encounter, 'identifier'> => ({ identifier: [{ system: 'urn:hospital:visits', value }] });

const stayOf = async (id: string) => (await deps.db.query<{ status: string; ward: string | null; bed: string | null; icu: boolean; icu_from: Date | null; ended_at: Date | null; patient_id: string; site: string }>(
  'select s.status, s.ward, s.bed, s.icu, s.icu_from, s.ended_at, s.patient_id, t.code as site from stay s join site t on t.tenant = s.tenant and t.id = s.site_id where s.id = $1', [id]))[0];
const eventsOf = async (id: string): Promise<string[]> => ((await readStayEvents(deps.db, tenant, [id])).get(id) ?? []).map(({ kind }) => kind);
/** What stands of a patient's facts: code, value or words. */
const factsOf = async (patientId: string): Promise<string[]> => (await deps.db.query<{ code: string; value: number | null; status: string }>(
  'select * from (select distinct on (key) code, value, status from fact where patient_id = $1 order by key, seq desc, n desc) f order by code', [patientId]))
  .filter(({ status }) => status !== 'retracted').map(({ code, value }) => `${code} ${value}`);
const lastChange = async (patientId: string) => (await deps.db.query<{ payload: { kind: string; stayId?: string; fromAt: number } }>("select payload from outbox where topic = 'patient.changed' and key = $1 order by id desc limit 1", [patientId]))[0]?.payload;
const inIcu = ['30525-0 75.82', '46098-0 0', 'primum:hospital-admit 1', 'primum:icu-admit 1'];

/** A patient with an Encounter, in one transaction. */
async function admitted(more: Partial<Encounter> = {}): Promise<{ p: string; e: string }> {
  const [p, e] = [randomUUID(), randomUUID()];
  await write(put(encounter(e, p, more)), put(patient(p)));
  return { p, e };
}

describe('an Encounter that is written', () => {
  it('makes a stay with its facts, and says so', async () => {
    const { p, e } = await admitted();
    expect(await stayOf(e)).toMatchObject({ status: 'in-progress', ward: 'ICU', bed: '07', icu: true, patient_id: p, site: 'fhir', icu_from: new Date(start) });
    expect(await factsOf(p)).toEqual(inIcu);
    expect(await lastChange(p)).toMatchObject({ kind: 'stay', stayId: e, fromAt: Date.parse(start) });
    const [{ care_units } = { care_units: [] }] = await deps.db.query<{ care_units: string[] }>('select care_units from patient_facts where patient_id = $1', [p]);
    expect(care_units).toEqual(['*', 'fhir', 'fhir/ICU']);
  });

  it('appends what is new and cancels what does not hold any more', async () => {
    const { p, e } = await admitted();
    const moved = encounter(e, p, { location: [...encounter(e, p).location!, { location: { display: 'WARD 3' }, period: { start: iso(20) } }] });
    await write(put(moved));
    expect(await stayOf(e)).toMatchObject({ ward: 'WARD', bed: '3', icu: false, icu_from: null });
    expect(await eventsOf(e)).toEqual(['admit', 'transfer']);
    await write(put({ ...moved, location: [moved.location![0]!, { location: { display: 'WARD 3' }, period: { start: iso(21) } }] }));
    expect(await eventsOf(e)).toEqual(['admit', 'transfer', 'cancel-transfer', 'transfer']);
    await write(put({ ...moved, location: [moved.location![0]!], serviceType: { text: 'cardiology' } }));
    expect(await stayOf(e)).toMatchObject({ ward: 'ICU', icu: true, icu_from: new Date(start) });
    await write(put({ ...moved, location: [moved.location![0]!], serviceType: { text: 'medicine' } }));
    expect(await eventsOf(e)).toHaveLength(5); // nothing happened
    expect(await factsOf(p)).toEqual(inIcu);
    expect((await deps.db.query<{ message_id: string | null }>('select message_id from stay_event where stay_id = $1', [e])).every(({ message_id }) => message_id === null)).toBe(true);
  });

  it('ends, once', async () => {
    const { p, e } = await admitted();
    const over = encounter(e, p, { status: 'finished', hospitalization: { dischargeDisposition: { text: 'expired' } } });
    await write(put(over));
    const { ended_at: endedAt } = (await stayOf(e))!; // written above
    await write(put({ ...over, serviceType: { text: 'medicine' } }));
    expect(await stayOf(e)).toMatchObject({ status: 'finished', ended_at: endedAt });
    expect(await factsOf(p)).toEqual([...inIcu.slice(0, 2), 'primum:death 1', ...inIcu.slice(2), 'primum:icu-discharge 1']);
    await write(put({ ...over, period: { start, end: iso(50) } }));
    expect(await stayOf(e)).toMatchObject({ ended_at: new Date(iso(50)) });
    await write(put(encounter(e, p)));
    expect(await stayOf(e)).toMatchObject({ status: 'in-progress', ended_at: null });
    expect(await factsOf(p)).toEqual(inIcu);
  });

  it.each(['entered-in-error', 'cancelled', 'planned', 'deleted', 'ambulatory'])('is taken back when it is %s, and comes back', async (how) => {
    const { p, e } = await admitted();
    await write(how === 'deleted' ? { kind: 'delete', type: 'Encounter', id: e }
      : put(encounter(e, p, how === 'ambulatory' ? { class: { code: 'AMB' } } : { status: how as Encounter['status'] }))); // of the list above
    expect(await stayOf(e)).toMatchObject({ status: 'cancelled', icu: false });
    expect(await factsOf(p)).toEqual([]);
    expect(await lastChange(p)).toMatchObject({ kind: 'correction', stayId: e });
    await write(put(encounter(e, p)));
    expect(await stayOf(e)).toMatchObject({ status: 'in-progress', icu: true });
    expect(await factsOf(p)).toEqual(inIcu);
  });

  it('of an ambulatory visit, or of nobody, makes none', async () => {
    const { e } = await admitted({ class: { code: 'AMB' } });
    const nobodys = randomUUID();
    const { subject: _subject, ...rest } = encounter(nobodys, '');
    await write(put(rest));
    expect([await stayOf(e), await stayOf(nobodys)]).toEqual([undefined, undefined]);
  });

  it('goes over to another patient with its facts', async () => {
    const { p, e } = await admitted();
    const other = randomUUID();
    await write(put(patient(other, { gender: 'male' })));
    await write(put(encounter(e, other)));
    expect(await stayOf(e)).toMatchObject({ patient_id: other, status: 'in-progress' });
    expect([await factsOf(p), await factsOf(other)]).toEqual([[], inIcu.map((fact) => fact.replace('46098-0 0', '46098-0 1'))]);
    expect([(await lastChange(p))?.stayId, (await lastChange(other))?.stayId]).toEqual([e, e]);
  });

  it('is read with the Locations of the record and of its own transaction', async () => {
    const [ward, bed] = [randomUUID(), randomUUID()];
    const physicalType = (code: string) => ({ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/location-physical-type', code }] });
    await write(put({ resourceType: 'Location', id: ward, name: 'Intensiv 1', physicalType: physicalType('wa'), type: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode', code: 'ICU' }] }] }));
    const [p, e] = [randomUUID(), randomUUID()];
    await write(put(patient(p)), put(encounter(e, p, { location: [{ location: { reference: `Location/${bed}` } }] })),
      put({ resourceType: 'Location', id: bed, name: 'B4', physicalType: physicalType('bd'), partOf: { reference: `Location/${ward}` } }));
    expect(await stayOf(e)).toMatchObject({ ward: 'Intensiv 1', bed: 'B4', icu: true });
  });
});

describe('a visit number', () => {
  it('opens one stay, and is lent on when its stay was taken back', async () => {
    const { p, e } = await admitted(visit('V1'));
    const second = randomUUID();
    await write(put(encounter(second, p, visit('V1'))));
    expect(await stayOf(second)).toBeUndefined();
    const third = randomUUID();
    await write(put(encounter(third, p, visit('V1'))), put(encounter(e, p, { ...visit('V1'), status: 'entered-in-error' })));
    expect([(await stayOf(e))?.status, (await stayOf(third))?.status]).toEqual(['cancelled', 'in-progress']);
    const [{ same } = { same: 0 }] = await deps.db.query<{ same: number }>('select count(distinct visit_token) as same from stay where id = any($1::uuid[])', [[e, third]]);
    expect(same).toBe(2);
    expect(await factsOf(p)).toEqual(inIcu);
  });

  it('of another patient stays theirs; one that comes later is known', async () => {
    const { e } = await admitted(visit('V2'));
    const other = await admitted(visit('V2'));
    const tokenOf = async (id: string): Promise<string> => (await deps.db.query<{ token: string }>("select encode(visit_token, 'hex') as token from stay where id = $1", [id]))[0]!.token; // admitted above
    const [first, second] = [await tokenOf(e), await tokenOf(other.e)];
    expect(second).not.toBe(first);
    await write(put(encounter(other.e, other.p, visit('V3'))));
    expect([await tokenOf(e), await tokenOf(other.e)]).toEqual([first, deps.keys.token(tenant, 'visit', JSON.stringify(['urn:hospital:visits', 'V3'])).toString('hex')]);
  });
});

describe('a Patient that changes', () => {
  it('corrects age and sex of the stays, and tells a death', async () => {
    const { p, e } = await admitted();
    await write(put(patient(p, { birthDate: '1960-05-05', gender: 'unknown', deceasedDateTime: iso(30) })));
    expect(await factsOf(p)).toEqual(['30525-0 65.82', 'primum:death 1', 'primum:hospital-admit 1', 'primum:icu-admit 1']);
    expect(await lastChange(p)).toMatchObject({ kind: 'correction', stayId: e });
    await write(put(patient(p, { name: [{ family: 'Winter' }] })));
    expect(await factsOf(p)).toEqual(inIcu);
  });

  it('with the Encounter in one transaction is read as it stands then', async () => {
    const { p, e } = await admitted();
    await write(put(patient(p, { birthDate: '1940-01-01' })), put(encounter(e, p, { period: { start: iso(1) } })));
    expect(await factsOf(p)).toEqual(['30525-0 86.16', ...inIcu.slice(1)]);
    expect(await stayOf(e)).toMatchObject({ icu_from: new Date(iso(1)) });
  });
});
