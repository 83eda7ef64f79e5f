import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Resource } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, uuidv7 } from '@primum/base';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, withPhiReader, type Audit, type Keys, type Policy, type Principal } from '@primum/trust';
import { readPatientFacts } from '../patients/read-patient-facts.ts';
import { patientIdOf } from '../repository/patient-of.ts';
import { rowIdOf } from '../repository/row-id.ts';
import { writeVersions } from '../repository/write-versions.ts';
import { createSearchIndex } from './extract.ts';
import { parseSearch } from './parse-search.ts';
import { reindex } from './reindex.ts';
import { searchResources, type SearchPage } from './search-resources.ts';

const tenant = 1;
const base = 'http://primum.test/api/fhir';
let db: Db;
let drop: () => Promise<void>;
let keys: Keys;
let audit: Audit;
let policy: Policy;
let directory: string;
let seq = 1;

beforeAll(async () => {
  ({ db, drop } = await createTestDatabase());
  directory = mkdtempSync(join(tmpdir(), 'primum-search-'));
  keys = await openKeys({ directory, tenants: [tenant] });
  audit = createAudit({ keys });
  policy = createPolicy({ readPatientFacts, demonstration: true });
  await write(...ward);
});
afterAll(async () => {
  await drop();
  rmSync(directory, { recursive: true, force: true });
});

async function write(...resources: Resource[]): Promise<void> {
  const search = createSearchIndex({ keys }, tenant);
  const rows = resources.map((body) => {
    const patient = patientIdOf(body);
    return { type: body.resourceType, id: rowIdOf(keys, tenant, body.resourceType, body.id!), version: 1, patientId: patient === null ? null : rowIdOf(keys, tenant, 'Patient', patient), messageId: null, body };
  });
  await keys.ensure(tenant, rows.flatMap(({ patientId }) => (patientId === null ? [] : [{ kind: 'patient', patientId } as const])));
  seq += 1;
  await db.transaction((tx) => writeVersions({ tx, keys, search }, tenant, seq, rows));
}

const params = (query: string): [string, string][] => [...new URLSearchParams(query)];
function page(type: string, query: string, principal: Principal = mintSystemPrincipal('ingest')): Promise<SearchPage> {
  const deps = { db, keys, clock: systemClock };
  return withPhiReader({ ...deps, audit, policy }, { tenant, principal, purpose: 'TREAT', scope: { worklist: 'search', alsoUnassigned: true }, action: 'resource.search' },
    (reader) => searchResources(deps, reader, [parseSearch(type, params(query))], { base }));
}
const ids = (found: readonly { resource: Resource }[]): string[] => found.map(({ resource }) => resource.id!).toSorted();
const search = async (type: string, query: string): Promise<string[]> => ids((await page(type, `_count=1000&${query}`)).matches);

