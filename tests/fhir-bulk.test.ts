import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentReference, Observation, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sweepJobs } from '../apps/primum/src/bulk/jobs.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

let primum: Booted;
let service: ServiceClient;
let token: string;
let base: string;
const patients: string[] = [];
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum, { purposes: ['TREAT', 'HRESCH'] });
  token = await service.token();
  base = `${primum.url}api/fhir`;
  for (const n of [1, 2, 3]) {
    const { body } = await service.fhir('POST', '/Patient', { resourceType: 'Patient', name: [{ family: `Bulkfamily${n}` }], birthDate: '1950-02-03' });
    patients.push((body as Patient).id!);
    for (let k = 0; k < 4; k += 1) await service.fhir('POST', '/Observation', observation(patients.at(-1)!, 60 + k));
  }
  await service.fhir('POST', '/Organization', { resourceType: 'Organization', name: 'North' });
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const observation = (patient: string, value: number): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: value % 2 === 0 ? '8867-4' : '9279-1' }] }, subject: { reference: `Patient/${patient}` },
  effectiveDateTime: '2026-03-01T10:00:00Z', valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
});
const ask = (path: string, init: RequestInit = {}, purpose = 'TREAT'): Promise<Response> =>
  fetch(path.startsWith('http') ? path : `${base}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, 'x-purpose-of-use': purpose, ...init.headers as Record<string, string> } });
type Manifest = { output: { type: string; url: string; count: number }[]; deleted: { url: string }[]; error: { type: string; url: string; count: number }[]; extension?: { imported: number; refused: number } };

async function ended(kick: Response, purpose?: string): Promise<{ manifest: Manifest; status: string }> {
  expect({ status: kick.status, said: kick.status === 202 ? '' : await kick.text() }).toEqual({ status: 202, said: '' });
  const status = kick.headers.get('content-location')!;
  for (let tries = 0; tries < 300; tries += 1) {
    const answer = await ask(status, {}, purpose);
    if (answer.status !== 202) return { manifest: await answer.json() as Manifest, status }; // a 200 holds it
    await sleep(50);
  }
  throw new Error('not ended in time');
}
const exported = async (path: string, purpose = 'TREAT'): Promise<Record<string, unknown>[]> => {
  const { manifest } = await ended(await ask(path, { headers: { prefer: 'respond-async' } }, purpose), purpose);
  const files = await Promise.all(manifest.output.map(async ({ url, count }) => {
    const lines = (await (await ask(url, {}, purpose)).text()).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.length).toBe(count);
    return lines;
  }));
  return files.flat();
};
const types = (all: Record<string, unknown>[]): string[] => [...new Set(all.map(({ resourceType }) => String(resourceType)))].toSorted();

describe('$export', () => {
  it('writes everything, or what patients have, by type, time and filter', async () => {
    const all = await exported('/$export');
    expect(types(all)).toEqual(['Observation', 'Organization', 'Patient']);
    expect(all.length).toBe(16);
    expect(types(await exported('/Patient/$export'))).toEqual(['Observation', 'Patient']);
    expect((await exported('/$export?_type=Observation&_typeFilter=Observation%3Fcode%3D8867-4')).length).toBe(6);
    expect(await exported(`/$export?_since=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
    expect(Object.keys((await exported('/$export?_type=Patient&_elements=birthDate'))[0]!).toSorted()).toEqual(['birthDate', 'id', 'meta', 'resourceType']);
  });

  it('tells what was deleted since, under the ids that the purpose sees', async () => {
    const since = new Date().toISOString();
    for (const id of ['gone-1', 'gone-2']) await service.fhir('PUT', `/Observation/${id}`, { ...observation(patients[2]!, 61), id });
    await service.fhir('DELETE', '/Observation/gone-1');
    const gone = async (purpose: string, query = `_since=${since}`): Promise<string[]> => {
      const { manifest } = await ended(await ask(`/$export?${query}`, { headers: { prefer: 'respond-async' } }, purpose), purpose);
      return (await Promise.all(manifest.deleted.map(async ({ url }) => (await (await ask(url, {}, purpose)).text()).trim().split('\n').flatMap((line) => (JSON.parse(line) as { entry: { request: { method: string; url: string } }[] }).entry.map(({ request }) => `${request.method} ${request.url}`))))).flat();
    };
    expect(await gone('TREAT')).toEqual(['DELETE Observation/gone-1']);
    expect(await gone('TREAT', `_since=${since}&_type=Patient`)).toEqual([]);
    expect(await gone('TREAT', '_type=Observation')).toEqual([]);
    const [pseudonymous] = await gone('HRESCH');
    expect(pseudonymous).toMatch(/^DELETE Observation\/(?!gone)/);
    await service.fhir('DELETE', '/Observation/gone-2');
  });

  it('is of a group alone, and of whom it is stands on the audit log', async () => {
    const { body } = await service.fhir('POST', '/Group', { resourceType: 'Group', type: 'person', actual: true, member: [{ entity: { reference: `Patient/${patients[1]}` } }] });
    const all = await exported(`/Group/${(body as { id: string }).id}/$export`);
    expect(all.length).toBe(5);
    expect(all.filter(({ resourceType }) => resourceType === 'Patient').map(({ id }) => id)).toEqual([patients[1]]);
    const events = await primum.core.db.query<{ count: number }>("select count(*) as count from audit_event where action = 'bulk.export' and ($1 = patient_id or patient_ids @> array[$1::uuid])", [patients[1]]);
    expect(events[0]!.count).toBeGreaterThan(0);
  });

  it('gives research pseudonyms', async () => {
    const all = await exported('/$export?_type=Patient', 'HRESCH');
    expect(all.length).toBe(3);
    expect(JSON.stringify(all)).not.toMatch(/Bulkfamily/);
    expect(all.some(({ id }) => patients.includes(String(id)))).toBe(false);
    await primum.core.db.query('update patient set research_opt_out = true where id = $1', [patients[2]]);
    expect((await exported('/$export?_type=Patient', 'HRESCH')).length).toBe(2);
    expect((await exported('/$export?_type=Observation', 'HRESCH')).length).toBe(8);
    await primum.core.db.query('update patient set research_opt_out = false where id = $1', [patients[2]]);
  });

  it('names a time before whatever was still being written, so that the next export has it', async () => {
    const written = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<Date>();
    const writing = primum.core.db.transaction(async (tx) => {
      begun.resolve((await tx.query<{ now: Date }>('select now() as now', []))[0]!.now); // a select of one row
      await written.promise;
    });
    const since = await begun.promise;
    const { manifest } = await ended(await ask('/$export?_type=Organization', { headers: { prefer: 'respond-async' } }));
    written.resolve();
    await writing;
    expect(Date.parse((manifest as unknown as { transactionTime: string }).transactionTime)).toBeLessThanOrEqual(since.getTime());
  });

  it('goes on where its process died, and is given up when it dies of it again and again', async () => {
    const left = async (place: object): Promise<Response> => {
      const { status } = await ended(await ask('/$export?_type=Organization', { headers: { prefer: 'respond-async' } }));
      const id = status.split('/').at(-1)!;
      await primum.core.db.query('delete from bulk_file where job_id = $1', [id]);
      await primum.core.db.query(`update bulk_job set status = 'running', leased_until = now() - interval '1 second', expires_at = null, request = request || '{"types": null}', place = $2 where id = $1`, [id, JSON.stringify(place)]);
      for (let tries = 0; tries < 300; tries += 1) {
        const answer = await ask(status);
        if (answer.status !== 202) return answer;
        await sleep(50);
      }
      throw new Error('not ended in time');
    };
    const { output } = await (await left({ type: 'Observation ', tries: 4 })).json() as Manifest; // a 200 holds it
    expect(output.map(({ type }) => type)).toEqual(['Organization', 'Patient']);
    expect(await (await left({ type: 'Observation ', tries: 5 })).text()).toContain('bulk.given-up');
  });

  it('is another\'s business for nobody, refused where it is not asked for the background, and gone once cancelled', async () => {
    expect((await ask('/$export')).status).toBe(400);
    expect((await ask('/$export?_flavour=x', { headers: { prefer: 'respond-async' } })).status).toBe(400);
    const { status } = await ended(await ask('/$export?_type=Patient', { headers: { prefer: 'respond-async' } }));
    const stranger = await serviceClient(primum, { purposes: ['TREAT'] });
    for (const path of [status, `${status}/1`]) expect((await stranger.fhir('GET', path.slice(base.length))).status).toBe(404);
    const [content] = await primum.core.db.query<{ digests: Buffer[] }>('select c.digests from content c join bulk_file f on f.content_id = c.id where f.job_id = $1', [status.split('/').at(-1)]);
    const digest = content!.digests[0]!.toString('hex');
    expect(await primum.core.objects.has(digest)).toBe(true);
    expect((await ask(status, { method: 'DELETE' })).status).toBe(202);
    expect((await ask(`${status}/1`)).status).toBe(404);
    await sweepJobs(primum.core);
    expect(await primum.core.objects.has(digest)).toBe(false);
    expect((await ask(status)).status).toBe(404);
  });
});

