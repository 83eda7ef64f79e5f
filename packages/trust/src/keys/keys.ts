import { createHmac, createSecretKey, randomFillSync, type KeyObject } from 'node:crypto';
import { assert, PrimumError, systemClock, uuidv7, type Clock } from '@primum/base';
import { createKeyMaker } from './create-keys.ts';
import { createFileKeyStore, type KeyFileIo } from './file-key-store.ts';
import { generationId, generationOfId, indexKinds, uuidToBytes, type IndexKind, type KeyName, type KeyScope } from './key-scope.ts';
import { listAll, type KeyStore, type StoredKey } from './key-store.ts';
import { masterKeyGiven, masterKeysBeside } from './master-key-files.ts';
import { openMasterKeys, type MasterKeySource } from './master-keys.ts';
import { openWith, sealedKeyOf, sealWith } from './sealed-format.ts';
import { walkKeys, type KeyWalk, type WalkOptions } from './walk-keys.ts';
import { generationOf, unwrapKey, wrapKey, type MasterKey } from './wrapped-key.ts';

/**
 * The keys port. Content is sealed and opened here; keys never leave.
 *
 * `ensure` makes the keys of its scopes durable and loads them; after it, `seal` is synchronous and fast. Many callers
 * at once share fsyncs. A patient whose key was destroyed gets `trust.key-missing`, for ever.
 * `{ kind: 'intake' }` is the current epoch: call `ensure` once per batch of messages, it starts a new epoch when one
 * is due (`epochMaxAgeMs`, `epochMaxSeals`).
 * `open` throws `trust.key-missing` when the key is gone, `trust.sealed-corrupt` when content or `aad` are not what was
 * sealed. Another process's destruction of a key, and its new generation of a tenant's key, are noticed within
 * `recheckMs`; a new master key at the next key that is made.
 */
export type Keys = {
  ensure(tenant: number, scopes: readonly KeyScope[]): Promise<void>;
  has(tenant: number, scope: KeyScope): Promise<boolean>;
  seal(tenant: number, scope: KeyScope, plain: Uint8Array, aad: string): Buffer;
  open(tenant: number, sealed: Uint8Array, aad: string): Promise<Buffer>;
  /** HMAC-SHA256 under the index key of this kind; see `blindToken`. 32 bytes. */
  token(tenant: number, kind: IndexKind, message: string): Buffer;
  /** Those of these patients whose key was destroyed; one whose key is merely absent is not among them. */
  destroyed(tenant: number, patientIds: readonly string[]): Promise<string[]>;
  /** Destroys a patient's key, and with it all that it sealed. */
  destroy(tenant: number, scope: { kind: 'patient'; patientId: string }): Promise<void>;
  /** Ids of the intake epochs whose keys exist, oldest first; UUIDv7, so an id says when its epoch began. */
  intakeEpochs(tenant: number): Promise<string[]>;
  destroyIntakeEpoch(tenant: number, epochId: string): Promise<void>;
  /** Makes the next master key, which wraps from now on; `walk` brings the others over to it. Its generation. */
  rotateMaster(): Promise<number>;
  /** Makes the tenant's next data key, which seals from now on; what older ones sealed stays openable. Its generation. */
  rotateTenantKey(tenant: number): Promise<number>;
  /** See `walkKeys`. */
  walk(options?: WalkOptions): Promise<KeyWalk>;
  status(tenant: number): Promise<KeyStatus>;
};

/** Says nothing of any key's value. `walk`: the last walk of this process, undefined before its first. */
export type KeyStatus = {
  store: KeyStore['kind'];
  masterFrom: MasterKeySource['from'];
  masters: { generation: number; since: Date }[];
  tenantGeneration: number;
  walk: KeyWalk | undefined;
};