const anna = uuidv7();
const bela = uuidv7();
const ref = (type: string, id: string): { reference: string } => ({ reference: `${type}/${id}` });
const loinc = 'http://loinc.org';
const ucum = 'http://unitsofmeasure.org';
const ward: Resource[] = [
  {
    resourceType: 'Patient', id: anna, active: true, gender: 'female', birthDate: '1970-02-03', name: [{ family: 'Müller-Lüdenscheidt', given: ['Anna', 'Maria'] }], managingOrganization: ref('Organization', 'mercy'),
    identifier: [{ system: 'urn:mrn', value: '1234', type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] } }],
    telecom: [{ system: 'phone', value: '(555) 123-4567' }, { system: 'email', value: 'Anna@Example.org' }], address: [{ line: ['Main Street 5'], city: 'Springfield', state: 'MA', postalCode: '01101' }],
    meta: { tag: [{ system: 'urn:tags', code: 'vip' }], profile: ['http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient|6.1.0'], source: 'urn:feed:adt' },
    extension: [{ url: 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race', extension: [{ url: 'ombCategory', valueCoding: { system: 'urn:oid:2.16.840.1.113883.6.238', code: '2106-3' } }] }],
  },
  { resourceType: 'Patient', id: bela, active: false, gender: 'male', birthDate: '1985', deceasedDateTime: '2024-05-06T07:08:09Z', name: [{ family: 'Bartók', given: ['Béla'] }], identifier: [{ value: '99' }] },
  { resourceType: 'Organization', id: 'mercy', name: 'Mercy Hospital', partOf: ref('Organization', 'group') },
  { resourceType: 'Organization', id: 'group', name: 'Hospitals Group' },
  { resourceType: 'Practitioner', id: 'doc', name: [{ family: 'House', given: ['Gregory'] }] },
  { resourceType: 'Encounter', id: 'stay', status: 'in-progress', class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' }, subject: ref('Patient', anna), period: { start: '2024-03-01T08:00:00Z' }, participant: [{ individual: ref('Practitioner', 'doc') }] },
  { resourceType: 'Encounter', id: 'visit', status: 'finished', class: { code: 'AMB' }, subject: ref('Patient', bela), period: { start: '2023-01-10T08:00:00Z', end: '2023-01-10T09:00:00Z' } },
  {
    resourceType: 'Observation', id: 'hr', status: 'final', subject: ref('Patient', anna), encounter: ref('Encounter', 'stay'), effectiveDateTime: '2024-03-02T10:00:00Z',
    code: { text: 'Heart rate', coding: [{ system: loinc, code: '8867-4', display: 'Heart rate' }] }, category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }],
    valueQuantity: { value: 120, unit: 'beats/minute', system: ucum, code: '/min' },
  },
  {
    resourceType: 'Observation', id: 'bp', status: 'final', subject: ref('Patient', anna), effectiveDateTime: '2024-03-02', code: { coding: [{ system: loinc, code: '85354-9', display: 'Blood pressure panel' }] },
    component: [
      { code: { coding: [{ system: loinc, code: '8480-6' }] }, valueQuantity: { value: 140, unit: 'mmHg', system: ucum, code: 'mm[Hg]' } },
      { code: { coding: [{ system: loinc, code: '8462-4' }] }, valueQuantity: { value: 60, unit: 'mmHg', system: ucum, code: 'mm[Hg]' } },
    ],
  },
  {
    resourceType: 'Observation', id: 'weight', status: 'amended', subject: ref('Patient', bela), effectivePeriod: { start: '2023-01-10T08:10:00Z', end: '2023-01-10T08:20:00Z' },
    code: { coding: [{ system: loinc, code: '29463-7', display: 'Body weight' }] }, valueQuantity: { value: 80.5, unit: 'kg', system: ucum, code: 'kg' }, derivedFrom: [ref('Observation', 'hr')],
  },
  { resourceType: 'Observation', id: 'smoking', status: 'final', subject: ref('Patient', bela), code: { coding: [{ system: loinc, code: '72166-2' }] }, valueCodeableConcept: { text: 'Never smoker', coding: [{ system: 'http://snomed.info/sct', code: '266919005', display: 'Never smoked tobacco' }] } },
  { resourceType: 'ValueSet', id: 'vs', status: 'active', url: 'http://example.org/fhir/ValueSet/colours', version: '1.2' },
  { resourceType: 'Provenance', id: 'prov', recorded: '2024-03-02T11:00:00Z', target: [ref('Observation', 'hr')], agent: [{ who: ref('Practitioner', 'doc') }] },
  { resourceType: 'Group', id: 'cohort', type: 'person', actual: true, member: [{ entity: ref('Patient', anna) }, { entity: ref('Patient', bela) }] },
  { resourceType: 'RiskAssessment', id: 'risk', status: 'final', subject: ref('Patient', anna), prediction: [{ probabilityDecimal: 0.82 }] },
];

