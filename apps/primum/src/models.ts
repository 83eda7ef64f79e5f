import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPackage, parseTrustedKeys, type ModelPackage, type TrustedKey } from '@primum/registry';

export const packDirectory: string = join(import.meta.dirname, '..', '..', '..', 'packs', 'sepsis');

const ownKeysOf = (home: string): string => join(home, 'trusted-keys.json');

/** Who trains a model on this machine wants to serve it here: the public half of the key joins this home's makers. */
export function trustKey(home: string, key: TrustedKey): void {
  const file = ownKeysOf(home);
  const known: TrustedKey[] = existsSync(file) ? parseTrustedKeys(JSON.parse(readFileSync(file, 'utf8'))) : [];
  if (known.some(({ keyId }) => keyId === key.keyId)) return;
  writeFileSync(file, `${JSON.stringify({ keys: [...known, key] }, null, 2)}\n`);
}

/** The makers whose packages are loaded: those of the pack, and those that this home adds. */
export function trustedKeysOf(home: string): TrustedKey[] {
  const own = ownKeysOf(home);
  return [join(packDirectory, 'trusted-keys.json'), ...(existsSync(own) ? [own] : [])].flatMap((file) => parseTrustedKeys(JSON.parse(readFileSync(file, 'utf8'))));
}

/** The package that is served, verified: the pack's own. */
export function loadServedModel(home: string): Promise<ModelPackage> {
  return loadPackage(join(packDirectory, 'model'), { trustedKeys: trustedKeysOf(home) });
}

/** Where a home keeps packages that are no longer served, so that their predictions can be replayed. */
export const modelFolderOf = (home: string): string => join(home, 'models');
