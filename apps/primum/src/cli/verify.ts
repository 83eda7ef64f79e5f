import { parseArgs } from 'node:util';
import { outsideDirectory, verifyAudit, verifySegment } from '@primum/trust';
import { tenant } from '../core.ts';
import { homeOf, withCore } from './settings.ts';

/** Exit code 0: the log is whole; 1: something is wrong, each row of it named. */
export async function verify(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { home: { type: 'string' }, 'checkpoint-dir': { type: 'string', multiple: true } } });
  const home = homeOf(values.home);
  await withCore(home, async (core) => {
    const report = await verifyAudit(core.db, core.keys, { tenant, directories: [outsideDirectory(home, tenant), ...values['checkpoint-dir'] ?? []] });
    const segments: number[] = [];
    for (const { from } of await core.db.query<{ from: number }>('select from_seq as from from audit_segment where tenant = $1 order by from_seq', [tenant])) {
      await verifySegment(core, tenant, from).catch(() => segments.push(from));
    }
    // `segments`: first numbers of write-once copies that are missing or are not the log's.
    console.log(JSON.stringify({ ...report, ok: report.ok && segments.length === 0, segments }));
    if (!report.ok || segments.length > 0) process.exitCode = 1;
  });
}
