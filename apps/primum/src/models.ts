import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPackage, parseTrustedKeys, type ModelPackage, type TrustedKey } from '@primum/registry';

export const packDirectory: string = join(import.meta.dirname, '..', '..', '..', 'packs', 'sepsis');

/** The makers whose packages are loaded: those of the pack, and those that this home adds. */
export function trustedKeysOf(home: string): TrustedKey[] {
  const own = join(home, 'trusted-keys.json');
  return [join(packDirectory, 'trusted-keys.json'), ...(existsSync(own) ? [own] : [])].flatMap((file) => parseTrustedKeys(JSON.parse(readFileSync(file, 'utf8'))));
}

/** The package that is served, verified: the pack's own. */
export function loadServedModel(home: string): Promise<ModelPackage> {
  return loadPackage(join(packDirectory, 'model'), { trustedKeys: trustedKeysOf(home) });
}

/** Where a home keeps packages that are no longer served, so that their predictions can be replayed. */
export const modelFolderOf = (home: string): string => join(home, 'models');