describe('criteria', () => {
  it.each<[string, string, string[]]>([
    // token
    ['Observation', `code=${loinc}|8867-4`, ['hr']],
    ['Observation', 'code=8867-4,29463-7', ['hr', 'weight']],
    ['Observation', `code=${loinc}|`, ['bp', 'hr', 'smoking', 'weight']],
    ['Observation', 'code=|8867-4', []],
    ['Observation', 'code:not=8867-4', ['bp', 'smoking', 'weight']],
    ['Observation', 'status=final&status:not=amended', ['bp', 'hr', 'smoking']],
    ['Observation', 'code:text=heart', ['hr']],
    ['Observation', 'code:text=rate', []],
    ['Observation', 'value-concept:missing=false', ['smoking']],
    ['Observation', 'encounter:missing=true', ['bp', 'smoking', 'weight']],
    ['Observation', 'combo-code=8480-6', ['bp']],
    ['Patient', 'gender=http://hl7.org/fhir/administrative-gender|female', [anna]],
    ['Patient', 'gender=http://other|female', []],
    ['Patient', 'active=true', [anna]],
    ['Patient', 'deceased=true', [bela]],
    ['Patient', 'deceased=false', [anna]],
    ['Patient', 'identifier=urn:mrn|1234', [anna]],
    ['Patient', 'identifier=99', [bela]],
    ['Patient', 'identifier=|99', [bela]],
    ['Patient', 'identifier=|1234', []],
    ['Patient', 'identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|1234', [anna]],
    ['Patient', 'phone=555-123-4567', [anna]],
    ['Patient', 'email=anna@example.org', [anna]],
    ['Patient', 'race=2106-3', [anna]],
    ['Patient', '_tag=urn:tags|vip', [anna]],
    ['Patient', '_tag:not=vip', [bela]],
    // string
    ['Patient', 'name=mull', [anna]],
    ['Patient', 'name=LUDEN', [anna]],
    ['Patient', 'family=bartok', [bela]],
    ['Patient', 'family:exact=Bartok', []],
    ['Patient', 'family:exact=Bartók', [bela]],
    ['Patient', 'name:contains=uden', [anna]],
    ['Patient', 'given=ann&family=mul', [anna]],
    ['Patient', 'given=anna,bela', [anna, bela]],
    ['Patient', 'address=main', [anna]],
    ['Patient', 'address-postalcode=01101', [anna]],
    // uri
    ['Patient', '_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient', [anna]],
    ['Patient', '_source=urn:feed:adt', [anna]],
    ['ValueSet', 'url=http://example.org/fhir/ValueSet/colours', ['vs']],
    ['ValueSet', 'url:below=http://example.org/fhir', ['vs']],
    ['ValueSet', 'url:below=http://example.org/fh', []],
    // reference
    ['Observation', `subject=Patient/${anna}`, ['bp', 'hr']],
    ['Observation', `patient=${anna}`, ['bp', 'hr']],
    ['Observation', `subject:Patient=${bela}`, ['smoking', 'weight']],
    ['Observation', `subject=${base}/Patient/${anna}`, ['bp', 'hr']],
    ['Observation', 'encounter=stay', ['hr']],
    ['Observation', 'encounter=Encounter/other', []],
    // dates
    ['Observation', 'date=2024-03-02', ['bp', 'hr']],
    ['Observation', 'date=2024-03-02T10:00:00Z', ['hr']],
    ['Observation', 'date=2024', ['bp', 'hr']],
    ['Observation', 'date=ne2024', ['weight']],
    ['Observation', 'date=gt2024-03-02T09:00:00Z', ['bp', 'hr']],
    ['Observation', 'date=sa2024-03-02T09:00:00Z', ['hr']],
    ['Observation', 'date=lt2024', ['weight']],
    ['Observation', 'date=eb2023-01-10T08:20:01Z', ['weight']],
    ['Observation', 'date=eb2023-01-10T08:20:00Z', []],
    ['Observation', 'date=ge2023-01-10&date=le2023-01-10', ['weight']],
    ['Encounter', 'date=ge2024-06-01', ['stay']],
    ['Encounter', 'date=lt2024', ['visit']],
    ['Encounter', 'date=2024', []],
    ['Patient', 'birthdate=1970-02-03', [anna]],
    ['Patient', 'birthdate=1970', [anna]],
    ['Patient', 'birthdate=9999-12-31', []],
    ['Patient', 'birthdate=le9999', [anna, bela]],
    ['Patient', 'birthdate=ne0001', [anna, bela]],
    ['Patient', 'birthdate=1985', [bela]],
    ['Patient', 'birthdate=1985-01', []],
    ['Patient', 'birthdate=ge1970-02-04', [bela]],
    ['Patient', 'birthdate=le1970-02-03', [anna]],
    ['Patient', 'birthdate=gt1985-06-01', [bela]],
    ['Patient', 'birthdate=sa1985-06-01', []],
    ['Patient', 'birthdate=ne1970', [bela]],
    ['Patient', 'death-date=2024-05', [bela]],
    // quantity and number
    ['Observation', 'value-quantity=120', ['hr']],
    ['Observation', 'value-quantity=gt100', ['hr']],
    ['Observation', `value-quantity=80.5|${ucum}|kg`, ['weight']],
    ['Observation', `value-quantity=80500|${ucum}|g`, ['weight']],
    ['Observation', `value-quantity=gt170|${ucum}|[lb_av]`, ['weight']],
    ['Observation', `value-quantity=lt170|${ucum}|[lb_av]`, []],
    ['Observation', 'value-quantity=120||beats/minute', ['hr']],
    ['Observation', 'value-quantity=81', ['weight']],
    ['Observation', 'value-quantity=80', []], // 79.5 to 80.5, which is not in it
    ['Observation', 'value-quantity=ap110', ['hr']],
    ['Observation', 'value-quantity=1e-320', []],
    ['Observation', 'value-quantity=lt1e-320', []],
    ['Observation', 'value-quantity=ap1.7e308', []],
    ['Observation', 'combo-value-quantity=140', ['bp']],
    ['RiskAssessment', 'probability=gt0.8', ['risk']],
    ['RiskAssessment', 'probability=0.8', ['risk']],
    ['RiskAssessment', 'probability=0.80', []],
    // composite
    ['Observation', 'code-value-quantity=8867-4$gt100', ['hr']],
    ['Observation', 'code-value-quantity=8867-4$gt130', []],
    ['Observation', `component-code-value-quantity=${loinc}|8480-6$gt130|${ucum}|mm[Hg]`, ['bp']],
    ['Observation', 'component-code-value-quantity=8462-4$gt130', []],
    ['Observation', 'combo-code-value-quantity=8480-6$140,8867-4$lt3', ['bp']],
    ['Observation', 'code-value-concept=72166-2$266919005', ['smoking']],
    // chains
    ['Observation', 'subject:Patient.name=bart', ['smoking', 'weight']],
    ['Observation', 'patient.gender=female', ['bp', 'hr']],
    ['Observation', 'subject:Patient.organization.name=mercy', ['bp', 'hr']],
    ['Observation', 'subject:Patient.organization.partof.name=hospitals', ['bp', 'hr']],
    ['Observation', 'encounter.practitioner.family=house', ['hr']],
    ['Patient', '_has:Observation:patient:code=8867-4', [anna]],
    ['Patient', '_has:Encounter:subject:status=finished', [bela]],
    ['Practitioner', '_has:Encounter:practitioner:status=in-progress', ['doc']],
    ['Patient', '_has:Observation:subject:encounter.status=in-progress', [anna]],
    ['Patient', '_has:Encounter:patient:_has:Observation:encounter:code=8867-4', [anna]],
    ['Observation', '_id=hr,bp', ['bp', 'hr']],
    ['Observation', '_lastUpdated=gt2020&_id=hr', ['hr']],
    ['Observation', '_lastUpdated=lt2020', []],
  ])('%s?%s', async (type, query, expected) => {
    expect(await search(type, query)).toEqual(expected.toSorted());
  });
});

