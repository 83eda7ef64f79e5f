import type { KeyName } from './key-scope.ts';

/** `absent`: no such key yet. `destroyed`: there was one, and there will be none. */
export type StoredKey = { state: 'present'; wrapped: Buffer } | { state: 'absent' } | { state: 'destroyed' };

/**
 * Where wrapped keys lie: outside the database, its log and its backups. Two sides, files and OpenBao/Vault, held to
 * one conformance suite (`key-store-conformance.ts`). A store never sees a key in clear.
 *
 * Promises of every side:
 * - `create` resolves when its keys are durable. Of two that create the same key one wins and both succeed; a key that
 *   exists, or was destroyed, stays as it is. At most `maxBatch` at a time.
 * - `replace` puts another wrapping of the same key in its place. It never brings a destroyed key back, whatever
 *   happens meanwhile; `false` when there was nothing to replace.
 * - `destroy` makes the key unreadable and, with a tombstone, its name unusable for ever.
 */
export type KeyStore = {
  readonly kind: 'files' | 'vault';
  /** A local store answers at once; a remote one with a promise. */
  read(name: KeyName): StoredKey | Promise<StoredKey>;
  create(keys: readonly { name: KeyName; wrapped: Uint8Array }[]): Promise<void>;
  replace(name: KeyName, wrapped: Uint8Array): Promise<boolean>;
  destroy(name: KeyName, options: { tombstone: boolean }): Promise<void>;
  /** Ids of the keys of a kind, those destroyed left out, in order; patients' come shard by shard. */
  list(tenant: number, kind: KeyName['kind']): AsyncIterable<string[]>;
  tenants(): Promise<number[]>;
};

export const maxBatch = 64;

/** Patients' keys are spread over 256 shards, named by the last two digits of their ids. */
export function shardOf({ kind, id }: Pick<KeyName, 'kind' | 'id'>): string | undefined {
  return kind === 'patient' ? id.slice(-2) : undefined;
}

export const shards: readonly string[] = Array.from({ length: 256 }, (_, shard) => shard.toString(16).padStart(2, '0'));

export async function listAll(store: KeyStore, tenant: number, kind: KeyName['kind']): Promise<string[]> {
  const ids: string[] = [];
  for await (const some of store.list(tenant, kind)) ids.push(...some);
  return ids.sort();
}
