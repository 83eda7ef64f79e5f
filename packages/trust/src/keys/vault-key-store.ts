/**
 * Wrapped keys in the KV engine, version 2, of OpenBao or Vault: `<mount>/data/<prefix>/<tenant>/<kind>/…/<id>`.
 *
 * First writer wins by check-and-set: a creation says `cas: 0` (there was never a version), a new wrapping the version
 * that it read. Destroying writes a tombstone as the newest version, then destroys the versions before it: a new
 * wrapping that was being written meanwhile no longer has the newest version and is refused. (KV v2's own deletion of a
 * version would leave the name free for a creation.) Two processes need no lock of their own. Reads must come from a
 * node that has the latest writes: point the address at the active node, not at a read replica.
 */
import { PrimumError } from '@primum/base';
import type { KeyName } from './key-scope.ts';
import { shardOf, shards, type KeyStore, type StoredKey } from './key-store.ts';
import { partOf, type VaultAnswer, type VaultClient } from './vault-client.ts';

export function createVaultKeyStore(client: VaultClient, options: { mount?: string; prefix?: string } = {}): KeyStore {
  const { mount = 'secret', prefix = 'primum' } = options;
  const folderOf = (tenant: number, kind: string, shard?: string): string => [prefix, tenant, kind, ...(shard === undefined ? [] : [shard])].join('/');
  const pathOf = (name: KeyName): string => `${folderOf(name.tenant, name.kind, shardOf(name))}/${name.id}`;

  type Read = { version: number; stored: StoredKey };
  const read = async (name: KeyName): Promise<Read> => {
    const answer = await client.request('GET', `${mount}/data/${pathOf(name)}`);
    const found = partOf(answer.body, 'data');
    const version = Number(partOf(found, 'metadata')['version'] ?? 0);
    const { wrapped, destroyed } = partOf(found, 'data');
    if (destroyed === true) return { version, stored: { state: 'destroyed' } };
    // A version that somebody deleted or destroyed by hand answers 404 with its number.
    if (answer.status === 404) return { version, stored: { state: version === 0 ? 'absent' : 'destroyed' } };
    if (typeof wrapped !== 'string') throw new PrimumError('trust.key-store-unusable', `what is stored for a ${name.kind} key is not one`);
    return { version, stored: { state: 'present', wrapped: Buffer.from(wrapped, 'base64') } };
  };
  /** False where another version is the newest by now. */
  const write = async (name: KeyName, cas: number, data: object): Promise<boolean> => {
    const answer = await client.request('POST', `${mount}/data/${pathOf(name)}`, { options: { cas }, data });
    if (answer.status === 200) return true;
    if (isCasMismatch(answer)) return false;
    throw new PrimumError('trust.key-store-unusable', `writing a ${name.kind} key: ${answer.status}; is ${mount} a KV engine of version 2?`);
  };
  const destroyVersionsBelow = async (name: KeyName, version: number): Promise<void> => {
    const answer = await client.request('GET', `${mount}/metadata/${pathOf(name)}`);
    const versions = Object.entries(partOf(partOf(answer.body, 'data'), 'versions'))
      .filter(([number, state]) => Number(number) < version && partOf({ state }, 'state')['destroyed'] !== true).map(([number]) => Number(number));
    if (versions.length > 0) await client.request('PUT', `${mount}/destroy/${pathOf(name)}`, { versions });
  };
  const keysAt = async (path: string): Promise<string[]> => {
    const keys = partOf((await client.request('LIST', `${mount}/metadata/${path}`)).body, 'data')['keys'];
    return Array.isArray(keys) ? keys.map(String) : [];
  };

  return {
    kind: 'vault',
    read: async (name) => (await read(name)).stored,
    create: async (keys) => {
      await Promise.all(keys.map(({ name, wrapped }) => write(name, 0, { wrapped: Buffer.from(wrapped).toString('base64') })));
    },
    replace: async (name, wrapped) => {
      const { version, stored } = await read(name);
      if (stored.state !== 'present' || !(await write(name, version, { wrapped: Buffer.from(wrapped).toString('base64') }))) return false;
      await destroyVersionsBelow(name, version + 1);
      return true;
    },
    destroy: async (name, { tombstone }) => {
      if (!tombstone) {
        await client.request('DELETE', `${mount}/metadata/${pathOf(name)}`);
        return;
      }
      for (;;) {
        const { version, stored } = await read(name);
        // Ends: only a new wrapping can come in between, and of those there is one per generation.
        if (stored.state !== 'destroyed' && !(await write(name, version, { destroyed: true }))) continue;
        await destroyVersionsBelow(name, stored.state === 'destroyed' ? version : version + 1);
        return;
      }
    },
    async* list(tenant, kind) {
      for (const shard of kind === 'patient' ? shards : [undefined]) {
        // Tombstones are listed too; a read tells them apart.
        const ids = (await keysAt(folderOf(tenant, kind, shard))).filter((entry) => !entry.endsWith('/')).sort();
        if (ids.length > 0) yield ids;
      }
    },
    tenants: async () => (await keysAt(prefix)).filter((entry) => /^\d+\/$/.test(entry)).map((entry) => Number(entry.slice(0, -1))).sort((a, b) => a - b),
  };
}

function isCasMismatch({ status, body }: VaultAnswer): boolean {
  return status === 400 && Array.isArray(body['errors']) && body['errors'].some((text) => String(text).includes('check-and-set parameter did not match'));
}
