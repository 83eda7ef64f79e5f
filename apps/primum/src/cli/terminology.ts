import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { loadLargeSystem } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { conceptsIn } from './concept-files.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const terminologyUsage = 'primum terminology load FILE|FOLDER --system URL --version VERSION [--name NAME]';

/** A code system from the hospital's own file, by its own licence: CSV (code, display, parents), NDJSON, also gzip, or a folder with SNOMED CT's RF2. */
export async function terminology(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { home: { type: 'string' }, system: { type: 'string' }, version: { type: 'string' }, name: { type: 'string' } } });
  const [command, file] = positionals;
  const { system, version } = values;
  if (command !== 'load' || file === undefined || system === undefined || version === undefined) throw new PrimumError('config.usage', terminologyUsage);
  await withCore(homeOf(values.home), async (core) => {
    const at = core.clock.now();
    const count = await core.db.transaction(async (tx) => {
      const loaded = await loadLargeSystem(tx, tenant, { system, version, name: values.name ?? null, at }, conceptsIn(file));
      await core.audit.write(tx, [{ tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT', action: 'terminology.loaded', outcome: 'success', at, entities: [{ type: 'code-system', id: `${system}|${version}`.slice(0, 200) }] }]);
      return loaded;
    });
    console.log(`${count} codes of ${system} ${version} loaded.`);
  });
}
