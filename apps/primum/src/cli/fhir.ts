import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { createSearchIndex, reindex } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const fhirUsage = 'primum fhir reindex [--all] [--from TYPE/ID]';

export async function fhir(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' }, all: { type: 'boolean', default: false }, from: { type: 'string' } }, allowPositionals: true });
  if (positionals[0] !== 'reindex') throw new PrimumError('config.usage', fhirUsage);
  const [, type, id] = values.from === undefined ? [] : /^([A-Z][A-Za-z]+)\/([0-9a-f-]{36})$/.exec(values.from) ?? [];
  if (values.from !== undefined && (type === undefined || id === undefined)) throw new PrimumError('config.usage', fhirUsage);
  await withCore(homeOf(values.home), async (core) => {
    const principal = mintSystemPrincipal(`cli:${osUser()}`);
    await core.audit.write(core.db, [{ tenant, principal, purpose: 'HOPERAT', action: 'search.reindex', outcome: 'success', at: core.clock.now() }]);
    const indexed = await reindex({ ...core, search: createSearchIndex(core, tenant) }, tenant, {
      all: values.all, ...(type === undefined || id === undefined ? {} : { from: { type, id } }),
      onChunk: (at, made) => { console.error(`${made} made, up to ${at.type}/${at.id}`); },
    });
    console.log(`${indexed} resources can be found again.`);
  });
}
