import { readFileSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Bundle, CapabilityStatement, Observation, OperationOutcome, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedData } from './support/available.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const data = sharedData();
let primum: Booted;
let service: ServiceClient;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const codeOf = (body: unknown): string | undefined => (body as OperationOutcome).issue?.[0]?.details?.coding?.[0]?.code;
const person = (value: string): Patient => ({ resourceType: 'Patient', identifier: [{ system: 'urn:test', value }], name: [{ family: 'Winter', given: ['Ada'] }], birthDate: '1961-04-05' });
async function registered(value: string): Promise<Patient> {
  const { status, body } = await service.fhir('POST', '/Patient', person(value));
  expect(status).toBe(201);
  return body as Patient;
}
const pulse = (patient: string, value: number, more: Partial<Observation> = {}): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-03-01T10:00:00Z', valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' }, ...more,
});
const factsOf = (patient: string) => primum.core.db.query<{ code: string; value: number | null; status: string }>(
  'select distinct on (key) code, value, status from fact where patient_id = $1 order by key, seq desc', [patient]);

describe('a resource', () => {
  it('is created with an id, a version and a time of the server\'s', async () => {
    const { status, headers, body } = await service.fhir('POST', '/Patient', { ...person('A1'), id: 'mine', meta: { versionId: '7' } });
    const patient = body as Patient;
    expect(status).toBe(201);
    expect(patient.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(patient.meta?.versionId).toBe('1');
    expect(headers.get('location')).toBe(`${primum.url}api/fhir/Patient/${patient.id}/_history/1`);
    expect(headers.get('etag')).toBe('W/"1"');
    expect((await service.fhir('GET', `/Patient/${patient.id}`)).body).toEqual(patient);
  });

  it('is replaced, its past kept, and a second hand that knew another version is refused', async () => {
    const patient = await registered('A2');
    const path = `/Patient/${patient.id}`;
    const changed = await service.fhir('PUT', path, { ...patient, gender: 'female' }, { 'if-match': 'W/"1"' });
    expect({ status: changed.status, etag: changed.headers.get('etag') }).toEqual({ status: 200, etag: 'W/"2"' });
    const late = await service.fhir('PUT', path, { ...patient, gender: 'male' }, { 'if-match': 'W/"1"' });
    expect({ status: late.status, code: codeOf(late.body) }).toEqual({ status: 412, code: 'record.version-mismatch' });
    expect((await service.fhir('GET', `${path}/_history/1`)).body).toEqual(patient);
    const again = await service.fhir('PUT', path, changed.body);
    expect(again.headers.get('etag')).toBe('W/"2"'); // the same once more makes no version
    const history = (await service.fhir('GET', `${path}/_history`)).body as Bundle;
    expect(history.entry?.map(({ request, response }) => [request?.method, response?.etag])).toEqual([['PUT', 'W/"2"'], ['POST', 'W/"1"']]);
  });

  it('keeps an id that a client chose, which stands nowhere in clear', async () => {
    const body = { ...person('A3'), id: 'MRN-90210-QX' };
    expect((await service.fhir('PUT', '/Patient/MRN-90210-QX', body)).status).toBe(201);
    expect((await service.fhir('GET', '/Patient/MRN-90210-QX')).body).toMatchObject({ id: 'MRN-90210-QX', name: [{ family: 'Winter' }] });
    const created = await service.fhir('POST', '/Observation', pulse('MRN-90210-QX', 71));
    expect(created.status).toBe(201);
    const tables = await primum.core.db.query<{ text: string }>('select t::text as text from resource_search t union all select row(type, id, patient_id)::text from resource t union all select o::text from outbox o', []);
    expect(tables.filter(({ text }) => text.includes('MRN-90210'))).toEqual([]);
  });

  it('is patched (JSON Patch) and deleted, and what was deleted can be read at its version', async () => {
    const patient = await registered('A4');
    const path = `/Patient/${patient.id}`;
    const patched = await service.fhir('PATCH', path, [{ op: 'test', path: '/birthDate', value: '1961-04-05' }, { op: 'add', path: '/gender', value: 'other' }], { 'content-type': 'application/json-patch+json' });
    expect(patched.body).toMatchObject({ gender: 'other', meta: { versionId: '2' } });
    for (const through of [{ op: 'remove', path: '/gender/length' }, { op: 'replace', path: '/gender/0', value: 'x' }, { op: 'add', path: '/active/a', value: 1 }, { op: 'move', from: '/gender/0', path: '/birthDate' }, { op: 'remove', path: '' }]) {
      expect({ ...through, status: (await service.fhir('PATCH', path, [through], { 'content-type': 'application/json-patch+json' })).status }).toEqual({ ...through, status: 422 });
    }
    const refused = await service.fhir('PATCH', path, [{ op: 'test', path: '/gender', value: 'male' }], { 'content-type': 'application/json-patch+json' });
    expect(refused.status).toBe(422);
    expect((await service.fhir('DELETE', path)).status).toBe(204);
    const gone = await service.fhir('GET', path);
    expect({ status: gone.status, code: codeOf(gone.body) }).toEqual({ status: 410, code: 'record.deleted' });
    expect((await service.fhir('GET', `${path}/_history/2`)).body).toEqual(patched.body);
    expect((await service.fhir('DELETE', path)).status).toBe(204);
    expect((await service.fhir('PUT', path, patched.body)).headers.get('etag')).toBe('W/"4"');
  });

  it('keeps the digits of its decimals', async () => {
    const patient = await registered('A6');
    const text = JSON.stringify(pulse(patient.id!, 88)).replace('"value":88', '"value":88.00');
    const created = await service.fhir('POST', '/Observation', text);
    const answer = await fetch(created.headers.get('location')!, { headers: { authorization: `Bearer ${await service.token()}` } });
    expect(await answer.text()).toContain('"value":88.00');
    expect(await factsOf(patient.id!)).toEqual([{ code: '8867-4', value: 88, status: 'final' }]);
    await service.fhir('PATCH', `/Observation/${(created.body as Observation).id}`, [{ op: 'replace', path: '/status', value: 'amended' }], { 'content-type': 'application/json-patch+json' });
    const patched = await fetch(`${primum.url}api/fhir/Observation/${(created.body as Observation).id}`, { headers: { authorization: `Bearer ${await service.token()}` } });
    expect(await patched.text()).toMatch(/"status":"amended".*"value":88\.00/);
    expect((await service.fhir('POST', '/Observation', '{"resourceType":"Observation","__proto__":{"x":1}}')).status).toBe(400);
    const twice = await service.fhir('POST', '/Observation', text.replace('"status":"final"', '"status":"final","status":"amended"'));
    expect({ status: twice.status, code: codeOf(twice.body) }).toEqual({ status: 400, code: 'fhir.invalid' });
  });

  it('is made only where none stands, when that is asked', async () => {
    const put = (headers: Record<string, string>) => service.fhir('PUT', '/Patient/only-once', { ...person('A7'), id: 'only-once' }, headers);
    expect((await put({ 'if-none-match': '*' })).status).toBe(201);
    const again = await put({ 'if-none-match': '*' });
    expect({ status: again.status, code: codeOf(again.body) }).toEqual({ status: 412, code: 'record.version-mismatch' });
    expect((await put({ 'if-none-match': 'W/"1"' })).status).toBe(400);
    await service.fhir('DELETE', '/Patient/only-once');
    expect((await put({ 'if-none-match': '*' })).status).toBe(201);
    const empty = await service.fhir('POST', '/Patient', person('A7'), { 'if-none-exist': '' });
    expect({ status: empty.status, code: codeOf(empty.body) }).toEqual({ status: 400, code: 'fhir.invalid' });
    expect((await service.fhir('GET', '/Patient/only-once', undefined, { 'if-none-match': 'W/"9", W/"3"' })).status).toBe(304);
    expect((await service.fhir('GET', '/Patient/only-once', undefined, { accept: 'application/fhir+json; fhirVersion=3.0' })).status).toBe(406);
    expect((await service.fhir('GET', '/Patient/only-once', undefined, { accept: 'application/fhir+json; fhirVersion=4.0' })).status).toBe(200);
  });

  it('of a leap second stands at that time', async () => {
    const patient = await registered('A8');
    const { status, body } = await service.fhir('POST', '/Observation', pulse(patient.id!, 70, { effectiveDateTime: '2016-12-31T23:59:60Z' }));
    expect(status).toBe(201);
    expect(await factsOf(patient.id!)).toMatchObject([{ value: 70 }]);
    expect((await service.fhir('GET', `/Observation?patient=${patient.id}&date=ge2016-12-31T23:59:59Z`)).body).toMatchObject({ entry: [{ resource: { id: (body as Observation).id } }] });
    expect((await service.fhir('GET', '/Observation?date=2026-02-30')).status).toBe(400);
  });

  it('of nobody on record is refused with what to do', async () => {
    const { status, body } = await service.fhir('POST', '/Observation', pulse('11111111-1111-4111-8111-111111111111', 60));
    expect({ status, code: codeOf(body) }).toEqual({ status: 422, code: 'record.reference-unknown' });
  });

  it('cannot be had as XML, and an address of no type is an OperationOutcome', async () => {
    const patient = await registered('A5');
    expect((await service.fhir('GET', `/Patient/${patient.id}`, undefined, { accept: 'application/fhir+xml' })).status).toBe(406);
    expect((await service.fhir('GET', `/Patient/${patient.id}?_format=json`)).status).toBe(200);
    expect((await service.fhir('GET', '/Patient/nobody-there')).body).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ code: 'not-found' }] });
    expect((await service.fhir('POST', '/Nonsense', { resourceType: 'Nonsense' })).status).toBeGreaterThanOrEqual(400);
    expect((await service.fhir('POST', '/Patient', '{"resourceType":"Patient",')).body).toMatchObject({ resourceType: 'OperationOutcome' });
  });
});

