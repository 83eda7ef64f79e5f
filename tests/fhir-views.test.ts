import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Patient } from '@medplum/fhirtypes';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const view = {
  resourceType: 'ViewDefinition', status: 'active', name: 'weights', resource: 'Observation',
  where: [{ path: "code.coding.where(code = '29463-7').exists()" }],
  select: [{ column: [
    { name: 'id', path: 'getResourceKey()', type: 'string' }, { name: 'patient', path: 'subject.getReferenceKey(Patient)', type: 'string' },
    { name: 'kg', path: 'value.ofType(Quantity).value', type: 'decimal' }, { name: 'said', path: 'note.text', type: 'string', collection: true },
  ] }],
};
let primum: Booted;
let service: ServiceClient;
let patient: string;
let token: string;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum, { purposes: ['TREAT', 'HRESCH'] });
  token = await service.token();
  patient = ((await service.fhir('POST', '/Patient', { resourceType: 'Patient', name: [{ family: 'Viewer' }], birthDate: '1955-05-05' })).body as Patient).id!;
  for (const value of [61, 62.5, 63]) await weigh(value);
  await service.fhir('POST', '/Observation', { ...weight(70), code: { coding: [{ system: 'http://loinc.org', code: '8302-2' }] } });
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const weight = (value: number): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] }, subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-04-01T08:00:00Z', valueQuantity: { value, unit: 'kg', system: 'http://unitsofmeasure.org', code: 'kg' }, note: [{ text: 'said "so", and' }, { text: 'more' }],
});
const weigh = async (value: number): Promise<Observation> => (await service.fhir('POST', '/Observation', weight(value))).body as Observation;
async function run(path: string, { method = 'GET', body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {}): Promise<{ status: number; type: string | null; bytes: Buffer }> {
  const answer = await fetch(`${primum.url}api/fhir/ViewDefinition${path}`, {
    method, headers: { authorization: `Bearer ${token}`, 'x-purpose-of-use': 'TREAT', ...(body === undefined ? {} : { 'content-type': 'application/fhir+json' }), ...headers }, ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
}
const kilos = ({ bytes }: { bytes: Buffer }): number[] => bytes.toString().trim().split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { kg: number }).kg);

describe('a ViewDefinition', () => {
  it('runs as NDJSON, CSV and Parquet with the same rows', async () => {
    const ndjson = await run('/$run', { method: 'POST', body: view });
    expect({ status: ndjson.status, type: ndjson.type }).toEqual({ status: 200, type: 'application/x-ndjson' });
    expect(kilos(ndjson)).toEqual([61, 62.5, 63]);
    const csv = (await run('/$run?_format=csv', { method: 'POST', body: view })).bytes.toString().split('\r\n');
    expect(csv[0]).toBe('id,patient,kg,said');
    expect(csv[1]).toContain(`,${patient},61,"[""said \\""so\\"", and"",""more""]"`);
    const { bytes } = await run('/$run?_format=parquet', { method: 'POST', body: view });
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer; // a Buffer of its own
    const rows = await parquetReadObjects({ file });
    expect(rows.map(({ kg, patient: whose }) => [kg, whose])).toEqual([[61, patient], [62.5, patient], [63, patient]]);
  });

  it('is stored, run by its id, for one patient, with a limit', async () => {
    const stored = await service.fhir('POST', '/ViewDefinition', view);
    expect(stored.status).toBe(201);
    const { id } = stored.body as { id: string };
    expect(kilos(await run(`/${id}/$run?patient=${patient}&_limit=2`))).toEqual([61, 62.5]);
    expect(kilos(await run(`/${id}/$run?patient=Patient/none-of-them`))).toEqual([]);
    expect((await run(`/${id}/$run?_format=xlsx`)).status).toBe(406);
    expect((await service.fhir('POST', '/ViewDefinition', { ...view, select: [] })).status).toBeGreaterThanOrEqual(400);
  });

  it('is kept up to date: what was there, what comes, what changes and what goes', async () => {
    const { id } = (await service.fhir('POST', '/ViewDefinition', { ...view, name: 'kept' })).body as { id: string };
    expect((await run(`/${id}/$keep`, { method: 'POST' })).status).toBe(200);
    const kept = async (): Promise<boolean> => (await primum.core.db.query("select from kept_view where view_id = $1 and upto_seq is null", [id])).length > 0;
    for (let tries = 0; tries < 100 && !await kept(); tries += 1) await sleep(50);
    expect(await kept()).toBe(true);
    const [count] = await primum.core.db.query<{ n: number }>('select count(*) as n from kept_view_rows where view_id = $1', [id]);
    expect(count!.n).toBe(3);
    const added = await weigh(64);
    const changed = await weigh(65);
    await service.fhir('PUT', `/Observation/${changed.id}`, { ...changed, valueQuantity: { ...changed.valueQuantity, value: 66 } });
    await service.fhir('DELETE', `/Observation/${added.id}`);
    const expected = kilos(await run('/$run', { method: 'POST', body: view })).toSorted();
    expect(expected).toEqual([61, 62.5, 63, 66]);
    let got: number[] = [];
    for (let tries = 0; tries < 100 && got.join() !== expected.join(); tries += 1) {
      got = kilos(await run(`/${id}/$run`)).toSorted();
      await sleep(50);
    }
    expect(got).toEqual(expected);
    const names = await primum.core.db.query<{ sealed: Buffer }>('select sealed from kept_view_rows where view_id = $1', [id]);
    expect(names.some(({ sealed }) => sealed.toString('latin1').includes(patient))).toBe(false);
  });

  it('shows research pseudonyms, and says so where a purpose sees nothing of the type', async () => {
    const asked = { method: 'POST', body: view, headers: { 'x-purpose-of-use': 'HRESCH' } };
    const rows = (await run('/$run', asked)).bytes.toString().trim().split('\n').map((line) => JSON.parse(line) as { patient: string; said: unknown });
    expect(rows.length).toBeGreaterThan(2);
    expect(rows.some(({ patient: whose }) => whose === patient)).toBe(false);
    expect(new Set(rows.map(({ said }) => JSON.stringify(said)))).toEqual(new Set(['[]']));
    expect((await run('/$run', { ...asked, body: { ...view, resource: 'DocumentReference', where: [] } })).status).toBe(403);
    const [event] = await primum.core.db.query<{ count: number }>("select count(*) as count from audit_event where action = 'view.read' and purpose = 'HRESCH' and patient_id = $1", [patient]);
    expect(event!.count).toBeGreaterThan(0);
  });
});
