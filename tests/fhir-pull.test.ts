import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bundle, Patient } from '@medplum/fhirtypes';
import { addClient, mintSystemPrincipal } from '@primum/trust';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pull, type PullRequest } from '../apps/primum/src/bulk/pull.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { openFhir } from '../apps/primum/src/fhir.ts';
import { loadServedModel } from '../apps/primum/src/models.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient } from './support/service-client.ts';

let theirs: Booted;
let ours: Booted;
let folder: string;
let asked: PullRequest;
const loopback = { hosts: [], loopback: true };
beforeAll(async () => {
  [theirs, ours] = [await bootForTest(), await bootForTest()];
  folder = await mkdtemp(join(tmpdir(), 'primum-pull-'));
  const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
  await writeFile(join(folder, 'key.json'), JSON.stringify({ ...await exportJWK(privateKey), kid: 'k1', alg: 'ES384' }));
  await addClient(theirs.core, tenant, mintSystemPrincipal('cli:test'), {
    id: 'puller', name: 'Puller', kind: 'service', scopes: ['system/*.rs'], purposes: ['TREAT'], redirectUris: [], launchUrl: null, jwks: { keys: [{ ...await exportJWK(publicKey), kid: 'k1', alg: 'ES384', use: 'sig' }] }, jwksUri: null, certificateFingerprint: null,
  });
  asked = { url: `${theirs.url}api/fhir`, clientId: 'puller', keyFile: join(folder, 'key.json'), scope: 'system/*.rs', types: [] };
  const service = await serviceClient(theirs);
  const { id } = (await service.fhir('POST', '/Patient', { resourceType: 'Patient', name: [{ family: 'Pulled' }] })).body as Patient;
  const { body } = await service.fhir('POST', '', { resourceType: 'Bundle', type: 'transaction', entry: Array.from({ length: 450 }, (_, n) => ({
    resource: { resourceType: 'Observation', status: 'final', code: { text: String(n) }, subject: { reference: `Patient/${id}` } }, request: { method: 'POST', url: 'Observation' },
  })) });
  for (const { response } of (body as Bundle).entry!) observations.push(/Observation\/([^/]+)/.exec(response!.location!)![1]!);
});
afterAll(async () => {
  await theirs[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
const observations: string[] = [];
const run = async (more: Partial<PullRequest> = {}, onImported: (lines: number) => void = () => undefined): ReturnType<typeof pull> => {
  let lines = 0;
  return pull(ours.core, openFhir(ours.core, (await loadServedModel(ours.home)).codes), mintSystemPrincipal('cli:test'), loopback, { ...asked, ...more }, (event) => {
    if ('imported' in event) onImported(lines += event.imported.done);
  });
};

describe('a pull from another server', () => {
  it('that is cut off goes on at the next line, and brings everything once', async () => {
    await expect(run({}, (lines) => { if (lines >= 201) throw new Error('cut off'); })).rejects.toThrow('cut off');
    const [before] = await ours.core.db.query<{ n: number }>('select count(*) as n from resource', []);
    expect(before!.n).toBe(201);
    const files = await ours.core.db.query<{ place: { files: unknown[] } }>("select place from bulk_job where kind = 'pull' and status = 'running'", []);
    expect(files[0]!.place.files).toHaveLength(2);
    const both = await Promise.allSettled([run(), run()]);
    expect(both).toEqual(expect.arrayContaining([
      { status: 'fulfilled', value: { imported: 451, refused: 0, transactionTime: expect.any(String) as unknown } },
      { status: 'rejected', reason: expect.objectContaining({ code: 'bulk.running' }) as unknown },
    ]));
    const rows = await ours.core.db.query<{ id: string; version: number }>("select id, version from resource where type = 'Observation'", []);
    expect(rows.map(({ id }) => id).toSorted()).toEqual(observations.toSorted());
    expect(rows.every(({ version }) => version === 1)).toBe(true);
  });

  it('whose files are gone meanwhile asks for them anew at the next run', async () => {
    await expect(run({}, () => { throw new Error('cut off'); })).rejects.toThrow('cut off');
    await theirs.core.db.query("update bulk_job set status = 'cancelled', expires_at = now()", []);
    await expect(run()).rejects.toMatchObject({ code: 'bulk.remote-failed' });
    expect(await run()).toMatchObject({ imported: 451, refused: 0 });
  });

  it('shows its token to nobody else', async () => {
    let shown = false;
    const elsewhere: Server = createServer((incoming, response) => {
      shown ||= incoming.headers.authorization !== undefined;
      response.end('{}');
    });
    await new Promise<void>((resolve) => { elsewhere.listen(0, '127.0.0.1', resolve); });
    const away = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
    // A server that passes everything on, but for where its export is to be asked for.
    const lying: Server = createServer((incoming, response) => {
      const passed = request(`${theirs.url.replace(/\/$/, '')}${incoming.url}`, { method: incoming.method, headers: { ...incoming.headers, host: new URL(theirs.url).host } }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...(answer.headers['content-location'] === undefined ? {} : { 'content-location': `${away}/status` }) });
        answer.pipe(response);
      });
      incoming.pipe(passed);
    });
    await new Promise<void>((resolve) => { lying.listen(0, '127.0.0.1', resolve); });
    await expect(run({ url: `http://127.0.0.1:${(lying.address() as AddressInfo).port}/api/fhir` })).rejects.toMatchObject({ code: 'bulk.address-refused' });
    expect(shown).toBe(false);
    for (const server of [elsewhere, lying]) {
      server.closeAllConnections();
      server.close();
    }
  });
});