describe('an Observation', () => {
  it('becomes facts, corrected with it and withdrawn with it', async () => {
    const patient = await registered('B1');
    const created = (await service.fhir('POST', '/Observation', pulse(patient.id!, 88))).body as Observation;
    expect(await factsOf(patient.id!)).toEqual([{ code: '8867-4', value: 88, status: 'final' }]);
    await service.fhir('PUT', `/Observation/${created.id}`, { ...created, status: 'corrected', valueQuantity: { ...created.valueQuantity, value: 98 } });
    expect(await factsOf(patient.id!)).toEqual([{ code: '8867-4', value: 98, status: 'corrected' }]);
    await service.fhir('DELETE', `/Observation/${created.id}`);
    expect(await factsOf(patient.id!)).toEqual([{ code: '8867-4', value: null, status: 'retracted' }]);
  });
});

describe('a Bundle', () => {
  it('as a transaction is all or nothing, its links followed', async () => {
    const [p, o] = ['urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0', 'urn:uuid:7c3151bd-1cbf-4d64-b04d-cd9187a4c6e1'];
    const bundle = (value: number): Bundle => ({
      resourceType: 'Bundle', type: 'transaction', entry: [
        { fullUrl: o, resource: { ...pulse('x', value), subject: { reference: p } }, request: { method: 'POST', url: 'Observation' } },
        { fullUrl: p, resource: person('C1'), request: { method: 'POST', url: 'Patient' } },
      ],
    });
    const { status, body } = await service.fhir('POST', '', bundle(64));
    expect(status).toBe(200);
    const [first, second] = (body as Bundle).entry!;
    expect([first!.response?.status, second!.response?.status]).toEqual(['201', '201']);
    const stored = (await service.fhir('GET', `/${first!.response!.location!}`)).body as Observation;
    expect(stored.subject?.reference).toBe(second!.response!.location!.split('/_history')[0]);

    const before = await primum.core.db.query<{ n: number }>('select count(*) as n from resource', []);
    const broken: Bundle = { ...bundle(64), entry: [...bundle(64).entry!, { resource: pulse('22222222-2222-4222-8222-222222222222', 1), request: { method: 'POST', url: 'Observation' } }] };
    expect((await service.fhir('POST', '', broken)).status).toBe(422);
    expect(await primum.core.db.query('select count(*) as n from resource', [])).toEqual(before);
  });

  it('as a transaction patches too, with links to its other entries, or nothing at all', async () => {
    const patient = await registered('T9');
    const patch = (operations: object[]): object => ({ resourceType: 'Binary', contentType: 'application/json-patch+json', data: Buffer.from(JSON.stringify(operations)).toString('base64') });
    const entries = (operations: object[], request: object = {}): object[] => [
      { fullUrl: 'urn:uuid:6f9e2c1a-0000-4000-8000-000000000001', resource: { resourceType: 'Practitioner', name: [{ family: 'Family doctor' }] }, request: { method: 'POST', url: 'Practitioner' } },
      { resource: patch(operations), request: { method: 'PATCH', url: `Patient/${patient.id}`, ...request } },
    ];
    const send = (all: object[]) => service.fhir('POST', '/', { resourceType: 'Bundle', type: 'transaction', entry: all });
    const practitioners = async (): Promise<number | undefined> => ((await service.fhir('GET', '/Practitioner?name=Family&_summary=count')).body as Bundle).total;
    const operations = [{ op: 'add', path: '/generalPractitioner', value: [{ reference: 'urn:uuid:6f9e2c1a-0000-4000-8000-000000000001' }] }];
    const { status, body } = await send(entries(operations));
    expect({ status, answers: (body as Bundle).entry?.map(({ response }) => response?.status) }).toEqual({ status: 200, answers: ['201', '200'] });
    const made = /^Practitioner\/[^/]+/.exec((body as Bundle).entry?.[0]?.response?.location ?? '')?.[0];
    expect((await service.fhir('GET', `/Patient/${patient.id}`)).body).toMatchObject({ generalPractitioner: [{ reference: made }], meta: { versionId: '2' } });
    expect(await practitioners()).toBe(1);
    for (const [refused, code] of [[entries([{ op: 'test', path: '/gender', value: 'nobody' }]), 422], [entries(operations, { ifMatch: 'W/"1"' }), 412], [entries(operations, { url: 'Patient/unknown-id' }), 404], [entries([{ op: 'add', path: '/birthDate', value: 'soon' }]), 400]] as const) {
      const answer = await send(refused);
      expect({ status: answer.status, where: (answer.body as OperationOutcome).issue[0]?.expression?.[0]?.slice(0, 15) }).toEqual({ status: code, where: 'Bundle.entry[1]' });
    }
    expect(await practitioners()).toBe(1);
  });

  it('is patched by many at once, each on what stands then', async () => {
    const patient = await registered('T10');
    const names = Array.from({ length: 10 }, (_, n) => `Given${n}`);
    const answers = await Promise.all(names.map((given) => service.fhir('PATCH', `/Patient/${patient.id}`, [{ op: 'add', path: '/name/-', value: { given: [given] } }], { 'content-type': 'application/json-patch+json' })));
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200));
    const { name = [] } = (await service.fhir('GET', `/Patient/${patient.id}`)).body as Patient;
    expect(name.flatMap(({ given = [] }) => given).filter((given) => given.startsWith('Given')).toSorted()).toEqual(names);
  });

  it('as a transaction makes one of two entries that ask for the same, and follows links in a narrative', async () => {
    const [first, second] = ['urn:uuid:11111111-0000-4000-8000-000000000001', 'urn:uuid:11111111-0000-4000-8000-000000000002'];
    const request = { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=urn:test|TWICE' };
    const text = { status: 'generated', div: `<div xmlns="http://www.w3.org/1999/xhtml"><a href="${second}">them</a></div>` };
    const { status, body } = await service.fhir('POST', '/', { resourceType: 'Bundle', type: 'transaction', entry: [
      { fullUrl: first, resource: person('TWICE'), request },
      { fullUrl: second, resource: person('TWICE'), request },
      { resource: { ...pulse('x', 61), text, subject: { reference: second } }, request: { method: 'POST', url: 'Observation' } },
    ] }, { prefer: 'return=representation' });
    const entries = (body as Bundle).entry!;
    expect({ status, answers: entries.map(({ response }) => response?.status) }).toEqual({ status: 200, answers: ['201', '200', '201'] });
    const reference = entries[1]!.response!.location!;
    expect(entries[0]!.response!.location).toBe(`${reference}/_history/1`);
    expect(entries[2]!.resource).toMatchObject({ subject: { reference }, text: { div: expect.stringContaining(`href="${reference}"`) as unknown } });
    const batch = await service.fhir('POST', '/', { resourceType: 'Bundle', type: 'batch', entry: [{ request: { method: 'GET', url: reference, ifNoneMatch: 'W/"1"' } }] });
    expect(batch.body).toMatchObject({ entry: [{ response: { status: '304' } }] });
  });

  it('as a batch answers each entry by itself', async () => {
    const patient = await registered('C2');
    const { body } = await service.fhir('POST', '', {
      resourceType: 'Bundle', type: 'batch', entry: [
        { request: { method: 'GET', url: `Patient/${patient.id}` } }, { request: { method: 'GET', url: 'Patient/nobody' } },
        { resource: pulse(patient.id!, 70), request: { method: 'POST', url: 'Observation' } }, { request: { method: 'GET' } },
        { request: { method: 'GET', url: 'Patient', ifMatch: ['W/"1"'] } }, { request: { method: 'DELETE', url: `Patient/${patient.id}`, ifMatch: 1 } },
      ],
    });
    expect((body as Bundle).entry?.map(({ response }) => response?.status)).toEqual(['200', '404', '201', '400', '400', '400']);
  });

  it.skipIf(data === undefined)('of Synthea is taken whole', async () => {
    const folder = join(data!, 'synthea-r4');
    const file = readdirSync(folder).find((name) => name.startsWith('Chad_Block'))!;
    const bundle = JSON.parse(gunzipSync(readFileSync(join(folder, file))).toString()) as Bundle; // Synthea's
    const { status, body } = await service.fhir('POST', '', bundle);
    expect({ status, body: status === 200 ? undefined : body }).toEqual({ status: 200, body: undefined });
    expect(new Set((body as Bundle).entry?.map(({ response }) => response?.status))).toEqual(new Set(['201']));
    const history = (await service.fhir('GET', '/Claim/_history?_count=5')).body as Bundle;
    expect(history.entry).toHaveLength(5);
    const next = (await service.fhir('GET', history.link!.find(({ relation }) => relation === 'next')!.url.split('/api/fhir')[1]!)).body as Bundle;
    expect(next.entry!.some(({ fullUrl }) => history.entry!.some((one) => one.fullUrl === fullUrl))).toBe(false);
  });
});

