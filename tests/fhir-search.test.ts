import { randomUUID } from 'node:crypto';
import type { Bundle, BundleEntry, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { createSearchIndex, reindex } from '@primum/record';
import { mintSystemPrincipal, searchAudit } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenant } from '../apps/primum/src/core.ts';
import { admittedAt, illPatient } from './support/ill-patient.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

let primum: Booted;
let service: ServiceClient;
const [ada, bob] = [randomUUID(), randomUUID()];
const doctor = randomUUID();
const loinc = 'http://loinc.org';

beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
  const entry = (resource: Resource): BundleEntry => ({ resource, request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` } });
  const pulse = (id: string, patient: string, value: number, day: string): Resource => ({
    resourceType: 'Observation', id, status: 'final', code: { coding: [{ system: loinc, code: '40443-4', display: 'Heart rate' }] }, subject: { reference: `Patient/${patient}` }, performer: [{ reference: `Practitioner/${doctor}` }],
    effectiveDateTime: day, valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  });
  const bundle: Bundle = {
    resourceType: 'Bundle', type: 'transaction', entry: [
      entry({ resourceType: 'Patient', id: ada, gender: 'female', birthDate: '1961-04-05', name: [{ family: 'Quistorp', given: ['Ada'] }], identifier: [{ system: 'urn:search', value: 'S-1' }] }),
      entry({ resourceType: 'Patient', id: bob, gender: 'male', birthDate: '1990-12-31', name: [{ family: 'Quade', given: ['Bob'] }], generalPractitioner: [{ reference: `Practitioner/${doctor}` }] }),
      entry({ resourceType: 'Practitioner', id: doctor, name: [{ family: 'House' }] }),
      ...Array.from({ length: 12 }, (_unused, n) => entry(pulse(`pulse-${n}`, n % 3 === 0 ? bob : ada, 60 + n, `2026-01-${String(n + 1).padStart(2, '0')}`))),
    ],
  };
  const { status } = await service.fhir('POST', '', bundle);
  if (status !== 200) throw new Error(`the transaction was answered ${status}`);
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

type Answer = { status: number; bundle: Bundle; ids: string[]; next: string | undefined };
async function search(path: string, by: ServiceClient = service, headers: Record<string, string> = {}): Promise<Answer> {
  const { status, body } = await by.fhir('GET', path, undefined, headers);
  return answerOf(status, body);
}
function answerOf(status: number, body: unknown): Answer {
  const bundle = body as Bundle;
  return {
    status, bundle, ids: (bundle.entry ?? []).filter(({ search: by }) => by?.mode === 'match').map(({ resource }) => resource!.id!),
    next: bundle.link?.find(({ relation }) => relation === 'next')?.url?.slice(`${primum.url}api/fhir`.length),
  };
}
const of = (mode: string, { bundle }: Answer): Resource[] => (bundle.entry ?? []).filter(({ search: by }) => by?.mode === mode).map(({ resource }) => resource!);
const codeOf = ({ bundle }: Answer): string | undefined => (bundle as unknown as OperationOutcome).issue?.[0]?.details?.coding?.[0]?.code;

describe('a page', () => {
  it('is a searchset with its parameters in the self link', async () => {
    const answer = await search(`/Observation?patient=${ada}&code=${loinc}|40443-4&_count=2&_sort=-date`);
    expect(answer.bundle).toMatchObject({ resourceType: 'Bundle', type: 'searchset' });
    expect(answer.bundle.link?.[0]).toEqual({ relation: 'self', url: `${primum.url}api/fhir/Observation?patient=${ada}&code=${loinc.replaceAll('/', '/')}%7C40443-4&_count=2&_sort=-date` });
    expect(answer.ids).toEqual(['pulse-11', 'pulse-10']);
    expect(answer.bundle.entry?.[0]?.fullUrl).toBe(`${primum.url}api/fhir/Observation/pulse-11`);
  });

  it.each(['date', '-date', '_id', '-_lastUpdated', 'value-quantity', '-value-quantity,_id', 'status', '-code', 'code,-date', '-code,value-quantity'])('goes on where it ended, sorted by %s, whatever is written meanwhile', async (sort) => {
    const all = (await search(`/Observation?code=40443-4&_sort=${sort}&_count=100`)).ids;
    const seen: string[] = [];
    for (let path: string | undefined = `/Observation?code=40443-4&_sort=${sort}&_count=5`; path !== undefined;) {
      const page: Answer = await search(path);
      seen.push(...page.ids);
      path = page.next;
      if (seen.length === 5) await service.fhir('PUT', '/Observation/between', { resourceType: 'Observation', id: 'between', status: 'final', code: { text: 'none of these' }, subject: { reference: `Patient/${ada}` } });
    }
    expect(all).toHaveLength(12);
    expect(seen).toEqual(all);
  });

  it('tells how many there are when asked', async () => {
    expect((await search('/Observation?code=40443-4&_count=5&_total=accurate')).bundle.total).toBe(12);
    expect((await search('/Observation?code=40443-4&_count=5')).bundle.total).toBeUndefined();
    expect((await search('/Observation?code=40443-4&_count=50')).bundle.total).toBe(12);
    for (const counted of ['_count=0', '_summary=count']) {
      const { bundle } = await search(`/Observation?code=40443-4&${counted}`);
      expect(bundle.total).toBe(12);
      expect(bundle).not.toHaveProperty('entry'); // no empty lists in FHIR
    }
    expect((await search('/Observation?code=40443-4&_count=5&_total=estimate')).bundle.total).toBeTypeOf('number');
  });

  it('shows what _elements and _summary ask for', async () => {
    const [some] = of('match', await search('/Observation?_id=pulse-1&_elements=valueQuantity'));
    expect(Object.keys(some!).toSorted()).toEqual(['code', 'id', 'meta', 'resourceType', 'status', 'valueQuantity']);
    expect(some!.meta?.tag).toEqual([{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }]);
    const [short] = of('match', await search(`/Patient?_id=${bob}&_summary=true`));
    expect(short).toMatchObject({ name: [{ family: 'Quade' }] });
    expect(short).not.toHaveProperty('generalPractitioner');
  });
});

describe('a search', () => {
  it('brings along what is referred to and what refers', async () => {
    const forward = await search('/Observation?_id=pulse-1&_include=Observation:subject&_include=Observation:performer');
    expect(of('include', forward).map(({ resourceType }) => resourceType).toSorted()).toEqual(['Patient', 'Practitioner']);
    const back = await search(`/Patient?_id=${bob}&_revinclude=Observation:subject`);
    expect(of('include', back).map(({ id }) => id).toSorted()).toEqual(['pulse-0', 'pulse-3', 'pulse-6', 'pulse-9']);
    const on = await search('/Observation?_id=pulse-0&_include=Observation:patient&_include:iterate=Patient:general-practitioner');
    expect(of('include', on).map(({ id }) => id).toSorted()).toEqual([bob, doctor].toSorted());
  });

  it('runs by form, over types, and in a patient\'s compartment', async () => {
    const form = await service.fhir('POST', '/Patient/_search', 'family=quis&birthdate=1961-04-05', { 'content-type': 'application/x-www-form-urlencoded' });
    expect(answerOf(form.status, form.body).ids).toEqual([ada]);
    expect((await search(`/Patient/${bob}/Observation?code=40443-4`)).ids).toHaveLength(4);
    expect((await search(`?_type=Patient,Practitioner&_id=${ada},${doctor}`)).ids.toSorted()).toEqual([ada, doctor].toSorted());
    expect((await search('?_id=1')).status).toBe(400);
  });

  it('by form keeps its values out of the address of the next page', async () => {
    const { body, status } = await service.fhir('POST', '/Patient/_search', 'family=qu&_sort=birthdate&_count=1', { 'content-type': 'application/x-www-form-urlencoded' });
    const first = answerOf(status, body);
    expect(first.ids).toEqual([ada]);
    expect(first.next).toMatch(/^\/Patient\?_page=[\w-]+$/);
    expect((await search(first.next!)).ids).toEqual([bob]);
    expect(codeOf(await search('/Patient?_page=AAAA'))).toBe('fhir.page-expired');
  });

  it('never leaves a parameter out in silence', async () => {
    const strict = await search('/Patient?shoe-size=44');
    expect({ status: strict.status, code: codeOf(strict) }).toEqual({ status: 400, code: 'fhir.parameter-unknown' });
    const lenient = await search('/Patient?shoe-size=44&family=quis', service, { prefer: 'handling=lenient' });
    expect(lenient.ids).toEqual([ada]);
    expect(of('outcome', lenient)).toMatchObject([{ resourceType: 'OperationOutcome', issue: [{ severity: 'warning', expression: ['shoe-size'] }] }]);
    expect(lenient.bundle.link?.[0]?.url).not.toContain('shoe');
  });

  it.each([
    ['/Observation?date=yesterday', 'fhir.parameter-invalid'], ['/Observation?_id=,,', 'fhir.parameter-invalid'], ['/Observation?code:not=,', 'fhir.parameter-invalid'], ['/Observation?value-quantity=much', 'fhir.parameter-invalid'], ['/Patient?_list=1', 'fhir.parameter-unknown'],
    ['/Patient?name:phonetic=x', 'fhir.not-supported'], ['/Observation?code:in=http://vs', 'fhir.not-supported'], ['/Patient?organization.shoe=1', 'fhir.parameter-unknown'], ['/Shoe?size=1', 'fhir.not-supported'],
    ['/Observation?subject:Practitioner=1', 'fhir.not-supported'], ['/Observation?_cursor=AAAA', 'fhir.parameter-invalid'], ['/Observation?_count=many', 'fhir.parameter-invalid'],
    ['/Patient?_has:Observation:shoe:code=1', 'fhir.parameter-unknown'], ['/Patient?organization.partof.partof.partof.name=x', 'fhir.parameter-invalid'], ['/Observation?code-value-quantity=40443-4', 'fhir.parameter-invalid'],
  ])('refuses %s with %s', async (path, code) => {
    const answer = await search(path);
    expect({ status: answer.status, code: codeOf(answer) }).toEqual({ status: 400, code });
  });
});

describe('who searches', () => {
  it('sees of patients only those whom the policies allow', async () => {
    await primum.send(...illPatient({ mrn: 'FS1', visit: 'FSV1', bed: 'A1', admittedAt }));
    await reindex({ ...primum.core, search: createSearchIndex(primum.core, tenant) }, tenant);
    const { username, password } = primum.seeded.find(({ role }) => role === 'clinician')!; // every role is seeded
    const session = await fetch(`${primum.url}api/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
    const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
    const own = async (path: string): Promise<Answer> => {
      const response = await fetch(`${primum.url}api/fhir${path}`, { headers: { cookie } });
      return answerOf(response.status, await response.json());
    };
    const [treated] = await primum.core.db.query<{ id: string }>('select patient_id as id from stay', []);
    expect((await own('/Patient')).ids).toEqual([treated!.id]);
    expect((await own('/Patient?family=qu')).ids).toEqual([]);
    expect((await own('/Observation?code=40443-4&subject:Patient.family=quis&_total=accurate'))).toMatchObject({ ids: [], bundle: { total: 0 } });
    // What belongs to nobody is everybody's, and leads to nobody whom one may not see.
    const practitioner = await own(`/Practitioner?_id=${doctor}&_revinclude=Observation:performer&_revinclude=Patient:general-practitioner`);
    expect({ ids: practitioner.ids, included: of('include', practitioner) }).toEqual({ ids: [doctor], included: [] });
    expect((await own('/Practitioner?_has:Observation:performer:code=40443-4')).ids).toEqual([]);
    expect((await search('/Practitioner?_has:Observation:performer:code=40443-4')).ids).toEqual([doctor]);
  });

  it('goes no further than the scopes', async () => {
    const narrow = await serviceClient(primum, { scopes: ['system/Observation.rs'] });
    expect((await search('/Observation?code=40443-4', narrow)).ids).toHaveLength(12);
    expect((await search('/Observation?patient.family=quis', narrow)).status).toBe(403);
    expect((await search('/Patient', narrow)).status).toBe(403);
    const included = await search('/Observation?_id=pulse-1&_include=Observation:subject', narrow);
    expect({ ids: included.ids, included: of('include', included) }).toEqual({ ids: ['pulse-1'], included: [] });
    const reads = await serviceClient(primum, { scopes: ['system/Observation.r'] });
    expect((await search('/Observation?code=40443-4', reads)).status).toBe(403);
  });

  it('under pseudonyms asks by codes alone, and no address names a row', async () => {
    const research = await serviceClient(primum, { purposes: ['HRESCH'] });
    const found = await search('/Observation?code=40443-4&_count=5', research);
    expect(found.ids).toHaveLength(5);
    const rows = await primum.core.db.query<{ id: string }>("select id from resource_search where type in ('Observation', 'Patient')", []);
    for (const { id } of rows) expect(JSON.stringify(found.bundle)).not.toContain(id);
    expect(found.next).toMatch(/^\/Observation\?_page=/);
    expect((await search(found.next!, research)).ids).toHaveLength(5);
    for (const path of [`/Patient?_id=${ada}`, '/Patient?identifier=S-1', '/Patient?family=quis', '/Patient?birthdate=1961', `/Observation?patient=${ada}`, '/Observation?date=ge2026', '/Observation?_sort=date', '/Observation?subject:Patient.family=quis']) {
      const refused = await search(path, research);
      expect({ path, status: refused.status, code: codeOf(refused) }).toEqual({ path, status: 403, code: 'policy.criterion-refused' });
    }
    expect((await search('/Observation?code=40443-4&patient.gender=female&_count=50', research)).ids).toHaveLength(8);
    expect(codeOf(await search('/Practitioner', research))).toBe('policy.view-missing');
  });

  it('stands on the audit log with what was asked by and seen, not with what for', async () => {
    await search('/Patient?family=Quistorp&identifier=urn:search|S-1');
    const { rows } = await searchAudit(primum.core, mintSystemPrincipal('cli:test'), { tenant, action: 'resource.search', limit: 1 });
    const said = JSON.stringify(rows[0]);
    expect(said).toContain('Patient?family&identifier');
    expect(said).toContain(ada);
    expect(said).not.toMatch(/Quistorp|S-1"/);
  });
});

describe('a search in sealed values', () => {
  it('puts on the log whom it showed, not whom it looked through', async () => {
    const found = await search('/Patient?name:contains=uade');
    expect(found.ids).toEqual([bob]);
    const { rows } = await searchAudit(primum.core, mintSystemPrincipal('cli:test'), { tenant, action: 'resource.search', limit: 1 });
    expect(rows[0]).toMatchObject({ patientIds: [bob] });
    expect((await search('/Patient?family=qu&_sort=-birthdate')).ids).toEqual([bob, ada]);
  });
});

describe('what a search needs', () => {
  it('is in clear for nobody', async () => {
    const rows = await primum.core.db.query<{ text: string }>('select t::text as text from resource_search t', []);
    for (const { text } of rows) expect(text).not.toMatch(/quistorp|1961-04|urn:search/i);
  });
});
