import { parseArgs } from 'node:util';
import { verifyAuditLeaves } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, withCore } from './settings.ts';

export async function verify(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { home: { type: 'string' } } });
  await withCore(homeOf(values.home), async (core) => {
    const report = await verifyAuditLeaves(core.db, core.keys, tenant);
    console.log(JSON.stringify(report));
    if (report.altered.length + report.missing.length > 0) process.exitCode = 1;
  });
}
