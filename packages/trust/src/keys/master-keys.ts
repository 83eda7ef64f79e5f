import type { MasterKey } from './wrapped-key.ts';

/**
 * Where master keys come from: the keys that wrap all others. They count their generations; the newest wraps, older
 * ones open what they wrapped until nothing rests on them. Three sides:
 *
 * - `beside`: files in the key directory, made by Primum (embedded).
 * - `file`: a file from outside (a mounted secret), which its owner writes; Primum makes and drops none.
 * - `transit`: random keys that the transit engine of OpenBao/Vault has encrypted. They lie in the key store as
 *   ciphertext and in clear only in the memory of a running Primum.
 */
export type MasterKeySource = {
  readonly from: 'beside' | 'file' | 'transit';
  /** All that there are, in the order of their generations; at least one. */
  load(): Promise<LoadedMasterKey[]>;
  /** Makes this generation, durably, unless somebody has. */
  add(generation: number): Promise<void>;
  /** Makes a generation unusable for ever. */
  drop(generation: number): Promise<void>;
};

/** `since`: when it was made, as far as that is known. */
export type LoadedMasterKey = MasterKey & { since: Date };

export type MasterKeys = {
  readonly from: MasterKeySource['from'];
  /** The newest, after a look at the source: another process may have made a newer one. */
  newest(): Promise<LoadedMasterKey>;
  /** What was loaded; looks at the source when it was not. */
  of(generation: number): Promise<MasterKey | undefined>;
  ofLoaded(generation: number): MasterKey | undefined;
  all(): Promise<LoadedMasterKey[]>;
  add(): Promise<LoadedMasterKey>;
  drop(generation: number): Promise<void>;
};

export async function openMasterKeys(source: MasterKeySource): Promise<MasterKeys> {
  const loaded = new Map<number, LoadedMasterKey>();
  const all = async (): Promise<LoadedMasterKey[]> => {
    const found = await source.load();
    for (const key of found) loaded.set(key.generation, key);
    return found;
  };
  const newest = async (): Promise<LoadedMasterKey> => (await all()).at(-1)!; // a source has at least one
  await all();
  return {
    from: source.from,
    newest,
    all,
    of: async (generation) => {
      if (!loaded.has(generation)) await all();
      return loaded.get(generation);
    },
    ofLoaded: (generation) => loaded.get(generation),
    add: async () => {
      await source.add((await newest()).generation + 1);
      return newest();
    },
    drop: async (generation) => {
      await source.drop(generation);
      loaded.delete(generation);
    },
  };
}