describe('$import', () => {
  let files: Server;
  let origin: string;
  const served = new Map<string, string>();
  let stalled = '';
  beforeAll(async () => {
    files = createServer((request, response) => {
      const text = served.get(request.url ?? '');
      if (request.url === '/elsewhere') return void response.writeHead(302, { location: `${origin}/Patient` }).end();
      // Half of it, and then nothing more.
      if (text !== undefined && request.url === stalled) return void response.writeHead(200, { 'content-type': 'application/fhir+ndjson' }).write(text.slice(0, text.length / 2));
      response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'application/fhir+ndjson' }).end(text);
    });
    await new Promise<void>((resolve) => { files.listen(0, '127.0.0.1', resolve); });
    origin = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    files.closeAllConnections();
    files.close();
  });
  const importing = (type: string, url: string): Promise<Response> => ask('/$import', { method: 'POST', headers: { prefer: 'respond-async', 'content-type': 'application/fhir+json' }, body: JSON.stringify({ inputs: [{ type, url }] }) });

  it('takes lines whole, patients first, twice without a second version, and says which line is wrong', async () => {
    const id = 'imported-1';
    served.set('/Observation', [observation(id, 70), observation(id, 71), observation('nobody-there', 1), { resourceType: 'Observation' }].map((one, n) => JSON.stringify({ ...one, id: `import-obs-${n}` })).concat('{"broken"').join('\n'));
    served.set('/Patient', `${JSON.stringify({ resourceType: 'Patient', id, name: [{ family: 'Lines' }] })}\n`);
    const request = { method: 'POST', headers: { prefer: 'respond-async', 'content-type': 'application/fhir+json' }, body: JSON.stringify({
      resourceType: 'Parameters', parameter: ['Observation', 'Patient'].map((type) => ({ name: 'input', part: [{ name: 'type', valueCode: type }, { name: 'url', valueUrl: `${origin}/${type}` }] })),
    }) };
    const { manifest } = await ended(await ask('/$import', request));
    expect(manifest.extension).toEqual({ imported: 3, refused: 3 });
    const outcomes = (await (await ask(manifest.error[0]!.url)).text()).trim().split('\n').map((line) => JSON.parse(line) as { issue: { location: string[] }[] });
    expect(outcomes.map(({ issue }) => issue[0]!.location[0]).toSorted()).toEqual(['line 3', 'line 4', 'line 5']);
    expect((await service.fhir('GET', '/Observation/import-obs-1')).body).toMatchObject({ valueQuantity: { value: 71 }, meta: { versionId: '1' } });
    await ended(await ask('/$import', request));
    expect((await service.fhir('GET', '/Observation/import-obs-1')).body).toMatchObject({ meta: { versionId: '1' } });
  });

  it('is carried on by the next process where one was killed, each line once', async () => {
    stalled = '/slow';
    served.set(stalled, Array.from({ length: 900 }, (_, n) => `${JSON.stringify({ ...observation(patients[0]!, n), id: `slow-${n}` })}\n`).join(''));
    const kick = await importing('Observation', `${origin}${stalled}`);
    const id = kick.headers.get('content-location')!.split('/').at(-1)!;
    const lines = async (): Promise<number> => Number((await primum.core.db.query<{ line: string | null }>("select place ->> 'line' as line from bulk_job where id = $1", [id]))[0]?.line ?? 0);
    for (let tries = 0; tries < 300 && await lines() < 400; tries += 1) await sleep(50);
    expect(await lines()).toBe(400);
    process.kill(primum.bulkPid()!, 'SIGKILL');
    stalled = '';
    await primum.core.db.query('update bulk_job set leased_until = now() where id = $1', [id]); // as after two minutes
    const { manifest } = await ended(kick);
    expect(manifest.extension).toEqual({ imported: 900, refused: 0 });
    const [made] = await primum.core.db.query<{ n: number; versions: number }>("select count(*) as n, count(distinct id) as versions from resource where type = 'Observation' and patient_id = $1", [patients[0]]);
    expect(made).toEqual({ n: 904, versions: 904 });
  });

  it('refuses a line that is too long by itself', async () => {
    served.set('/long', `{"resourceType":"Patient","id":"long","name":[{"family":"${'x'.repeat(17 * 1024 * 1024)}"}]}\n${JSON.stringify({ resourceType: 'Patient', id: 'after-long' })}\n`);
    const { manifest } = await ended(await importing('Patient', `${origin}/long`));
    expect(manifest.extension).toEqual({ imported: 1, refused: 1 });
    expect(manifest.error[0]!.type).toBe('OperationOutcome');
  });

  it('reads no address that it should not', async () => {
    for (const url of ['http://169.254.169.254/latest', 'file:///etc/passwd', 'https://user:pw@example.org/x', 'https://10.1.2.3/x', `${origin}/elsewhere`]) {
      const { manifest } = await ended(await importing('Patient', url));
      expect(manifest).toMatchObject({ resourceType: 'OperationOutcome' });
    }
  });
});

