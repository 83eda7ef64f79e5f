import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { OperationOutcome, Parameters, ValueSet } from '@medplum/fhirtypes';
import { largeSystem } from '@primum/record';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

let primum: Booted;
let service: ServiceClient;
let folder: string;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
  folder = await mkdtemp(join(tmpdir(), 'primum-terminology-'));
});
afterAll(async () => {
  await primum[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const gender = 'http://hl7.org/fhir/ValueSet/administrative-gender';
const said = (body: unknown, name: string): unknown => {
  const found = (body as Parameters).parameter?.find((one) => one.name === name);
  return found === undefined ? undefined : Object.entries(found).find(([key]) => key.startsWith('value'))?.[1];
};
const codesOf = (body: unknown): string[] => ((body as ValueSet).expansion?.contains ?? []).map(({ code }) => code!);
const expand = async (query: string): Promise<{ status: number; body: unknown }> => service.fhir('GET', `/ValueSet/$expand?${query}`);

describe('value sets', () => {
  it('of HL7 are listed, by text and page, and asked for one code', async () => {
    expect(codesOf((await expand(`url=${gender}`)).body)).toEqual(['male', 'female', 'other', 'unknown']);
    expect(codesOf((await expand(`url=${gender}&filter=fem`)).body)).toEqual(['female']);
    const page = (await expand(`url=${gender}&offset=1&count=2`)).body as ValueSet;
    expect({ codes: codesOf(page), total: page.expansion?.total }).toEqual({ codes: ['female', 'other'], total: 4 });
    for (const [code, member] of [['male', true], ['man', false]] as const) expect(said((await service.fhir('GET', `/ValueSet/$validate-code?url=${gender}&code=${code}`)).body, 'result')).toBe(member);
    expect((await expand('url=http://example.org/none')).status).toBe(404);
    expect((await expand('url=http://hl7.org/fhir/ValueSet/observation-codes')).status).toBe(422); // LOINC is the hospital's to load
  });

  it('that are stored count at once, with filters over a stored code system', async () => {
    const system = 'http://hospital.example/wards';
    expect((await service.fhir('POST', '/CodeSystem', {
      resourceType: 'CodeSystem', status: 'active', content: 'complete', url: system, name: 'Wards', concept: [{ code: 'icu', display: 'Intensive care', concept: [{ code: 'micu', display: 'Medical ICU' }, { code: 'sicu', display: 'Surgical ICU' }] }, { code: 'er', display: 'Emergency' }],
    })).status).toBe(201);
    expect((await service.fhir('POST', '/ValueSet', {
      resourceType: 'ValueSet', status: 'active', url: 'http://hospital.example/critical', compose: { include: [{ system, filter: [{ property: 'concept', op: 'is-a', value: 'icu' }] }, { system, concept: [{ code: 'er' }] }], exclude: [{ system, concept: [{ code: 'sicu' }] }] },
    })).status).toBe(201);
    expect(codesOf((await expand('url=http://hospital.example/critical')).body)).toEqual(['icu', 'micu', 'er']);
    expect(said((await service.fhir('GET', `/CodeSystem/$lookup?system=${system}&code=micu`)).body, 'display')).toBe('Medical ICU');
    const { body } = await service.fhir('GET', `/CodeSystem/$validate-code?url=${system}&code=micu&display=Something`);
    expect([said(body, 'result'), said(body, 'message')]).toEqual([true, 'the display is another']);
  });

  it('of a code system that was loaded from a file are asked in the database', async () => {
    const file = join(folder, 'codes.csv');
    await writeFile(file, 'code,display,parents\nA,All,\nA1,"First, of all",A\nA2,Second,A\nA11,First of first,A1\nB,Other,\n');
    const { stdout } = await promisify(execFile)(process.execPath, ['apps/primum/src/main.ts', 'terminology', 'load', file, '--system', 'http://licensed.example', '--version', '2026', '--home', primum.home], { env: { ...process.env, DATABASE_URL: primum.core.db.url } });
    expect(stdout).toContain('5 codes');
    const asked = await service.fhir('POST', '/ValueSet/$expand', { resourceType: 'Parameters', parameter: [{ name: 'valueSet', resource: { resourceType: 'ValueSet', status: 'active', compose: { include: [{ system: 'http://licensed.example', filter: [{ property: 'concept', op: 'descendent-of', value: 'A' }] }] } } }, { name: 'filter', valueString: 'first' }] });
    expect(codesOf(asked.body)).toEqual(['A1', 'A11']);
    const source = (await largeSystem(primum.core.db, 1, 'http://licensed.example'))!; // loaded just before
    const filter = (op: string, value: string, property = 'concept'): { property: string; op: string; value: string } => ({ property, op, value });
    for (const [filters, codes] of [
      [[filter('is-a', 'A')], ['A', 'A1', 'A11', 'A2']], [[filter('descendent-of', 'A1')], ['A11']], [[filter('is-not-a', 'A1')], ['A', 'A2', 'B']], [[filter('is-a', 'A'), filter('is-not-a', 'A1')], ['A', 'A2']], [[filter('in', 'A1, B')], ['A1', 'B']],
      [[filter('=', 'A', 'parent')], ['A1', 'A2']], [[filter('=', 'Other', 'display')], ['B']], [[filter('is-a', 'none')], []],
    ] as const) {
      expect({ filters, codes: (await source.list({ filters, limit: 10 })).map(({ code }) => code) }).toEqual({ filters, codes });
      for (const code of ['A', 'A1', 'A11', 'A2', 'B', 'none']) expect({ filters, code, meets: await source.meets(code, filters) }).toEqual({ filters, code, meets: codes.some((one) => one === code) });
    }
    expect(await source.childrenOf('A')).toEqual(['A1', 'A2']);
    expect(said((await service.fhir('GET', '/CodeSystem/$validate-code?url=http://licensed.example&code=A2')).body, 'result')).toBe(true);
  });
});

describe('ConceptMap/$translate', () => {
  it('says what a code is elsewhere, both ways', async () => {
    await service.fhir('POST', '/ConceptMap', { resourceType: 'ConceptMap', status: 'active', url: 'http://hospital.example/map', group: [{ source: 'urn:local', target: 'http://loinc.org', element: [{ code: 'HR', target: [{ code: '8867-4', equivalence: 'equal' }] }] }] });
    const match = async (query: string): Promise<unknown> => ((await service.fhir('GET', `/ConceptMap/$translate?${query}`)).body as Parameters).parameter?.find(({ name }) => name === 'match')?.part?.find(({ name }) => name === 'concept')?.valueCoding?.code;
    expect(await match('system=urn:local&code=HR&targetsystem=http://loinc.org')).toBe('8867-4');
    expect(await match('system=http://loinc.org&code=8867-4&reverse=true')).toBe('HR');
    expect(said((await service.fhir('GET', '/ConceptMap/$translate?system=urn:local&code=XX')).body, 'result')).toBe(false);
  });
});

describe('$validate', () => {
  it('says what is wrong and where, and stores nothing', async () => {
    const { status, body } = await service.fhir('POST', '/Observation/$validate', { resourceType: 'Observation', status: 'wrong', code: {}, color: 'red' });
    expect(status).toBe(200);
    const issues = (body as OperationOutcome).issue.filter(({ severity }) => severity === 'error');
    expect(issues.map(({ expression }) => expression?.[0])).toEqual(expect.arrayContaining(['Observation.status', 'Observation.color']));
    expect(await primum.core.db.query("select from resource where type = 'Observation'", [])).toEqual([]);
  });

  it('holds a resource against a profile that was stored', async () => {
    const profile = 'http://hospital.example/patient';
    const base = { resourceType: 'StructureDefinition', url: profile, name: 'HospitalPatient', status: 'active', kind: 'resource', abstract: false, type: 'Patient', baseDefinition: 'http://hl7.org/fhir/StructureDefinition/Patient', derivation: 'constraint' };
    const stored = await service.fhir('POST', '/StructureDefinition', { ...base, snapshot: { element: [
      { id: 'Patient', path: 'Patient', min: 0, max: '*', definition: 'x', base: { path: 'Patient', min: 0, max: '*' } }, { id: 'Patient.birthDate', path: 'Patient.birthDate', min: 1, max: '1', definition: 'x', base: { path: 'Patient.birthDate', min: 0, max: '1' }, type: [{ code: 'date' }] },
    ] } });
    const differential = await service.fhir('POST', '/StructureDefinition', { ...base, url: `${profile}-2`, differential: { element: [{ id: 'Patient', path: 'Patient' }] } });
    expect(differential).toMatchObject({ status: 422, body: { issue: [{ code: 'not-supported', details: { text: expect.stringContaining('no snapshot') } }] } });
    expect({ status: stored.status, said: stored.status === 201 ? undefined : stored.body }).toEqual({ status: 201, said: undefined });
    const patient = { resourceType: 'Patient', meta: { profile: [profile] } };
    expect((await service.fhir('POST', '/Patient', patient)).status).toBe(422);
    expect((await service.fhir('POST', '/Patient', { ...patient, birthDate: '1980-01-01' })).status).toBe(201);
  });
});
