import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { manualClock, uuidv7 } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestCertificates } from '../testing/test-certificates.ts';
import { codeOf } from '../testing/test-trust.ts';
import { createFileKeyStore } from './file-key-store.ts';
import { describeKeyStore } from './key-store-conformance.ts';
import { openKeys, type Keys } from './keys.ts';
import { openConfiguredKeys } from './open-configured-keys.ts';
import { masterKeysByTransit } from './transit-master-keys.ts';
import { createVaultClient, type VaultClient } from './vault-client.ts';
import { createVaultKeyStore } from './vault-key-store.ts';
import { startVaultStandIn, type StandIn } from './vault-stand-in.ts';

const folder = mkdtempSync(join(tmpdir(), 'primum-stores-'));
const tokenFile = join(folder, 'token');
const real = process.env['PRIMUM_TEST_VAULT_ADDR'];
let standIn: StandIn;
let client: VaultClient;

beforeAll(async () => {
  standIn = await startVaultStandIn({ token: 'root' });
  writeFileSync(tokenFile, process.env['PRIMUM_TEST_VAULT_TOKEN'] ?? 'root');
  client = createVaultClient({ address: real ?? standIn.address, auth: { method: 'token', tokenFile } });
  if (real === undefined) console.log('no OpenBao/Vault: set PRIMUM_TEST_VAULT_ADDR and PRIMUM_TEST_VAULT_TOKEN; a stand-in takes its place');
});
afterAll(async () => {
  client.close();
  await standIn.close();
  rmSync(folder, { recursive: true, force: true });
});

describeKeyStore('key store in files', async () => {
  const directory = mkdtempSync(join(folder, 'files-'));
  return () => createFileKeyStore(directory);
});
describeKeyStore('key store in OpenBao/Vault', async () => {
  const prefix = `test-${randomUUID()}`;
  return () => createVaultKeyStore(client, { prefix });
});

