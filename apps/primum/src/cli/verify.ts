import { parseArgs } from 'node:util';
import { outsideDirectory, verifyAudit } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, withCore } from './settings.ts';

/** Exit code 0: the log is whole; 1: something is wrong, each row of it named. */
export async function verify(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { home: { type: 'string' }, 'checkpoint-dir': { type: 'string', multiple: true } } });
  const home = homeOf(values.home);
  await withCore(home, async (core) => {
    const report = await verifyAudit(core.db, core.keys, { tenant, directories: [outsideDirectory(home, tenant), ...values['checkpoint-dir'] ?? []] });
    console.log(JSON.stringify(report));
    if (!report.ok) process.exitCode = 1;
  });
}