describe('a service account', () => {
  it('writes what its scopes name and no other type, and is not shown what it may not read', async () => {
    const patient = await registered('D1');
    const writer = await serviceClient(primum, { scopes: ['system/Observation.c'] });
    const made = await writer.fhir('POST', '/Observation', pulse(patient.id!, 66));
    expect({ status: made.status, body: made.body }).toEqual({ status: 201, body: undefined });
    for (const [method, path, body] of [['POST', '/Patient', person('D2')], ['GET', `/Patient/${patient.id}`, undefined], ['PUT', `/Observation/${made.headers.get('location')!.split('/')[6]}`, pulse(patient.id!, 67)]] as const) {
      expect({ method, path, status: (await writer.fhir(method, path, body)).status }).toEqual({ method, path, status: 403 });
    }
    const event = await primum.core.db.query<{ action: string; patient_id: string }>("select action, patient_id from audit_event where actor = $1 and outcome = 'success' and action = 'resource.write'", [`client:${writer.id}`]);
    expect(event).toEqual([{ action: 'resource.write', patient_id: patient.id }]);
  });
});

describe('the CapabilityStatement', () => {
  it('is open, and claims what there is', async () => {
    const answer = await fetch(`${primum.url}api/fhir/metadata`);
    const statement = await answer.json() as CapabilityStatement;
    expect(statement).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1', kind: 'instance' });
    const patient = statement.rest?.[0]?.resource?.find(({ type }) => type === 'Patient');
    expect(patient?.interaction?.map(({ code }) => code)).toEqual(expect.arrayContaining(['read', 'vread', 'create', 'update', 'patch', 'delete', 'history-instance']));
  });

  it('answers what is no request of FHIR at all with an OperationOutcome', async () => {
    const raw = (lines: string): Promise<string> => new Promise((resolve, reject) => {
      const socket = connect(primum.httpPort, '127.0.0.1', () => socket.write(`${lines}\r\n`));
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('error', reject).on('close', () => resolve(text));
    });
    const host = `Host: 127.0.0.1:${primum.httpPort}\r\nConnection: close\r\n`;
    const answers: [string, number, string][] = [
      ['an address that cannot be decoded', 400, `GET /api/fhir/Patient/%zz HTTP/1.1\r\n${host}`],
      ['an unknown address', 404, `GET /api/fhir/Patient/a/b/c/d HTTP/1.1\r\n${host}`],
      ['headers beyond the limit', 431, `GET /api/fhir/Patient HTTP/1.1\r\n${host}X-Long: ${'a'.repeat(20_000)}\r\n`],
      ['no HTTP', 400, `GET /api/fhir/Patient HTTP/9.9\r\n${host}`],
    ];
    for (const [what, status, lines] of answers) {
      const [head = '', body = ''] = (await raw(lines)).split('\r\n\r\n');
      expect({ what, status: Number(head.slice(9, 12)), fhir: head.includes('application/fhir+json'), outcome: body.includes('"resourceType":"OperationOutcome"') }).toEqual({ what, status, fhir: true, outcome: true });
    }
  });
});