export type KeysOptions = {
  directory: string;
  /** Where wrapped keys lie; files in the directory. */
  store?: KeyStore;
  /** Where master keys come from; files in the directory. */
  masters?: MasterKeySource;
  /** 32 bytes from outside, the first and only generation. */
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

/**
 * How long a key in memory is used while a remote store does not answer. A ward goes on with its patients; an erasure
 * needs the store, so none is missed but one made across a cut network.
 */
const outageMs = 15 * 60_000;

type CachedKey = { key: KeyObject; loadedAtMs: number };

export async function openKeys(options: KeysOptions): Promise<Keys> {
  const { directory, clock = systemClock, maxCachedKeys = 20_000, recheckMs = 60_000, epochMaxAgeMs = defaultEpochMaxAgeMs, epochMaxSeals = 100_000 } = options;
  assert(options.masterKey === undefined || options.masterKey.length === 32, 'a master key has 32 bytes');
  const masters = await openMasterKeys(options.masters ?? (options.masterKey === undefined ? masterKeysBeside(directory) : masterKeyGiven(options.masterKey)));
  const store = options.store ?? createFileKeyStore(directory, options.io);
  const nextSalt = createSalts();
  const epochs = new Map<number, { id: string; startedAtMs: number; seals: number }>();
  const tenantGenerations = new Map<number, { generation: number; checkedAtMs: number }>();
  let lastWalk: KeyWalk | undefined;

  // Tenants' and index keys are few and never destroyed: they stay. Of the others the least recently used goes.
  const lasting = new Map<string, KeyObject>();
  const cache = new Map<string, CachedKey>();
  const nowMs = (): number => clock.now().getTime();
  const labelOf = (name: KeyName): string => `${name.tenant}/${name.kind}/${name.id}`;
  const keep = (name: KeyName, key: KeyObject): KeyObject => {
    if (name.kind === 'tenant' || name.kind === 'index') lasting.set(labelOf(name), key);
    else {
      cache.set(labelOf(name), { key, loadedAtMs: nowMs() });
      if (cache.size > maxCachedKeys) cache.delete(cache.keys().next().value!);
    }
    return key;
  };
  const cached = (name: KeyName): KeyObject | undefined => {
    const label = labelOf(name);
    const entry = cache.get(label);
    if (entry === undefined) return lasting.get(label);
    cache.delete(label);
    cache.set(label, entry);
    return nowMs() - entry.loadedAtMs < recheckMs ? entry.key : undefined;
  };

  const unwrap = async (name: KeyName, wrapped: Buffer): Promise<Buffer> => {
    const generation = generationOf(name, wrapped);
    const master = await masters.of(generation);
    if (master === undefined) throw new PrimumError('trust.key-store-unusable', `there is no master key of generation ${generation}`);
    return unwrapKey(master, name, wrapped);
  };

  const load = async (name: KeyName): Promise<KeyObject | 'absent' | 'destroyed'> => {
    const known = cached(name);
    if (known !== undefined) return known;
    let stored: StoredKey;
    try {
      stored = await store.read(name);
    } catch (error) {
      const held = cache.get(labelOf(name));
      if (held !== undefined && nowMs() - held.loadedAtMs < outageMs && error instanceof PrimumError && error.code === 'trust.key-store-unreachable') return held.key;
      throw error;
    }
    if (stored.state !== 'present') {
      cache.delete(labelOf(name));
      return stored.state;
    }
    return keep(name, createSecretKey(await unwrap(name, stored.wrapped)));
  };

  /** What `ensure` has loaded. A local store is asked again at once; of a remote one what is cached is taken, of any age. */
  const atHand = (name: KeyName): KeyObject => {
    const known = cached(name) ?? (store.kind === 'files' ? undefined : cache.get(labelOf(name))?.key);
    if (known !== undefined) return known;
    const stored = store.kind === 'files' ? store.read(name) : undefined;
    if (stored === undefined || !('state' in stored) || stored.state !== 'present') {
      cache.delete(labelOf(name));
      throw new PrimumError('trust.key-missing', `${name.kind} key`);
    }
    const master = masters.ofLoaded(generationOf(name, stored.wrapped));
    if (master === undefined) throw new PrimumError('trust.key-missing', `${name.kind} key: ensure was not asked for it`);
    return keep(name, createSecretKey(unwrapKey(master, name, stored.wrapped)));
  };

  const use = async (name: KeyName): Promise<KeyObject> => {
    const key = await load(name);
    if (typeof key === 'string') throw new PrimumError('trust.key-missing', `${name.kind} key, ${key}`);
    return key;
  };

  const rewrap = async (name: KeyName, master: MasterKey): Promise<boolean> => {
    const stored = await store.read(name);
    if (stored.state !== 'present') return false;
    return store.replace(name, wrapKey(master, name, await unwrap(name, stored.wrapped)));
  };
  const make = createKeyMaker({ store, masters, rewrap });

  const ensureNames = async (names: readonly KeyName[]): Promise<void> => {
    const unknown = names.filter((name) => cached(name) === undefined);
    if (unknown.length === 0) return;
    const states = await Promise.all(unknown.map(load));
    if (states.includes('destroyed')) throw new PrimumError('trust.key-missing', 'a key, destroyed');
    const absent = unknown.filter((_, index) => states[index] === 'absent');
    await Promise.all(absent.map(make));
    await Promise.all(absent.map(use));
  };

  /** Another process may have made a newer generation of the tenant's key. */
  const lookAtTenant = async (tenant: number): Promise<void> => {
    const known = tenantGenerations.get(tenant);
    if (known !== undefined && nowMs() - known.checkedAtMs < recheckMs) return;
    if (known !== undefined) known.checkedAtMs = nowMs();
    try {
      const newest = (await listAll(store, tenant, 'tenant')).at(-1);
      const generation = Math.max(known?.generation ?? 1, newest === undefined ? 1 : generationOfId(newest));
      await ensureNames([{ tenant, kind: 'tenant', id: generationId(generation) }, ...indexKinds.map((id) => ({ tenant, kind: 'index' as const, id }))]);
      tenantGenerations.set(tenant, { generation, checkedAtMs: nowMs() });
    } catch (error) {
      if (known === undefined) throw error;
    }
  };
  const tenantKey = (tenant: number): KeyName => ({ tenant, kind: 'tenant', id: generationId(tenantGenerations.get(tenant)?.generation ?? 1) });

  const nameOf = (tenant: number, scope: KeyScope): KeyName => {
    if (scope.kind === 'patient') return { tenant, kind: 'patient', id: checkedId(scope.patientId) };
    if (scope.kind === 'tenant') return tenantKey(tenant);
    const epoch = epochs.get(tenant);
    if (epoch === undefined) throw new PrimumError('trust.key-missing', 'no intake epoch was begun');
    return { tenant, kind: 'intake', id: epoch.id };
  };

  /** Other callers go on with the old epoch until the new one's key is durable. */
  const beginEpoch = async (tenant: number): Promise<void> => {
    const startedAtMs = nowMs();
    const id = uuidv7(startedAtMs);
    await ensureNames([{ tenant, kind: 'intake', id }]);
    epochs.set(tenant, { id, startedAtMs, seals: 0 });
  };
  const beginning = new Map<number, Promise<void>>();
  const ensureIntake = async (tenant: number): Promise<void> => {
    const epoch = epochs.get(tenant);
    if (epoch !== undefined && epoch.seals < epochMaxSeals && nowMs() - epoch.startedAtMs < epochMaxAgeMs) {
      await ensureNames([{ tenant, kind: 'intake', id: epoch.id }]);
      return;
    }
    const begun = beginning.get(tenant) ?? beginEpoch(tenant).finally(() => beginning.delete(tenant));
    beginning.set(tenant, begun);
    await begun;
  };

  const keys: Keys = {
    ensure: async (tenant, scopes) => {
      await lookAtTenant(tenant);
      if (scopes.some(({ kind }) => kind === 'intake')) await ensureIntake(tenant);
      await ensureNames(scopes.filter(({ kind }) => kind === 'patient').map((scope) => nameOf(tenant, scope)));
    },
    has: async (tenant, scope) => (scope.kind !== 'intake' || epochs.has(tenant)) && typeof (await load(nameOf(tenant, scope))) !== 'string',
    seal: (tenant, scope, plain, aad) => {
      const name = nameOf(tenant, scope);
      assert(name.kind === 'patient' || name.kind === 'tenant' || name.kind === 'intake', 'nothing else seals');
      if (scope.kind === 'intake') epochs.get(tenant)!.seals += 1;
      return sealWith(atHand(name), name.kind, name.id, nextSalt(), plain, aad);
    },
    open: async (tenant, sealed, aad) => {
      const { kind, keyId } = sealedKeyOf(sealed);
      const name: KeyName = { tenant, kind, id: keyId };
      return openWith(cached(name) ?? await use(name), sealed, aad);
    },
    token: (tenant, kind, message) => createHmac('sha256', atHand({ tenant, kind: 'index', id: kind })).update(message).digest(),
    destroyed: async (tenant, patientIds) => {
      const states = await Promise.all(patientIds.map(async (patientId) => (await store.read(nameOf(tenant, { kind: 'patient', patientId }))).state));
      return patientIds.filter((_, index) => states[index] === 'destroyed');
    },
    destroy: async (tenant, scope) => {
      const name = nameOf(tenant, scope);
      cache.delete(labelOf(name));
      await store.destroy(name, { tombstone: true });
      // A reader may have loaded it again while it was being destroyed.
      cache.delete(labelOf(name));
    },
    intakeEpochs: (tenant) => listAll(store, tenant, 'intake'),
    destroyIntakeEpoch: async (tenant, epochId) => {
      const name: KeyName = { tenant, kind: 'intake', id: checkedId(epochId) };
      if (epochs.get(tenant)?.id === epochId) epochs.delete(tenant);
      await store.destroy(name, { tombstone: false });
      cache.delete(labelOf(name));
    },
    rotateMaster: async () => (await masters.add()).generation,
    rotateTenantKey: async (tenant) => {
      tenantGenerations.delete(tenant);
      await lookAtTenant(tenant);
      const generation = (tenantGenerations.get(tenant)?.generation ?? 0) + 1;
      await ensureNames([{ tenant, kind: 'tenant', id: generationId(generation) }]);
      tenantGenerations.set(tenant, { generation, checkedAtMs: nowMs() });
      return generation;
    },
    walk: async (walkOptions) => {
      lastWalk = await walkKeys({ store, masters, clock, rewrap }, walkOptions);
      return lastWalk;
    },
    status: async (tenant) => {
      await lookAtTenant(tenant);
      return {
        store: store.kind, masterFrom: masters.from, masters: (await masters.all()).map(({ generation, since }) => ({ generation, since })),
        tenantGeneration: generationOfId(tenantKey(tenant).id), walk: lastWalk,
      };
    },
  };

  // Proves at the start, not at the first patient, that this master key fits these keys.
  await ensureNames([{ tenant: 0, kind: 'tenant', id: generationId(1) }]);
  for (const tenant of options.tenants ?? []) await keys.ensure(tenant, [{ kind: 'tenant' }, { kind: 'intake' }]);
  return keys;
}

function checkedId(id: string): string {
  uuidToBytes(id);
  return id;
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
