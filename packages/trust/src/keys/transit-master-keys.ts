import { randomBytes } from 'node:crypto';
import { PrimumError } from '@primum/base';
import { generationId, generationOfId } from './key-scope.ts';
import { listAll, type KeyStore } from './key-store.ts';
import type { LoadedMasterKey, MasterKeySource } from './master-keys.ts';
import { partOf, type VaultClient } from './vault-client.ts';

/**
 * Master keys that lie in the key store encrypted by a key of the transit engine, which never leaves OpenBao/Vault. One
 * decryption per generation and process instead of one per patient: a ward goes on opening its patients while the
 * engine is away, and re-wrapping a million keys asks it nothing. What lost: wrapping each key by transit, whose only
 * gain is a line per patient in its audit, for a network round trip at each first touch of a patient.
 *
 * Stored: the transit ciphertext (`vault:v1:…`) and, after a space, the time it was made.
 */
export function masterKeysByTransit(client: VaultClient, store: KeyStore, options: { key: string; mount?: string }): MasterKeySource {
  const { key, mount = 'transit' } = options;
  const nameOf = (generation: number): { tenant: number; kind: 'master'; id: string } => ({ tenant: 0, kind: 'master', id: generationId(generation) });
  const known = new Map<number, LoadedMasterKey>();
  const call = async (verb: 'encrypt' | 'decrypt', body: object): Promise<string> => {
    const answer = await client.request('POST', `${mount}/${verb}/${key}`, body);
    const text = partOf(answer.body, 'data')[verb === 'encrypt' ? 'ciphertext' : 'plaintext'];
    if (answer.status !== 200 || typeof text !== 'string') throw new PrimumError('trust.key-store-unusable', `transit key ${key}: ${verb} answered ${answer.status}`);
    return text;
  };
  const add = async (generation: number): Promise<void> => {
    const ciphertext = await call('encrypt', { plaintext: randomBytes(32).toString('base64') });
    await store.create([{ name: nameOf(generation), wrapped: Buffer.from(`${ciphertext} ${new Date().toISOString()}`) }]);
  };
  const unsealed = async (generation: number): Promise<LoadedMasterKey | undefined> => {
    const stored = await store.read(nameOf(generation));
    if (stored.state !== 'present') return undefined;
    const [ciphertext = '', since = ''] = stored.wrapped.toString().split(' ');
    return { generation, key: Buffer.from(await call('decrypt', { ciphertext }), 'base64'), since: new Date(since) };
  };
  const loadStored = async (): Promise<LoadedMasterKey[]> => {
    const generations = (await listAll(store, 0, 'master')).map(generationOfId);
    const keys: LoadedMasterKey[] = [];
    for (const generation of generations) {
      const one = known.get(generation) ?? await unsealed(generation);
      if (one === undefined) continue; // dropped: its tombstone is listed
      known.set(generation, one);
      keys.push(one);
    }
    return keys;
  };
  const load = async (): Promise<LoadedMasterKey[]> => {
    const keys = await loadStored();
    if (keys.length > 0) return keys;
    if ((await store.tenants()).some((tenant) => tenant > 0)) throw new PrimumError('trust.key-store-unusable', 'the master keys are missing beside existing keys');
    await add(1);
    const made = await loadStored();
    if (made.length === 0) throw new PrimumError('trust.key-store-unusable', 'the master key that was made cannot be read back');
    return made;
  };
  return {
    from: 'transit', load, add,
    drop: async (generation) => {
      known.delete(generation);
      await store.destroy(nameOf(generation), { tombstone: true });
    },
  };
}
