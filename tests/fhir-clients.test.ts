import type { Bundle, Observation, OperationOutcome, Patient } from '@medplum/fhirtypes';
import { MedplumClient, OperationOutcomeError } from '@medplum/core';
import { Client } from 'fhir-kit-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient } from './support/service-client.ts';

let primum: Booted;
let token: string;
let base: string;
beforeAll(async () => {
  primum = await bootForTest();
  token = await (await serviceClient(primum)).token();
  base = `${primum.url}api/fhir`;
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const person = (value: string, family: string): Patient => ({ resourceType: 'Patient', identifier: [{ system: 'urn:clients', value }], name: [{ family, given: ['Real'] }], gender: 'female' });
const weight = (patient: string, value: number): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] }, subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-05-01T08:00:00Z', valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' },
});

describe('fhir-kit-client', () => {
  const client = (): Client => new Client({ baseUrl: base, bearerToken: token });
  /** The library's types are those of an older FHIR package; what it hands over is what the server said. */
  const as = <T>(value: unknown): T => value as T;

  it('reads what the server can, and finds its way by it', async () => {
    const statement = await client().capabilityStatement();
    expect(statement).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
    expect(await client().smartAuthMetadata()).toMatchObject({ tokenUrl: expect.anything() });
  });

  it('creates, reads, updates, patches, deletes, and sees the history', async () => {
    const kit = client();
    const created = as<Patient>(await kit.create({ resourceType: 'Patient', body: as(person('K1', 'Kitson')) }));
    expect(created.meta?.versionId).toBe('1');
    expect(await kit.read({ resourceType: 'Patient', id: created.id! })).toEqual(created);
    const updated = as<Patient>(await kit.update({ resourceType: 'Patient', id: created.id!, body: as({ ...created, active: true }) }));
    expect(updated).toMatchObject({ active: true, meta: { versionId: '2' } });
    const patched = as<Patient>(await kit.patch({ resourceType: 'Patient', id: created.id!, jsonPatch: [{ op: 'replace', path: '/gender', value: 'other' }] }));
    expect(patched).toMatchObject({ gender: 'other', meta: { versionId: '3' } });
    expect(as<Patient>(await kit.vread({ resourceType: 'Patient', id: created.id!, version: '1' }))).toEqual(created);
    expect(as<Bundle>(await kit.history({ resourceType: 'Patient', id: created.id! })).entry).toHaveLength(3);
    await kit.delete({ resourceType: 'Patient', id: created.id! });
    await expect(kit.read({ resourceType: 'Patient', id: created.id! })).rejects.toMatchObject({ response: { status: 410, data: { resourceType: 'OperationOutcome' } } });
  });

  it('searches page by page, by GET and by POST, and follows a reference', async () => {
    const kit = client();
    const patient = as<Patient>(await kit.create({ resourceType: 'Patient', body: as(person('K2', 'Pagerton')) }));
    for (let n = 0; n < 7; n += 1) await kit.create({ resourceType: 'Observation', body: as(weight(patient.id!, 60 + n)) });
    let page = as<Bundle | undefined>(await kit.search({ resourceType: 'Observation', searchParams: { patient: patient.id!, _count: '3', _sort: '-date' } }));
    const seen = new Set<string>();
    for (let pages = 0; page !== undefined && pages < 10; pages += 1) {
      for (const { resource } of page.entry ?? []) seen.add(resource!.id!);
      page = as<Bundle | undefined>(await kit.nextPage({ bundle: as(page) }));
    }
    expect(seen.size).toBe(7);
    const posted = as<Bundle>(await kit.search({ resourceType: 'Patient', searchParams: { family: 'pager' }, options: { postSearch: true } }));
    expect(posted.entry?.map(({ resource }) => resource?.id)).toEqual([patient.id]);
    const [first] = [...seen];
    expect(await kit.resolve({ reference: `Patient/${patient.id}` })).toMatchObject({ id: patient.id });
    expect(first).toBeDefined();
  });

  it('sends a transaction and a batch', async () => {
    const kit = client();
    const urn = 'urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a';
    const said = as<Bundle>(await kit.transaction({ body: as({
      resourceType: 'Bundle', type: 'transaction', entry: [
        { fullUrl: urn, resource: person('K3', 'Transact'), request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=urn:clients|K3' } },
        { resource: { ...weight('x', 70), subject: { reference: urn } }, request: { method: 'POST', url: 'Observation' } },
      ],
    }) }));
    expect(said.entry?.map(({ response }) => response?.status)).toEqual(['201', '201']);
    const batch = as<Bundle>(await kit.batch({ body: as({ resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: 'Patient?identifier=urn:clients|K3' } }] }) }));
    expect(batch.entry?.[0]?.response?.status).toBe('200');
    expect(batch.entry?.[0]?.resource).toMatchObject({ resourceType: 'Bundle', entry: [{ search: { mode: 'match' } }] });
  });
});

describe('MedplumClient', () => {
  const client = (): MedplumClient => {
    const medplum = new MedplumClient({ baseUrl: primum.url, fhirUrlPath: 'api/fhir', cacheTime: 0, fetch: (url: string, options?: RequestInit) => fetch(url, options) });
    medplum.setAccessToken(token);
    return medplum;
  };

  it('creates once, reads, updates, patches, deletes', async () => {
    const medplum = client();
    const created = await medplum.createResource(person('M1', 'Plummer'));
    expect((await medplum.createResourceIfNoneExist(person('M1', 'Plummer'), 'identifier=urn:clients|M1')).id).toBe(created.id);
    expect(await medplum.readResource('Patient', created.id!)).toEqual(created);
    expect(await medplum.updateResource({ ...created, active: true })).toMatchObject({ active: true });
    expect(await medplum.patchResource('Patient', created.id!, [{ op: 'replace', path: '/gender', value: 'unknown' }])).toMatchObject({ gender: 'unknown' });
    expect((await medplum.readHistory('Patient', created.id!)).entry).toHaveLength(3);
    expect(await medplum.readVersion('Patient', created.id!, '1')).toEqual(created);
    await medplum.deleteResource('Patient', created.id!);
    await expect(medplum.readResource('Patient', created.id!)).rejects.toThrow(OperationOutcomeError);
  });

  it('searches, counts, pages and includes', async () => {
    const medplum = client();
    const patient = await medplum.createResource(person('M2', 'Searcher'));
    for (let n = 0; n < 5; n += 1) await medplum.createResource(weight(patient.id!, 80 + n));
    expect(await medplum.searchOne('Patient', { family: 'searcher' })).toMatchObject({ id: patient.id });
    const all: string[] = [];
    for await (const page of medplum.searchResourcePages('Observation', { subject: `Patient/${patient.id}`, _count: 2 })) all.push(...page.map(({ id }) => id!));
    expect(new Set(all).size).toBe(5);
    const bundle = await medplum.search('Observation', { subject: `Patient/${patient.id}`, 'value-quantity': 'gt82|http://unitsofmeasure.org|kg', _include: 'Observation:subject', _total: 'accurate' });
    expect(bundle.total).toBe(2);
    expect(bundle.entry?.filter(({ search }) => search?.mode === 'include').map(({ resource }) => resource?.id)).toEqual([patient.id]);
  });

  it('gets an OperationOutcome that says what is wrong', async () => {
    const refused = await client().createResource({ resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'Patient/nobody-there' } }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(OperationOutcomeError);
    expect((refused as OperationOutcomeError).outcome).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] } satisfies Partial<OperationOutcome> | object); // thrown just before
  });
});
