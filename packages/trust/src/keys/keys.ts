import { createHmac, createSecretKey, randomBytes, randomFillSync, type KeyObject } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { assert, PrimumError, systemClock, uuidv7, type Clock } from '@primum/base';
import { createKeyFiles, maxBatch, type KeyFileIo, type KeyFiles } from './key-files.ts';
import { indexKinds, tenantKeyId, uuidToBytes, type IndexKind, type KeyName, type KeyScope } from './key-scope.ts';
import { loadOrCreateMasterKey } from './master-key.ts';
import { openWith, sealedKeyOf, sealWith } from './sealed-format.ts';
import { unwrapKey, wrapKey } from './wrapped-key.ts';

/**
 * The keys port, embedded side. Content is sealed and opened here; keys never leave.
 *
 * `ensure` makes the keys of its scopes durable and loads them; after it, `seal` is synchronous and fast. Many callers
 * at once share fsyncs. A patient whose key was destroyed gets `trust.key-missing`, for ever.
 * `{ kind: 'intake' }` is the current epoch: call `ensure` once per batch of messages, it starts a new epoch when one
 * is due (`epochMaxAgeMs`, `epochMaxSeals`).
 * `open` throws `trust.key-missing` when the key is gone, `trust.sealed-corrupt` when content or `aad` are not what was
 * sealed. Another process's destruction of a key is noticed within `recheckMs`.
 */
export type Keys = {
  ensure(tenant: number, scopes: readonly KeyScope[]): Promise<void>;
  has(tenant: number, scope: KeyScope): boolean;
  seal(tenant: number, scope: KeyScope, plain: Uint8Array, aad: string): Buffer;
  open(tenant: number, sealed: Uint8Array, aad: string): Promise<Buffer>;
  /** HMAC-SHA256 under the index key of this kind; see `blindToken`. 32 bytes. */
  token(tenant: number, kind: IndexKind, message: string): Buffer;
  /** Those of these patients whose key was destroyed; one whose key is merely absent is not among them. */
  destroyed(tenant: number, patientIds: readonly string[]): string[];
  /** Destroys a patient's key, and with it all that it sealed. */
  destroy(tenant: number, scope: { kind: 'patient'; patientId: string }): Promise<void>;
  /** Ids of the intake epochs whose keys exist, oldest first; UUIDv7, so an id says when its epoch began. */
  intakeEpochs(tenant: number): string[];
  destroyIntakeEpoch(tenant: number, epochId: string): Promise<void>;
};

export type KeysOptions = {
  directory: string;
  /** 32 bytes from outside; without it, `master.key` in the directory. */
  masterKey?: Buffer;
  /** Tenants whose tenant, index and intake keys shall exist from the start. */
  tenants?: readonly number[];
  clock?: Clock;
  maxCachedKeys?: number;
  recheckMs?: number;
  epochMaxAgeMs?: number;
  epochMaxSeals?: number;
  io?: KeyFileIo;
};

export const defaultEpochMaxAgeMs = 3_600_000;

type CachedKey = { key: KeyObject; loadedAtMs: number };

