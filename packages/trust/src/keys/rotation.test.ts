import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { manualClock, uuidv7 } from '@primum/base';
import { afterEach, describe, expect, it } from 'vitest';
import { codeOf } from '../testing/test-trust.ts';
import { createFileKeyStore } from './file-key-store.ts';
import { sealedKeyOf } from './sealed-format.ts';
import { indexKinds } from './key-scope.ts';
import { masterKeysFromFile } from './master-key-files.ts';
import { openKeys, type Keys } from './keys.ts';

const tenant = 1;
const folders: string[] = [];
afterEach(() => { for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true }); });
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'primum-rotation-'));
  folders.push(folder);
  return folder;
};
const patient = (patientId: string): { kind: 'patient'; patientId: string } => ({ kind: 'patient', patientId });
const sealFor = async (keys: Keys, count: number): Promise<Map<string, Buffer>> => {
  const ids = Array.from({ length: count }, () => uuidv7());
  await keys.ensure(tenant, ids.map(patient));
  return new Map(ids.map((id) => [id, keys.seal(tenant, patient(id), Buffer.from(id), 'x')]));
};
const expectAllOpen = async (keys: Keys, sealed: ReadonlyMap<string, Buffer>): Promise<void> => {
  for (const [id, value] of sealed) expect((await keys.open(tenant, value, 'x')).toString()).toBe(id);
};
const now = { graceMs: -60_000 };