describe('keys in OpenBao/Vault, master key by transit', () => {
  const open = (prefix: string, of = client, clock = manualClock(new Date())): Promise<Keys> => {
    const store = createVaultKeyStore(of, { prefix });
    return openKeys({ directory: join(folder, 'unused'), tenants: [1], clock, store, masters: masterKeysByTransit(of, store, { key: 'primum' }) });
  };
  const patient = (patientId: string): { kind: 'patient'; patientId: string } => ({ kind: 'patient', patientId });

  it('seals, opens in another process, rotates, drops the old master key, erases', async () => {
    const prefix = randomUUID();
    const [one, two] = [await open(prefix), await open(prefix)];
    const [a, b] = [uuidv7(), uuidv7()];
    await Promise.all([one.ensure(1, [patient(a), patient(b)]), two.ensure(1, [patient(a), patient(b)])]);
    const sealed = one.seal(1, patient(a), Buffer.from('x'), 'x');
    expect((await two.open(1, sealed, 'x')).toString()).toBe('x');
    expect(two.token(1, 'identifier', 'v').equals(one.token(1, 'identifier', 'v'))).toBe(true);

    expect(await one.rotateMaster()).toBe(2);
    const walk = await one.walk({ graceMs: -1_000 });
    expect(walk).toMatchObject({ keys: { patient: 2 }, unreadable: 0, dropped: [1] });
    expect(Object.keys(walk.byGeneration)).toEqual(['2']);
    expect((await (await open(prefix)).open(1, sealed, 'x')).toString()).toBe('x');

    await two.destroy(1, patient(a));
    expect(await one.destroyed(1, [a, b])).toEqual([a]);
    expect(await codeOf(async () => (await open(prefix)).open(1, sealed, 'x'))).toBe('trust.key-missing');
  });

  it('goes on with what it has while the server is sealed, and says why the rest waits', async () => {
    const clock = manualClock(new Date());
    const keys = await open(randomUUID(), createVaultClient({ address: standIn.address, auth: { method: 'token', tokenFile: writeToken('root') } }), clock);
    const id = uuidv7();
    await keys.ensure(1, [patient(id)]);
    const sealed = keys.seal(1, patient(id), Buffer.from('x'), 'x');
    standIn.seal(true);
    try {
      clock.advanceMs(10 * 60_000);
      expect((await keys.open(1, sealed, 'x')).toString()).toBe('x');
      keys.seal(1, patient(id), Buffer.from('y'), 'x');
      expect(await codeOf(() => keys.ensure(1, [patient(uuidv7())]))).toBe('trust.key-store-unreachable');
      clock.advanceMs(6 * 60_000);
      expect(await codeOf(() => keys.open(1, sealed, 'x'))).toBe('trust.key-store-unreachable');
    } finally {
      standIn.seal(false);
    }
    await keys.ensure(1, [patient(uuidv7())]);
  });

  it('logs in again when its token ends, and says so when it may not', async () => {
    const server = await startVaultStandIn({ token: 'none' });
    const credentialsFile = join(folder, 'approle.json');
    writeFileSync(credentialsFile, '{"role_id":"role","secret_id":"secret"}');
    const ofRole = createVaultClient({ address: server.address, auth: { method: 'approle', credentialsFile } });
    const keys = await open('p', ofRole);
    server.expireTokens();
    await keys.ensure(1, [patient(uuidv7())]);
    expect(server.logins()).toBe(2);
    writeFileSync(credentialsFile, '{"role_id":"role","secret_id":"taken back"}');
    server.expireTokens();
    expect(await codeOf(() => keys.ensure(1, [patient(uuidv7())]))).toBe('trust.key-store-denied');
    ofRole.close();
    await server.close();
  });

  it('logs in as a pod, over TLS to whom its authority vouches for', async () => {
    const certificates = createTestCertificates(folder);
    const { certFile, keyFile } = certificates.issue('vault');
    const server = await startVaultStandIn({ token: 'none', tls: { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') } });
    const pod = join(folder, 'pod');
    writeFileSync(pod, 'pod\n');
    const of = (more: { caFile?: string }): VaultClient => createVaultClient({ address: server.address, auth: { method: 'kubernetes', role: 'primum', tokenFile: pod }, ...more });
    const [trusting, strange] = [of({ caFile: certificates.caFile }), of({})];
    await (await open('q', trusting)).ensure(1, [patient(uuidv7())]);
    expect(server.logins()).toBe(1);
    expect(await codeOf(() => strange.request('GET', 'secret/data/x'))).toBe('trust.key-store-unreachable');
    trusting.close();
    strange.close();
    await server.close();
  });

  it('opens what keys.json says, and refuses what it does not understand', async () => {
    const home = mkdtempSync(join(folder, 'home-'));
    const settings = { store: 'vault', master: 'transit', vault: { address: standIn.address, auth: { method: 'token', tokenFile: writeToken('root') }, prefix: randomUUID() } };
    const save = (value: object): void => writeFileSync(join(home, 'keys.json'), JSON.stringify(value));
    save(settings);
    const keys = await openConfiguredKeys(home, { tenants: [1] });
    const sealed = keys.seal(1, { kind: 'tenant' }, Buffer.from('x'), 'x');
    expect((await (await openConfiguredKeys(home, { tenants: [1] })).open(1, sealed, 'x')).toString()).toBe('x');
    expect(await keys.status(1)).toMatchObject({ store: 'vault', masterFrom: 'transit' });
    expect(existsSync(join(home, 'keys'))).toBe(false);
    for (const wrong of [{ store: 'valut' }, { store: 'vault' }, { ...settings, vault: { ...settings.vault, auth: { method: 'password' } } }]) {
      save(wrong);
      expect(await codeOf(() => openConfiguredKeys(home, { tenants: [1] }))).toBe('config.invalid');
    }
  });

  it('takes no plain text beyond this machine', async () => {
    expect(await codeOf(() => createVaultClient({ address: 'http://vault.example:8200', auth: { method: 'token', tokenFile } }))).toBe('net.plaintext-refused');
    const nobody = createVaultClient({ address: 'http://127.0.0.1:9', auth: { method: 'token', tokenFile } });
    expect(await codeOf(() => nobody.request('GET', 'secret/data/x'))).toBe('trust.key-store-unreachable');
  });

  function writeToken(token: string): string {
    const path = join(folder, `token-${randomUUID()}`);
    writeFileSync(path, token);
    return path;
  }
});
