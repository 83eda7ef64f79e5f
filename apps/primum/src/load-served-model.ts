import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadPackage, parseTrustedKeys, type ModelPackage } from '@primum/registry';

export const packDirectory: string = join(import.meta.dirname, '..', '..', '..', 'packs', 'sepsis');

function trustedKeys(home: string): ReturnType<typeof parseTrustedKeys> {
  const own = join(home, 'trusted-keys.json');
  return [join(packDirectory, 'trusted-keys.json'), ...(existsSync(own) ? [own] : [])].flatMap((file) => parseTrustedKeys(JSON.parse(readFileSync(file, 'utf8'))));
}

/** The package that is served, verified: the pack's own. */
export function loadServedModel(home: string): Promise<ModelPackage> {
  return loadPackage(join(packDirectory, 'model'), { trustedKeys: trustedKeys(home) });
}

/** A package by its digest, for replaying what an earlier one predicted: the pack's, or one kept under the home. */
export async function findModel(home: string, digest: string): Promise<ModelPackage | null> {
  const kept = join(home, 'models');
  const directories = [join(packDirectory, 'model'), ...(existsSync(kept) ? readdirSync(kept).map((name) => join(kept, name)) : [])];
  for (const directory of directories) {
    try {
      const found = await loadPackage(directory, { trustedKeys: trustedKeys(home) });
      if (found.digest === digest) return found;
    } catch { /* not a package that verifies: not the one that was asked for */ }
  }
  return null;
}