describe('rotation of the master key', () => {
  it('wraps by the new one at once, in every process, and drops the old one when nothing rests on it', async () => {
    const directory = newFolder();
    const [one, two] = [await openKeys({ directory, tenants: [tenant] }), await openKeys({ directory, tenants: [tenant] })];
    const before = await sealFor(one, 100);
    expect(await two.rotateMaster()).toBe(2);
    const after = await sealFor(one, 10);
    expect(await two.walk()).toMatchObject({ keys: { patient: 110 }, rewrapped: 100 + indexKinds.length + 4, dropped: [] });
    expect((await two.walk(now)).dropped).toEqual([1]);
    expect(readdirSync(directory).filter((name) => name.startsWith('master'))).toEqual(['master-2.key']);
    const again = await openKeys({ directory, tenants: [tenant] });
    for (const keys of [one, two, again]) await expectAllOpen(keys, new Map([...before, ...after]));
    expect((await again.status(tenant)).masters.map(({ generation }) => generation)).toEqual([2]);
  });

  it('does not drop the old one before its time, nor while a key cannot be read', async () => {
    const directory = newFolder();
    const clock = manualClock(new Date());
    const keys = await openKeys({ directory, tenants: [tenant], clock });
    const [id] = [...(await sealFor(keys, 3)).keys()];
    await keys.rotateMaster();
    expect((await keys.walk()).dropped).toEqual([]);
    clock.advanceMs(700_000);
    const file = join(directory, '1', 'patient', id!.slice(-2), `${id}.key`);
    writeFileSync(file, randomBytes(12));
    expect(await keys.walk()).toMatchObject({ unreadable: 1, dropped: [] });
    rmSync(file);
    expect((await keys.walk()).dropped).toEqual([1]);
  });

  it('wraps again what it stored while somebody made a generation', async () => {
    const directory = newFolder();
    const other = await openKeys({ directory, tenants: [tenant] });
    const files = createFileKeyStore(directory);
    // The other process rotates and walks to its end before this one's key is stored, and drops what nothing rests on.
    let once = true;
    const keys = await openKeys({ directory, tenants: [tenant], store: { ...files, create: async (made) => {
      if (once && made.some(({ name }) => name.kind === 'patient')) {
        once = false;
        await other.rotateMaster();
        expect((await other.walk(now)).dropped).toEqual([1]);
      }
      await files.create(made);
    } } });
    await expectAllOpen(await openKeys({ directory }), await sealFor(keys, 3));
  });

  it('does not bring back whom it meets while he is erased', async () => {
    const directory = newFolder();
    const keys = await openKeys({ directory, tenants: [tenant] });
    const sealed = await sealFor(keys, 200);
    const erased = [...sealed.keys()].filter((_, index) => index % 4 === 0);
    await keys.rotateMaster();
    await Promise.all([keys.walk(now), ...erased.map((id) => keys.destroy(tenant, patient(id)))]);
    const again = await openKeys({ directory });
    expect((await again.destroyed(tenant, [...sealed.keys()])).sort()).toEqual([...erased].sort());
    for (const id of erased) {
      expect(await codeOf(() => again.open(tenant, sealed.get(id)!, 'x'))).toBe('trust.key-missing');
      expect(existsSync(join(directory, '1', 'patient', id.slice(-2), `${id}.key`))).toBe(false);
    }
  });

  it('goes on after kill -9 at any point, and no key is lost', async () => {
    const directory = newFolder();
    const keys = await openKeys({ directory, tenants: [tenant] });
    const sealed = await sealFor(keys, 1_500);
    const script = `import { openKeys } from ${JSON.stringify(join(import.meta.dirname, 'keys.ts'))};
      const keys = await openKeys({ directory: ${JSON.stringify(directory)}, tenants: [1] });
      if ((await keys.status(1)).masters.length === 1) await keys.rotateMaster();
      console.log('walking');
      await keys.walk({ graceMs: -60000 });
      console.log('done');`;
    let said = '';
    let kills = 0;
    for (let round = 0; round < 40 && !said.includes('done'); round += 1) {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      said = '';
      const ended = new Promise((resolve) => child.on('close', resolve));
      child.stdout.on('data', (chunk) => {
        said += String(chunk);
        if (said === 'walking\n' && round < 12) void sleep(round * 7).then(() => child.kill('SIGKILL'));
      });
      await ended;
      if (child.signalCode === 'SIGKILL') kills += 1;
    }
    expect(kills).toBeGreaterThan(4);
    expect(readdirSync(directory).filter((name) => name.startsWith('master'))).toHaveLength(1);
    await expectAllOpen(await openKeys({ directory, tenants: [tenant] }), sealed);
  }, 60_000);

  it('from a file of somebody else\'s: a line more is a generation more, and Primum makes none', async () => {
    const directory = newFolder();
    const file = join(newFolder(), 'master');
    const line = (): string => randomBytes(32).toString('hex');
    const first = line();
    writeFileSync(file, `${first}\n`);
    const open = (): Promise<Keys> => openKeys({ directory, tenants: [tenant], masters: masterKeysFromFile(file) });
    const keys = await open();
    const sealed = await sealFor(keys, 5);
    expect(await codeOf(() => keys.rotateMaster())).toBe('trust.master-key-foreign');
    writeFileSync(file, `1 ${first}\n2 ${line()}\n`);
    expect(await keys.walk(now)).toMatchObject({ rewrapped: 8 + indexKinds.length, byGeneration: { 2: 8 + indexKinds.length }, dropped: [] });
    await expectAllOpen(await open(), sealed);
    writeFileSync(file, `${first.slice(1)}\n`);
    expect(await codeOf(open)).toBe('trust.key-store-unusable');
    rmSync(file);
    expect(await codeOf(open)).toBe('trust.key-store-unusable');
    expect(readdirSync(directory).filter((name) => name.startsWith('master'))).toEqual([]);
  });
});

describe('rotation of a tenant\'s key', () => {
  it('seals under the next one, in other processes within their time, and opens what the first sealed', async () => {
    const directory = newFolder();
    const clock = manualClock(new Date());
    const [one, two] = [await openKeys({ directory, tenants: [tenant], clock }), await openKeys({ directory, tenants: [tenant], clock })];
    const seal = (keys: Keys): Buffer => keys.seal(tenant, { kind: 'tenant' }, Buffer.from('x'), 'x');
    const before = seal(one);
    expect(await one.rotateTenantKey(tenant)).toBe(2);
    expect(sealedKeyOf(seal(one)).keyId).toBe('00000000-0000-0000-0000-000000000002');
    expect((await two.open(tenant, seal(one), 'x')).toString()).toBe('x');
    clock.advanceMs(61_000);
    await two.ensure(tenant, [{ kind: 'intake' }]);
    expect(sealedKeyOf(seal(two)).keyId).toBe(sealedKeyOf(seal(one)).keyId);
    expect((await (await openKeys({ directory })).open(tenant, before, 'x')).toString()).toBe('x');
    expect(await two.rotateTenantKey(tenant)).toBe(3);
  });
});
