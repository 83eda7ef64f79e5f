import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { errorFields } from '@primum/base';
import type { Core } from '../core.ts';
import type { BulkProcessTask } from './bulk-process.ts';
import { jobsWait, sweepJobs } from './jobs.ts';

export type Bulk = { kick(): void; /** Of the process that runs jobs, while there is one. */ pid(): number | null; close(): Promise<void> };

const pollMs = 2_000;
const sweepMs = 60_000;
const idleMs = 20_000;
/** Megabytes of old objects before it collects harder: a job holds a batch and a part of a file, and no more. */
const heapMb = 192;

/**
 * Runs bulk jobs in a process of their own, begun when there is a job and gone when there was none for a while: a server
 * with patients on its screens keeps its memory and its event loop. What is over is dropped.
 */
export function startBulk(core: Core): Bulk {
  const stop = new AbortController();
  let child: ChildProcess | undefined;
  let wake = (): void => undefined;
  let sweptAt = 0;
  const begin = (): void => {
    const begun = fork(fileURLToPath(new URL('./bulk-process.ts', import.meta.url)), { execArgv: [`--max-old-space-size=${heapMb}`], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child = begun;
    begun.send({ home: core.home, databaseUrl: core.db.url, idleMs } satisfies BulkProcessTask);
    begun.once('exit', () => {
      child = undefined;
      wake();
    });
    begun.on('error', (error) => { core.log.warn('bulk.round-failed', errorFields(error)); });
  };
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        if (Date.now() - sweptAt > sweepMs) {
          await sweepJobs(core);
          sweptAt = Date.now();
        }
        if (child === undefined && await jobsWait(core.db)) begin();
      } catch (error) {
        core.log.warn('bulk.round-failed', errorFields(error));
      }
      await Promise.race([sleep(pollMs, undefined, { signal: stop.signal }).catch(() => undefined), new Promise<void>((resolve) => { wake = resolve; })]);
    }
  })();
  return {
    kick: () => wake(),
    pid: () => child?.pid ?? null,
    close: async () => {
      stop.abort();
      wake();
      await running;
      if (child === undefined) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child?.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(late);
    },
  };
}
