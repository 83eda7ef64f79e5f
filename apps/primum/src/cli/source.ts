import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { loadMappings, registerSource } from '@primum/ingest';
import { validationPolicies } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { loadServedModel } from '../models.ts';
import { homeOf, osUser, wholeNumber, withCore } from './settings.ts';

export async function source(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, application: { type: 'string' }, facility: { type: 'string' }, site: { type: 'string' }, mapping: { type: 'string' }, 'utc-offset': { type: 'string' }, 'time-zone': { type: 'string' }, validation: { type: 'string' } },
  });
  await withCore(homeOf(values.home), async (core) => {
    if (positionals[0] === 'list') {
      const rows = await core.db.query<{ application: string; facility: string; site: string; mapping: string; received: number; validation: string }>(
        `select s.application, s.facility, t.code as site, s.mapping, s.received, s.validation from source s join site t on t.tenant = s.tenant and t.id = s.site_id where s.tenant = $1 order by 1, 2`, [tenant]);
      for (const row of rows) console.log(`${row.application}|${row.facility}  site ${row.site}  mapping ${row.mapping}  not valid: ${row.validation}  ${row.received} messages`);
      return;
    }
    const { application, facility, mapping } = values;
    if (positionals[0] !== 'add' || application === undefined || application === '' || facility === undefined || facility === '' || mapping === undefined) {
      throw new PrimumError('config.usage', 'primum source add --application A --facility F --mapping NAME [--site CODE] [--time-zone ZONE | --utc-offset MINUTES] [--validation accept|quarantine|reject]');
    }
    const mappings = await loadMappings((await loadServedModel(core.home)).codes);
    if (!mappings.has(mapping)) throw new PrimumError('config.usage', `--mapping is one of ${[...mappings.keys()].join(', ')}`);
    const utcOffsetMinutes = wholeNumber('utc-offset', values['utc-offset'], -840, 840) ?? 0;
    const validation = validationPolicies.find((one) => one === values.validation);
    if (values.validation !== undefined && validation === undefined) throw new PrimumError('config.usage', `--validation is one of ${validationPolicies.join(', ')}`);
    const siteCode = values.site ?? facility;
    await registerSource(core.db, { tenant, application, facility, siteCode, siteName: siteCode, mapping, clockRate: 1, simulated: false, utcOffsetMinutes, ...(values['time-zone'] === undefined ? {} : { timeZone: values['time-zone'] }), ...(validation === undefined ? {} : { validation }) });
    await core.audit.write(core.db, [{ tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT', action: 'source.registered', outcome: 'success', at: core.clock.now(), entities: [{ type: 'source', id: `${application}|${facility}` }] }]);
    console.log(`${application}|${facility} is known; its messages are read with ${mapping}.`);
  });
}
