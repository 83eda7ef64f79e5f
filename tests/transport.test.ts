import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { connectMllp } from '@primum/ingest';
import { createTestDatabase } from '@primum/store/testing';
import { scanTransport } from '@primum/trust';
import { createTestCertificates } from '@primum/trust/testing/certificates';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import { transportOf } from '../apps/primum/src/transport.ts';

const folder = mkdtempSync(join(tmpdir(), 'primum-transport-'));
const name = 'primum.hospital.example';
let primum: Primum;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let ca: Buffer;
let peer: { cert: Buffer; key: Buffer };
beforeAll(async () => {
  const certificates = createTestCertificates(folder);
  const { certFile, keyFile } = certificates.issue('server', { common: name });
  const client = certificates.issue('peer', { common: 'peer' });
  ca = readFileSync(certificates.caFile);
  peer = { cert: readFileSync(client.certFile), key: readFileSync(client.keyFile) };
  database = await createTestDatabase();
  primum = await bootPrimum({
    home: join(folder, 'home'), log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false,
    transport: transportOf({ 'tls-cert': certFile, 'tls-key': keyFile, 'tls-client-ca': certificates.caFile, host: [name] }),
  });
});
afterAll(async () => {
  await primum.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

type Answer = { status: number; headers: NodeJS.Dict<string | string[]>; text: string };
async function ask(path: string, options: { method?: string; headers?: Record<string, string>; body?: unknown } = {}): Promise<Answer> {
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
  const sent = request({
    host: '127.0.0.1', port: primum.httpPort, path, method: options.method ?? 'GET', ca, servername: name,
    headers: { host: `${name}:${primum.httpPort}`, ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
  });
  sent.end(payload);
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

describe('over TLS', () => {
  it('answers to its names alone, and to pages of its own origin', async () => {
    expect(await ask('/api/health')).toMatchObject({ status: 200, headers: { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } });
    expect((await ask('/api/health', { headers: { host: 'evil.example' } })).status).toBe(403);
    const signIn = { method: 'POST', body: { username: 'clinician', password: 'wrong' } };
    expect((await ask('/api/session', { ...signIn, headers: { origin: `https://${name}:${primum.httpPort}` } })).status).toBe(401);
    expect((await ask('/api/session', { ...signIn, headers: { origin: `http://${name}:${primum.httpPort}` } })).status).toBe(403);
    expect(primum.url).toBe(`https://${name}:${primum.httpPort}/`);
  });

  it('signs in by a cookie that no other host can set and that never travels in plain text', async () => {
    const { username, password } = primum.seeded.find(({ role }) => role === 'auditor')!; // every role is seeded
    const answer = await ask('/api/session', { method: 'POST', body: { username, password } });
    const [cookie = ''] = answer.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^__Host-primum_session=/);
    for (const word of ['Path=/', 'HttpOnly', 'Secure', 'SameSite=Strict']) expect(cookie).toContain(word);
    expect(cookie).not.toContain('Domain');
    expect((await ask('/api/session', { headers: { cookie: cookie.split(';')[0]! } })).status).toBe(200);
    expect((await ask('/api/session', { headers: { cookie: cookie.split(';')[0]!.replace('__Host-', '') } })).status).toBe(401);
  });

  it('takes messages from peers whose certificate is vouched for', async () => {
    const at = { host: '127.0.0.1', port: primum.mllpPort, timeoutMs: 3_000 };
    await using client = await connectMllp({ ...at, tls: { ca, ...peer } });
    expect((await client.send('MSH|^~\\&|NOBODY|NOWHERE|||20260101||ADT^A01|1|P|2.5\r')).toString()).toContain('MSA|');
  });

  it('stands up to the scan', async () => {
    const scans = await scanTransport(primum.listeners);
    expect(scans.map(({ name: listener, tls, version, refusesTls11, refusesPlaintext, passed }) => ({ listener, tls, version, refusesTls11, refusesPlaintext, passed }))).toEqual([
      { listener: 'console and API', tls: true, version: 'TLSv1.3', refusesTls11: true, refusesPlaintext: true, passed: true },
      { listener: 'HL7 v2', tls: true, version: 'TLSv1.3', refusesTls11: true, refusesPlaintext: true, passed: true },
      { listener: 'HL7 v2 of this machine', tls: false, version: null, refusesTls11: null, refusesPlaintext: false, passed: true },
    ]);
  });
});

it('does not start in plain text beyond this machine', async () => {
  const start = (values: Parameters<typeof transportOf>[0], databaseUrl = database.url): Promise<Primum> =>
    bootPrimum({ home: join(folder, 'other'), log: silentLog, databaseUrl, httpPort: 0, mllpPort: 0, wardRate: null, console: false, transport: transportOf(values) });
  await expect(start({ listen: '0.0.0.0' })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
  await expect(start({ 'mllp-listen': '0.0.0.0' })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
  await expect(start({}, 'postgresql://primum@db.hospital.example/primum')).rejects.toMatchObject({ code: 'net.plaintext-refused' });
});