describe('a Binary', () => {
  const bytes = Buffer.alloc(9_000_001, 'large content, ');

  it('of its own type goes in and out as it is, whole and in part, sealed under its patient\'s key', async () => {
    const made = await ask('/Binary', { method: 'POST', body: bytes, headers: { 'content-type': 'application/pdf', 'x-security-context': `Patient/${patients[0]}` } }, 'TREAT');
    expect(made.status).toBe(201);
    const path = made.headers.get('location')!.replace(/\/_history.*$/, '');
    const got = await ask(path, { headers: { accept: 'application/pdf' } }, 'TREAT');
    expect({ type: got.headers.get('content-type'), same: Buffer.from(await got.arrayBuffer()).equals(bytes) }).toEqual({ type: 'application/pdf', same: true });
    const part = await ask(path, { headers: { range: 'bytes=4194300-4194310' } }, 'TREAT');
    expect({ status: part.status, same: Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(4_194_300, 4_194_311)) }).toEqual({ status: 206, same: true });
    const beyond = await ask(path, { headers: { range: 'bytes=9000001-' } }, 'TREAT');
    expect({ status: beyond.status, range: beyond.headers.get('content-range') }).toEqual({ status: 416, range: 'bytes */9000001' });
    expect((await ask(path, { headers: { accept: 'application/fhir+json' } }, 'TREAT')).status).toBe(406);
    const [row] = await primum.core.db.query<{ patient_id: string; parts: number; body: number }>(
      "select c.patient_id, cardinality(c.digests) as parts, (select max(length(body)) from resource where type = 'Binary') as body from content c where size = $1", [bytes.length]);
    expect(row).toMatchObject({ patient_id: patients[0], parts: 3 });
    expect(row!.body).toBeLessThan(2_000);
  });

  it('that is small travels as JSON too, and nobody without the patient may have it', async () => {
    const made = await ask('/Binary', { method: 'POST', body: 'short', headers: { 'content-type': 'text/plain', 'x-security-context': `Patient/${patients[0]}` } }, 'TREAT');
    const path = made.headers.get('location')!.replace(/\/_history.*$/, '');
    expect(await (await ask(path, { headers: { accept: 'application/fhir+json' } }, 'TREAT')).json()).toMatchObject({ resourceType: 'Binary', contentType: 'text/plain', data: Buffer.from('short').toString('base64') });
    const other = await serviceClient(primum, { scopes: ['system/Observation.rs'] });
    expect((await other.fhir('GET', path.slice(base.length))).status).toBe(403);
    expect((await ask('/Binary', { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain', 'x-security-context': 'Patient/nobody-there' } }, 'TREAT')).status).toBe(422);
  });

  it('stands for the large data of an attachment', async () => {
    const document: DocumentReference = {
      resourceType: 'DocumentReference', status: 'current', subject: { reference: `Patient/${patients[0]}` },
      content: [{ attachment: { contentType: 'image/jpeg', data: Buffer.alloc(200_000, 7).toString('base64') } }, { attachment: { contentType: 'text/plain', data: 'c21hbGw=' } }],
    };
    const { status, body } = await service.fhir('POST', '/DocumentReference', document, { 'x-purpose-of-use': 'TREAT' });
    expect(status).toBe(201);
    const [large, small] = (body as DocumentReference).content;
    expect(large!.attachment).toMatchObject({ contentType: 'image/jpeg', size: 200_000, url: expect.stringMatching(/^Binary\//) });
    expect(large!.attachment.data).toBeUndefined();
    expect(small!.attachment.data).toBe('c21hbGw=');
    const got = await ask(`/${large!.attachment.url}`, {}, 'TREAT');
    expect(Buffer.from(await got.arrayBuffer()).equals(Buffer.alloc(200_000, 7))).toBe(true);
  });
});
