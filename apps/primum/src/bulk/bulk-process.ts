/**
 * Run as a process by `startBulk`: bulk jobs beside the server, with memory and a core of their own. Ends by itself when
 * there is nothing to do. Its first message says which home and database.
 */
import { createLog, muteConsole } from '@primum/base';
import { openCore } from '../core.ts';
import { openFhir } from '../fhir.ts';
import { loadServedModel } from '../models.ts';
import { runJobs } from './run-jobs.ts';

export type BulkProcessTask = { home: string; databaseUrl: string; idleMs: number };

muteConsole();
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(signal, () => { stop.abort(); });

process.once('message', (task: BulkProcessTask) => {
  void (async () => {
    const log = createLog((line) => process.stderr.write(line), 'warn');
    const core = await openCore({ home: task.home, log, databaseUrl: task.databaseUrl, maxConnections: 4 });
    try {
      await runJobs(core, openFhir(core, (await loadServedModel(task.home)).codes), { signal: stop.signal, idleMs: task.idleMs });
    } finally {
      await core.close();
    }
  })().then(() => { tellMemory(); process.exit(0); }, (error: unknown) => {
    process.stderr.write(`bulk: ${error instanceof Error ? error.name : 'failed'}\n`);
    process.exit(1);
  });
});

function tellMemory(): void {
  process.send?.({ peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024) });
}
