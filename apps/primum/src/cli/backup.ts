import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { makeBackup } from '../backup/make-backup.ts';
import { makeKeyBackup } from '../backup/key-backup.ts';
import { verifyBackup } from '../backup/verify-backup.ts';
import { homeOf, osUser, wholeNumber, withCore } from './settings.ts';

const how = 'primum backup --to DIR [--keep N] | keys --out DIR [--keep-days N] | verify --from DIR [--id ID]';

/** Each prints one JSON object. `verify` exits with 1 where the restored backup is not what was backed up. */
export async function backup(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      home: { type: 'string' }, to: { type: 'string' }, keep: { type: 'string' }, out: { type: 'string' }, 'keep-days': { type: 'string' },
      from: { type: 'string' }, id: { type: 'string' },
    },
  });
  const [verb, ...rest] = positionals;
  const { to, out, from } = values;
  const keep = wholeNumber('keep', values.keep, 1, 10_000);
  const keepDays = wholeNumber('keep-days', values['keep-days'], 1, 3_650);
  if (rest.length > 0) throw new PrimumError('config.usage', how);
  await withCore(homeOf(values.home), async (core) => {
    const principal = mintSystemPrincipal(`cli:${osUser()}`);
    if (verb === undefined && to !== undefined) console.log(JSON.stringify(await makeBackup(core, principal, { directory: to, keep })));
    else if (verb === 'keys' && out !== undefined) console.log(JSON.stringify(await makeKeyBackup(core, principal, { directory: out, keepDays })));
    else if (verb === 'verify' && from !== undefined) {
      const drill = await verifyBackup(core, { directory: from, id: values.id });
      console.log(JSON.stringify(drill));
      if (!drill.passed) process.exitCode = 1;
    } else throw new PrimumError('config.usage', how);
  });
}