export async function openKeys(options: KeysOptions): Promise<Keys> {
  const { directory, clock = systemClock, maxCachedKeys = 20_000, recheckMs = 60_000, epochMaxAgeMs = defaultEpochMaxAgeMs, epochMaxSeals = 100_000 } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const masterKey = options.masterKey ?? loadOrCreateMasterKey(directory);
  assert(masterKey.length === 32, 'a master key has 32 bytes');
  const files = createKeyFiles(directory, options.io);
  const cache = new Map<string, CachedKey>();
  const create = createBatcher(files, masterKey);
  const nextSalt = createSalts();
  const epochs = new Map<number, { id: string; startedAtMs: number; seals: number }>();

  /** Cached, else from disk. Loads are synchronous: a local 61-byte file costs less than a turn of the event loop. */
  const find = (name: KeyName): KeyObject | 'absent' | 'destroyed' => {
    const label = `${name.tenant}/${name.kind}/${name.id}`;
    const nowMs = clock.now().getTime();
    const cached = cache.get(label);
    if (cached !== undefined) cache.delete(label);
    if (cached !== undefined && nowMs - cached.loadedAtMs < recheckMs) {
      cache.set(label, cached);
      return cached.key;
    }
    const file = files.read(name);
    if (file.state !== 'present') return file.state;
    const key = createSecretKey(unwrapKey(masterKey, name, file.wrapped));
    cache.set(label, { key, loadedAtMs: nowMs });
    if (cache.size > maxCachedKeys) cache.delete(cache.keys().next().value!);
    return key;
  };

  const use = (name: KeyName): KeyObject => {
    const key = find(name);
    if (typeof key === 'string') throw new PrimumError('trust.key-missing', `${name.kind} key, ${key}`);
    return key;
  };

  const ensureNames = async (names: readonly KeyName[]): Promise<void> => {
    const absent = names.filter((name) => {
      const key = find(name);
      if (key === 'destroyed') throw new PrimumError('trust.key-missing', `${name.kind} key, destroyed`);
      return key === 'absent';
    });
    await Promise.all(absent.map(create));
    for (const name of absent) use(name);
  };

  const namesOf = (tenant: number, scope: KeyScope): KeyName[] => {
    if (scope.kind === 'patient') return [{ tenant, kind: 'patient', id: checkedId(scope.patientId) }];
    if (scope.kind === 'tenant') return [{ tenant, kind: 'tenant', id: tenantKeyId }, ...indexKinds.map((id) => ({ tenant, kind: 'index' as const, id }))];
    const epoch = epochs.get(tenant);
    return epoch === undefined ? [] : [{ tenant, kind: 'intake', id: epoch.id }];
  };

  /** Other callers go on with the old epoch until the new one's key is durable. */
  const beginEpoch = async (tenant: number): Promise<void> => {
    const startedAtMs = clock.now().getTime();
    const id = uuidv7(startedAtMs);
    await ensureNames([{ tenant, kind: 'intake', id }]);
    epochs.set(tenant, { id, startedAtMs, seals: 0 });
  };
  const beginning = new Map<number, Promise<void>>();
  const ensureIntake = async (tenant: number): Promise<void> => {
    const epoch = epochs.get(tenant);
    if (epoch !== undefined && epoch.seals < epochMaxSeals && clock.now().getTime() - epoch.startedAtMs < epochMaxAgeMs) return;
    const begun = beginning.get(tenant) ?? beginEpoch(tenant).finally(() => beginning.delete(tenant));
    beginning.set(tenant, begun);
    await begun;
  };

  const keys: Keys = {
    ensure: async (tenant, scopes) => {
      if (scopes.some(({ kind }) => kind === 'intake')) await ensureIntake(tenant);
      await ensureNames(scopes.flatMap((scope) => (scope.kind === 'intake' ? [] : namesOf(tenant, scope))));
    },
    has: (tenant, scope) => {
      const names = namesOf(tenant, scope);
      return names.length > 0 && names.every((name) => typeof find(name) !== 'string');
    },
    seal: (tenant, scope, plain, aad) => {
      const name = namesOf(tenant, scope)[0];
      if (name === undefined || name.kind === 'index') throw new PrimumError('trust.key-missing', 'no intake epoch was begun');
      if (scope.kind === 'intake') epochs.get(tenant)!.seals += 1;
      return sealWith(use(name), name.kind, name.id, nextSalt(), plain, aad);
    },
    open: async (tenant, sealed, aad) => {
      const { kind, keyId } = sealedKeyOf(sealed);
      return openWith(use({ tenant, kind, id: keyId }), sealed, aad);
    },
    token: (tenant, kind, message) => createHmac('sha256', use({ tenant, kind: 'index', id: kind })).update(message).digest(),
    destroyed: (tenant, patientIds) => patientIds.filter((patientId) => find({ tenant, kind: 'patient', id: checkedId(patientId) }) === 'destroyed'),
    destroy: async (tenant, scope) => {
      const [name] = namesOf(tenant, scope);
      cache.delete(`${tenant}/patient/${scope.patientId}`);
      await files.destroy(name!, { tombstone: true });
      // A reader may have loaded it again while it was being destroyed.
      cache.delete(`${tenant}/patient/${scope.patientId}`);
    },
    intakeEpochs: (tenant) => files.list(tenant, 'intake'),
    destroyIntakeEpoch: async (tenant, epochId) => {
      if (epochs.get(tenant)?.id === checkedId(epochId)) epochs.delete(tenant);
      await files.destroy({ tenant, kind: 'intake', id: epochId }, { tombstone: false });
      cache.delete(`${tenant}/intake/${epochId}`);
    },
  };

  // Proves at the start, not at the first patient, that this master key fits these keys.
  await ensureNames([{ tenant: 0, kind: 'tenant', id: tenantKeyId }]);
  for (const tenant of options.tenants ?? []) await keys.ensure(tenant, [{ kind: 'tenant' }, { kind: 'intake' }]);
  return keys;
}

function checkedId(id: string): string {
  uuidToBytes(id);
  return id;
}

/** Gathers the keys that are asked for while others are being written, so that they share one round of fsyncs. */
function createBatcher(files: KeyFiles, masterKey: Buffer): (name: KeyName) => Promise<void> {
  type Waiting = { name: KeyName; settle: (error?: unknown) => void };
  const waiting: Waiting[] = [];
  let running = false;
  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxBatch);
      try {
        await files.create(batch.map(({ name }) => ({ name, wrapped: wrapKey(masterKey, name, randomBytes(32)) })));
        for (const { settle } of batch) settle();
      } catch (error) {
        for (const { settle } of batch) settle(error);
      }
    }
    running = false;
  };
  return (name) => new Promise((resolve, reject) => {
    waiting.push({ name, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    if (!running) queueMicrotask(() => { if (!running) void run(); });
  });
}

/** Random salts of 16 bytes, drawn from the generator 256 at a time (one call costs as much as one salt). */
function createSalts(): () => Uint8Array {
  const pool = Buffer.alloc(4_096);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += 16;
    return pool.subarray(at - 16, at);
  };
}
