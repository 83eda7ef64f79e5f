import { randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { createTestDatabase } from '@primum/store/testing';
import { addClient, mintSystemPrincipal, setClientDisabled } from '@primum/trust';
import { createTestCertificates } from '@primum/trust/testing/certificates';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { transportOf } from '../apps/primum/src/transport.ts';

type Peer = { cert: Buffer; key: Buffer };
const folder = mkdtempSync(join(tmpdir(), 'primum-peer-'));
const admin = mintSystemPrincipal('cli:test');
let primum: Primum;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let ca: Buffer;
let known: Peer;
let stranger: Peer;

beforeAll(async () => {
  const certificates = createTestCertificates(folder);
  const { certFile, keyFile } = certificates.issue('server');
  const peerOf = (name: string): Peer => {
    const files = certificates.issue(name, { common: name });
    return { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  };
  [known, stranger] = [peerOf('known'), peerOf('stranger')];
  ca = readFileSync(certificates.caFile);
  database = await createTestDatabase();
  primum = await bootPrimum({
    home: join(folder, 'home'), log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false,
    transport: transportOf({ 'tls-cert': certFile, 'tls-key': keyFile, 'tls-client-ca': certificates.caFile }),
  });
  await addClient(primum.core, tenant, admin, {
    id: 'integration-engine', name: 'Integration engine', kind: 'service', scopes: ['system/Observation.rs'], purposes: ['TREAT'], redirectUris: [], launchUrl: null, jwks: null, jwksUri: null,
    certificateFingerprint: new X509Certificate(known.cert).fingerprint256.replaceAll(':', '').toLowerCase(),
  });
});
afterAll(async () => {
  await primum?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function statusOf(path: string, peer?: Peer): Promise<number> {
  const sent = request({ host: '127.0.0.1', port: primum.httpPort, path, ca, servername: 'localhost', agent: false, headers: { host: `localhost:${primum.httpPort}` }, ...peer });
  sent.end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

describe('a machine peer', () => {
  const observation = `/api/fhir/Observation/${randomUUID()}`;

  it('is who registered its certificate, and may read what its scopes name', async () => {
    expect(await statusOf(observation, known)).toBe(404); // let in; there is no such one
    expect(await statusOf(`/api/fhir/Patient/${randomUUID()}`, known)).toBe(403);
  });

  it('is nobody with another certificate of the same authority, or with none', async () => {
    expect(await statusOf(observation, stranger)).toBe(401);
    expect(await statusOf(observation)).toBe(401);
  });

  it('opens nothing but FHIR', async () => {
    for (const path of ['/api/worklist', '/api/session', '/api/clients', '/api/events']) expect(await statusOf(path, known)).toBe(401);
  });

  it('is nobody from the moment it is disabled', async () => {
    await setClientDisabled(primum.core, tenant, admin, 'integration-engine', true);
    expect(await statusOf(observation, known)).toBe(401);
  });
});
