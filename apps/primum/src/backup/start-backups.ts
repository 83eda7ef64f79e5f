import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, type Log } from '@primum/base';
import { mintSystemPrincipal } from '@primum/trust';
import { listBackups, momentOf } from './backup-folder.ts';
import { makeBackup, type BackupDeps } from './make-backup.ts';
import { makeKeyBackup } from './key-backup.ts';

export type BackupSchedule = { directory: string; everyMs: number; keep: number; keyDirectory?: string | undefined; keyDays?: number | undefined };

/**
 * Backups of a running Primum: the database first, then its keys, so that every patient of the former has a key in the
 * latter. Due when the newest one is older than `everyMs`, also after a restart. A round that fails is logged and tried again.
 */
export function startBackups(deps: BackupDeps & { log: Log }, schedule: BackupSchedule): { close(): Promise<void> } {
  const { log, clock } = deps;
  const stop = new AbortController();
  const principal = mintSystemPrincipal('trust');
  const retryMs = Math.min(schedule.everyMs, 60_000);
  let lastMs: number | undefined;

  const run = async (): Promise<void> => {
    const [newest] = (await listBackups(schedule.directory)).slice(-1);
    if (newest !== undefined) lastMs = momentOf(newest);
    while (!stop.signal.aborted) {
      const dueInMs = lastMs === undefined ? 0 : lastMs + schedule.everyMs - clock.now().getTime();
      if (dueInMs > 0) {
        await sleep(Math.min(dueInMs, retryMs), undefined, { signal: stop.signal }).catch(() => undefined);
        continue;
      }
      try {
        const made = await makeBackup(deps, principal, { directory: schedule.directory, keep: schedule.keep });
        lastMs = clock.now().getTime();
        if (schedule.keyDirectory !== undefined) await makeKeyBackup(deps, principal, { directory: schedule.keyDirectory, keepDays: schedule.keyDays });
        log.info('backup-made', { count: made.rows, durationMs: Math.round(made.seconds * 1000) });
      } catch (error) {
        log.error('backup-failed', errorFields(error));
        await sleep(retryMs, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  };
  const running = run().catch((error: unknown) => log.error('backup-stopped', errorFields(error)));
  return {
    close: async () => {
      stop.abort();
      await running; // a backup that is being written is finished: half of one is worth nothing
    },
  };
}
