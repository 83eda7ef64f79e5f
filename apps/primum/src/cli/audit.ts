import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { exportLog, mintSystemPrincipal, openLogKey, outsideDirectory, setLogAside } from '@primum/trust';
import { tenant } from '../core.ts';
import { readRunFile } from '../run-file.ts';
import { homeOf, osUser, withCore } from './settings.ts';

/** `audit export`: the whole log to a folder, for verify-audit.js. `audit new-log`: after a restore. */
export async function audit(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, out: { type: 'string' }, events: { type: 'boolean' }, 'checkpoint-dir': { type: 'string', multiple: true } },
  });
  const home = homeOf(values.home);
  const keyDirectory = join(home, 'keys');
  if (positionals[0] === 'export' && values.out !== undefined) {
    const directory = resolve(values.out);
    if (existsSync(directory) && readdirSync(directory).length > 0) throw new PrimumError('config.usage', '--out takes a new or empty folder');
    await withCore(home, async (core) => {
      const { verifierKey } = await openLogKey({ keys: core.keys, directory: keyDirectory }, tenant);
      const size = await exportLog(core, mintSystemPrincipal(`cli:${osUser()}`), { tenant, directory, verifierKey, events: values.events === true });
      console.log(`${size} entries, signed by\n${verifierKey}\nnode bin/verify-audit.js ${directory}`);
    });
  } else if (positionals[0] === 'new-log') {
    if (readRunFile(home) !== undefined) throw new PrimumError('config.usage', 'stop Primum first');
    const suffix = new Date().toISOString().replaceAll(':', '-');
    await setLogAside({ tenant, keyDirectory, directories: [outsideDirectory(home, tenant), ...values['checkpoint-dir'] ?? []], suffix });
    console.log(`The log that was is kept under names that end in .${suffix}; the next start begins a new one.`);
  } else throw new PrimumError('config.usage', 'primum audit export --out DIR [--events] | new-log');
}
