import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorFields, type Log } from '@primum/base';
import { loadPackage, type ModelPackage, type TrustedKey } from '@primum/registry';

/** The package with this digest, or null where it is no longer present. */
export type FindModel = (digest: string) => Promise<ModelPackage | null>;

const maxPackages = 64;

/**
 * Looks a model up by digest: first those at hand, then in folders of packages (the registry's directory). A package
 * that does not verify is passed over and logged; what was found is kept.
 */
export function createFindModel(deps: { log: Log; atHand: readonly ModelPackage[]; folders: readonly string[]; trustedKeys: readonly TrustedKey[] }): FindModel {
  const known = new Map(deps.atHand.map((model) => [model.digest, model]));
  return async (digest) => {
    if (known.has(digest)) return known.get(digest)!;
    for (const folder of deps.folders) {
      const names = await readdir(folder).catch(() => []);
      for (const name of names.toSorted().slice(0, maxPackages)) {
        try {
          const model = await loadPackage(join(folder, name), { trustedKeys: deps.trustedKeys });
          if (known.size < maxPackages) known.set(model.digest, model);
          if (model.digest === digest) return model;
        } catch (error) {
          deps.log.warn('replay.package-passed-over', errorFields(error));
        }
      }
    }
    return null;
  };
}
