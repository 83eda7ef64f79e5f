import * as fs from 'node:fs';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { manualClock, uuidv7 } from '@primum/base';
import { afterEach, describe, expect, it } from 'vitest';
import { blindToken } from './blind-token.ts';
import { intakeEpochOf, reseal, retireIntakeEpochs } from './intake-epochs.ts';
import { createFileKeyStore, type KeyFileIo } from './file-key-store.ts';
import type { KeyStore } from './key-store.ts';
import { openKeys, type Keys, type KeysOptions } from './keys.ts';

const tenant = 1;
const folders: string[] = [];
afterEach(() => { for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true }); });

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'primum-keys-'));
  folders.push(folder);
  return folder;
}
const open = (directory: string, more: Partial<KeysOptions> = {}): Promise<Keys> => openKeys({ directory, tenants: [tenant], ...more });
const patient = (patientId: string): { kind: 'patient'; patientId: string } => ({ kind: 'patient', patientId });
const codeOf = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
  return 'no error';
};

describe('keys', () => {
  it('opens what it sealed, after a restart too, and names the patient\'s key in clear', async () => {
    const directory = newFolder();
    const [a, b] = [uuidv7(), uuidv7()];
    const keys = await open(directory);
    await keys.ensure(tenant, [patient(a), patient(b)]);
    const sealed = [patient(a), patient(b), { kind: 'tenant' } as const, { kind: 'intake' } as const]
      .map((scope) => keys.seal(tenant, scope, Buffer.from(`for ${scope.kind}`), 'x'));
    const again = await open(directory);
    expect(await Promise.all(sealed.map(async (value) => (await again.open(tenant, value, 'x')).toString())))
      .toEqual(['for patient', 'for patient', 'for tenant', 'for intake']);
    expect(sealed[0]!.subarray(2, 18).toString('hex')).toBe(a.replaceAll('-', ''));
    expect(await again.has(tenant, patient(a))).toBe(true);
    expect(await again.has(tenant, patient(uuidv7()))).toBe(false);
  });

  it('keeps no key in clear, and files that only their owner can read', async () => {
    const directory = newFolder();
    const keys = await open(directory);
    const id = uuidv7();
    await keys.ensure(tenant, [patient(id)]);
    const file = join(directory, '1', 'patient', id.slice(-2), `${id}.key`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, 'master.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(file)).toHaveLength(65);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('lets another patient\'s key file not stand in', async () => {
    const directory = newFolder();
    const keys = await open(directory);
    const [a, b] = [uuidv7(), uuidv7()];
    await keys.ensure(tenant, [patient(a), patient(b)]);
    const file = (id: string): string => join(directory, '1', 'patient', id.slice(-2), `${id}.key`);
    writeFileSync(file(a), readFileSync(file(b)));
    const again = await open(directory);
    expect(await codeOf(() => again.ensure(tenant, [patient(a)]))).toBe('trust.key-store-unusable');
  });

  it('refuses a wrong master key, and a lost one, at the start', async () => {
    const directory = newFolder();
    await open(directory);
    expect(await codeOf(() => open(directory, { masterKey: Buffer.alloc(32, 7) }))).toBe('trust.key-store-unusable');
    rmSync(join(directory, 'master.key'));
    expect(await codeOf(() => open(directory))).toBe('trust.key-store-unusable');
  });

  it('two processes that make the same keys at once end with the same keys', async () => {
    const directory = newFolder();
    const [one, two] = [await open(directory), await open(directory)];
    const ids = Array.from({ length: 50 }, () => uuidv7());
    await Promise.all([one.ensure(tenant, ids.map(patient)), two.ensure(tenant, ids.map(patient))]);
    for (const id of ids) {
      expect((await two.open(tenant, one.seal(tenant, patient(id), Buffer.from('both'), 'x'), 'x')).toString()).toBe('both');
    }
  });

  it('says that a key is missing when it was never made', async () => {
    const keys = await open(newFolder());
    expect(await codeOf(() => keys.seal(tenant, patient(uuidv7()), Buffer.from('x'), 'x'))).toBe('trust.key-missing');
    const elsewhere = await open(newFolder());
    const id = uuidv7();
    await elsewhere.ensure(tenant, [patient(id)]);
    expect(await codeOf(() => keys.open(tenant, elsewhere.seal(tenant, patient(id), Buffer.from('x'), 'x'), 'x'))).toBe('trust.key-missing');
  });

  it('makes content unreadable for ever once the patient\'s key is destroyed', async () => {
    const directory = newFolder();
    const clock = manualClock(new Date());
    const [keys, elsewhere] = [await open(directory, { clock }), await open(directory, { clock })];
    const [a, b] = [uuidv7(), uuidv7()];
    await keys.ensure(tenant, [patient(a), patient(b)]);
    const ofA = keys.seal(tenant, patient(a), Buffer.from('a'), 'x');
    const ofB = keys.seal(tenant, patient(b), Buffer.from('b'), 'x');
    const file = join(directory, '1', 'patient', a.slice(-2), `${a}.key`);
    const before = readFileSync(file);
    await elsewhere.open(tenant, ofA, 'x');

    await keys.destroy(tenant, patient(a));
    expect(existsSync(file)).toBe(false);
    expect(readFileSync(file.replace(/key$/, 'dead')).includes(before.subarray(5))).toBe(false);
    expect(await keys.destroyed(tenant, [a, b, uuidv7()])).toEqual([a]);
    expect(await codeOf(() => keys.open(tenant, ofA, 'x'))).toBe('trust.key-missing');
    expect(await codeOf(() => keys.ensure(tenant, [patient(a)]))).toBe('trust.key-missing');
    expect((await keys.open(tenant, ofB, 'x')).toString()).toBe('b');
    // Another process had it in memory; it looks again.
    clock.advanceMs(61_000);
    expect(await codeOf(() => elsewhere.open(tenant, ofA, 'x'))).toBe('trust.key-missing');
    const restarted = await open(directory);
    expect(await codeOf(() => restarted.open(tenant, ofA, 'x'))).toBe('trust.key-missing');
    expect(await codeOf(() => restarted.ensure(tenant, [patient(a)]))).toBe('trust.key-missing');
  });

  it('clears away what a killed process was writing, and leaves what a running one may be', async () => {
    const directory = newFolder();
    await open(directory);
    for (const name of ['old.tmp', 'new.tmp']) writeFileSync(join(directory, name), 'x');
    utimesSync(join(directory, 'old.tmp'), 0, 0);
    await open(directory);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual(['new.tmp']);
  });

  it('works with fewer cached keys than patients', async () => {
    const keys = await open(newFolder(), { maxCachedKeys: 3 });
    const ids = Array.from({ length: 10 }, () => uuidv7());
    await keys.ensure(tenant, ids.map(patient));
    const sealed = ids.map((id) => keys.seal(tenant, patient(id), Buffer.from(id), 'x'));
    for (const [index, id] of ids.entries()) expect((await keys.open(tenant, sealed[index]!, 'x')).toString()).toBe(id);
  });
});

describe('keys when the file system fails', () => {
  const real: KeyFileIo = { ...fs, fsync: promisify(fs.fsync) };
  const failingAt = (nth: number): { io: KeyFileIo; calls: () => number } => {
    let calls = 0;
    const fail = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
      calls += 1;
      if (calls === nth) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      return call(...args);
    };
    return {
      calls: () => calls,
      io: {
        openSync: fail(real.openSync), writeSync: fail(real.writeSync), closeSync: real.closeSync, linkSync: fail(real.linkSync),
        renameSync: fail(real.renameSync), unlinkSync: fail(real.unlinkSync), mkdirSync: fail(real.mkdirSync),
        fsync: async (fd) => fail(real.fsync)(fd),
      },
    };
  };

  it('never lets a seal happen under a key that is not on disk: the nth call fails, for every n', async () => {
    const [a, b] = [uuidv7(), uuidv7()];
    const total = await (async () => {
      const { io, calls } = failingAt(0);
      await (await openKeys({ directory: newFolder(), io })).ensure(tenant, [patient(a), patient(b)]);
      return calls();
    })();
    expect(total).toBeGreaterThan(15);
    for (let nth = 1; nth <= total; nth += 1) {
      const directory = newFolder();
      await openKeys({ directory });
      const { io } = failingAt(nth);
      const failed = await codeOf(async () => (await openKeys({ directory, io })).ensure(tenant, [patient(a), patient(b)]));
      expect(['store.disk-full', 'no error'], `call ${nth}`).toContain(failed);
      expect(readdirSync(directory).filter((name) => name.endsWith('.tmp')), `call ${nth}`).toEqual([]);
      // Space is freed: the same process' store and a new one both work, on the same keys.
      const keys = await openKeys({ directory });
      await keys.ensure(tenant, [patient(a), patient(b)]);
      const sealed = keys.seal(tenant, patient(a), Buffer.from('x'), 'x');
      expect((await (await openKeys({ directory })).open(tenant, sealed, 'x')).toString(), `call ${nth}`).toBe('x');
    }
  });
});

describe('a key file when the file system fails', () => {
  const real: KeyFileIo = { ...fs, fsync: promisify(fs.fsync) };
  /** The nth call of any kind fails, and those after it too: as after a crash, nothing is cleaned up by further calls. */
  const dyingAt = (nth: number): { io: KeyFileIo; calls: () => number } => {
    let calls = 0;
    const guard = <A extends unknown[], R>(call: (...args: A) => R) => (...args: A): R => {
      calls += 1;
      if (calls >= nth) throw Object.assign(new Error('no more'), { code: 'EIO' });
      return call(...args);
    };
    return {
      calls: () => calls,
      io: {
        openSync: guard(real.openSync), writeSync: guard(real.writeSync), closeSync: real.closeSync, linkSync: guard(real.linkSync), renameSync: guard(real.renameSync),
        unlinkSync: guard(real.unlinkSync), mkdirSync: guard(real.mkdirSync), fsync: async (fd) => guard(real.fsync)(fd),
      },
    };
  };
  const name = { tenant, kind: 'patient', id: uuidv7() } as const;
  const [first, second] = [Buffer.alloc(65, 1), Buffer.alloc(65, 2)];
  const prepared = async (): Promise<string> => {
    const directory = newFolder();
    await createFileKeyStore(directory).create([{ name, wrapped: first }]);
    return directory;
  };

  it.each(['replace', 'destroy'] as const)('%s is whole or not at all, and can be done again: it dies at the nth call, for every n', async (verb) => {
    const act = (store: KeyStore): Promise<unknown> => (verb === 'replace' ? store.replace(name, second) : store.destroy(name, { tombstone: true }));
    let nth = 1;
    for (let done = false; !done; nth += 1) {
      const directory = await prepared();
      const { io, calls } = dyingAt(nth);
      const failed = await codeOf(() => act(createFileKeyStore(directory, io)));
      done = failed === 'no error';
      expect(['no error', 'trust.key-store-unusable'], `call ${nth}`).toContain(failed);
      expect(calls() >= nth || done).toBe(true);
      const after = await createFileKeyStore(directory).read(name);
      if (verb === 'replace') expect(after.state === 'present' && [first, second].some((one) => one.equals(after.wrapped)), `call ${nth}`).toBe(true);
      else expect(after.state === 'destroyed' || (after.state === 'present' && first.equals(after.wrapped)), `call ${nth}`).toBe(true);
      await act(createFileKeyStore(directory));
      const again = await createFileKeyStore(directory).read(name);
      expect(again, `call ${nth}`).toEqual(verb === 'replace' ? { state: 'present', wrapped: second } : { state: 'destroyed' });
      if (verb === 'destroy') expect(readdirSync(join(directory, '1', 'patient', name.id.slice(-2)))).toEqual([`${name.id}.dead`]);
    }
    expect(nth).toBeGreaterThan(6);
  });
});

describe('intake', () => {
  it('seals again under the patient, then retires the epoch that no message rests on', async () => {
    const clock = manualClock(new Date('2026-03-01T00:00:00Z'));
    const keys = await open(newFolder(), { clock });
    const id = uuidv7();
    const waiting = keys.seal(tenant, { kind: 'intake' }, Buffer.from('MSH|waiting'), 'message|1');
    const raw = keys.seal(tenant, { kind: 'intake' }, Buffer.from('MSH|raw'), 'message|2');
    const epoch = intakeEpochOf(raw)!;
    const resealed = await reseal(keys, tenant, raw, { aad: 'message|2' }, { scope: patient(id), aad: 'message|2' });
    expect(intakeEpochOf(resealed)).toBeUndefined();

    expect(await retireIntakeEpochs({ keys, clock }, tenant, async () => new Set())).toEqual([]);
    clock.advanceMs(2 * 3_600_000);
    await keys.ensure(tenant, [{ kind: 'intake' }]);
    expect(intakeEpochOf(keys.seal(tenant, { kind: 'intake' }, Buffer.from('x'), 'x'))).not.toBe(epoch);
    expect(await retireIntakeEpochs({ keys, clock }, tenant, async () => new Set([epoch]))).toEqual([]);
    expect((await keys.open(tenant, waiting, 'message|1')).toString()).toBe('MSH|waiting');

    expect(await retireIntakeEpochs({ keys, clock }, tenant, async () => new Set())).toEqual([epoch]);
    expect(await codeOf(() => keys.open(tenant, raw, 'message|2'))).toBe('trust.key-missing');
    expect((await keys.open(tenant, resealed, 'message|2')).toString()).toBe('MSH|raw');
  });

  it('begins a new epoch after so many seals, one for all that ask at once', async () => {
    const keys = await open(newFolder(), { epochMaxSeals: 2 });
    for (let i = 0; i < 2; i += 1) keys.seal(tenant, { kind: 'intake' }, Buffer.from('x'), 'x');
    await Promise.all(Array.from({ length: 5 }, () => keys.ensure(tenant, [{ kind: 'intake' }])));
    expect(await keys.intakeEpochs(tenant)).toHaveLength(2);
  });
});

describe('blind tokens', () => {
  it('are equal for equal values, differ by kind, tenant and key store, and survive a restart', async () => {
    const directory = newFolder();
    const keys = await openKeys({ directory, tenants: [1, 2] });
    const token = blindToken(keys, 1, 'identifier', '["MRN","123"]').toString('hex');
    expect(token).toHaveLength(64);
    expect(blindToken(await open(directory), 1, 'identifier', '["MRN","123"]').toString('hex')).toBe(token);
    expect(blindToken(keys, 1, 'identifier', '["MRN","124"]').toString('hex')).not.toBe(token);
    expect(blindToken(keys, 1, 'visit', '["MRN","123"]').toString('hex')).not.toBe(token);
    expect(blindToken(keys, 2, 'identifier', '["MRN","123"]').toString('hex')).not.toBe(token);
    expect(blindToken(await open(newFolder()), 1, 'identifier', '["MRN","123"]').toString('hex')).not.toBe(token);
  });
});