describe('a list', () => {
  it('is of the patients that policies allow, and to an app of one patient nothing that names others', async () => {
    await db.query("insert into site (tenant, code, name) values ($1, 'search', 'Search')", [tenant]);
    for (const id of [anna, bela]) {
      await db.query("insert into patient (tenant, id, site_id, root_id) select $1, $2, id, $2 from site where tenant = $1 and code = 'search'", [tenant, id]);
      await db.query("insert into stay (tenant, id, site_id, patient_id, visit_token, status, changed_seq) select $1, $3, id, $2, $4, 'in-progress', 1 from site where tenant = $1 and code = 'search'", [tenant, id, uuidv7(), Buffer.from(id)]);
    }
    const clinician: Principal = { kind: 'user', userId: uuidv7(), username: 'ward', role: 'clinician', careUnits: ['search'] };
    const elsewhere: Principal = { ...clinician, careUnits: ['other'] };
    const app: Principal = { ...clinician, via: { clientId: 'app', scopes: ['patient/*.rs'], patientId: anna } };
    const seen = async (principal: Principal): Promise<Record<string, string[]>> => {
      const all = ['Observation', 'Group', 'Practitioner'] as const;
      return Object.fromEntries(await Promise.all(all.map(async (type) => [type, ids((await page(type, '', principal)).matches)])));
    };
    expect(await seen(clinician)).toEqual({ Observation: ['bp', 'hr', 'smoking', 'weight'], Group: ['cohort'], Practitioner: ['doc'] });
    expect(await seen(elsewhere)).toEqual({ Observation: [], Group: ['cohort'], Practitioner: ['doc'] });
    expect(await seen(app)).toEqual({ Observation: ['bp', 'hr'], Group: [], Practitioner: ['doc'] });
    expect(ids((await page('Encounter', 'subject:Patient.family=bart', app)).matches)).toEqual([]);
    expect(ids((await page('Patient', '_has:Observation:patient:code=29463-7', clinician)).matches)).toEqual([bela]);
    expect(ids((await page('Practitioner', '_has:Encounter:practitioner:status=in-progress', elsewhere)).matches)).toEqual([]);
  });

  it('is sorted by several keys, sealed or not, what lacks one last', async () => {
    const sorted = async (sort: string): Promise<string[]> => (await page('Observation', `_sort=${sort}`)).matches.map(({ resource }) => resource.id!);
    expect((await sorted('status,-value-quantity')).slice(0, 2)).toEqual(['weight', 'hr']);
    expect((await sorted('-date')).at(-1)).toBe('smoking');
    expect((await sorted('value-quantity')).slice(0, 2)).toEqual(['weight', 'hr']);
    expect((await page('Patient', '_sort=birthdate')).matches.map(({ resource }) => resource.id)).toEqual([anna, bela]);
    expect((await page('Patient', '_sort=family')).matches.map(({ resource }) => resource.id)).toEqual([bela, anna]);
  });

  it('fails where a reference would lead over more than may be gathered, and is not cut', async () => {
    await db.query(`with made as (insert into resource (tenant, type, id, version, seq, body) select $1, 'Location', gen_random_uuid(), 1, 1, '' from generate_series(1, 20001) returning *)
      insert into resource_search (tenant, type, id, version, seq, recorded_at, tokens) select tenant, type, id, 1, 1, now(), '{}' from made`, [tenant]);
    await expect(page('Encounter', 'location._tag:not=x')).rejects.toMatchObject({ code: 'fhir.search-too-wide' });
    await expect(page('Location', '_sort=name')).rejects.toMatchObject({ code: 'fhir.search-too-wide' });
    await db.query("delete from resource_search where type = 'Location'; delete from resource where type = 'Location'");
  });
});

describe('reindex', () => {
  it('makes again what is missing or made otherwise, and leaves the rest', async () => {
    const search = createSearchIndex({ keys }, tenant);
    const before = await db.query('select t::text from resource_search t order by type, id', []);
    expect(await reindex({ db, keys, search }, tenant)).toBe(0);
    await db.query("delete from resource_search where type = 'Observation'", []);
    await db.query("update resource_search set tokens = '{}' where type = 'Patient'", []);
    expect(await reindex({ db, keys, search }, tenant, { chunk: 3 })).toBe(4);
    expect(await reindex({ db, keys, search }, tenant, { all: true, chunk: 4, from: { type: 'Observation', id: '00000000-0000-0000-0000-000000000000' } })).toBeGreaterThan(4);
    expect(await db.query('select t::text from resource_search t order by type, id', [])).toEqual(before);
  });
});
