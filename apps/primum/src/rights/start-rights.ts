import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '@primum/base';
import { refreshObjections } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import { tenant, type Core } from '../core.ts';
import { applyTombstones } from './apply-tombstones.ts';
import { resumeErasures } from './execute-erasure.ts';
import { runRetention } from './retention.ts';

/**
 * What patients' rights need of time: patients who came back with a restored database, once at the start; objections that begin or end by themselves (each `everyMs`), erasures that a crash
 * interrupted, the retention schedule (each `retentionEveryMs`). A round that fails is logged and tried again.
 */
export function startRights(
  deps: { core: Core; packages(): Promise<readonly ModelPackage[]>; announced(): void }, options: { everyMs?: number; retentionEveryMs?: number } = {},
): { close(): Promise<void> } {
  const { core, packages, announced } = deps;
  const { everyMs = 5_000, retentionEveryMs = 3_600_000 } = options;
  const stop = new AbortController();
  let retainedAt = performance.now();
  const attempt = async (component: string, work: () => Promise<unknown>): Promise<void> => {
    await work().catch((error: unknown) => core.log.warn('rights.round-failed', { ...errorFields(error), component }));
  };
  const run = async (): Promise<void> => {
    await attempt('tombstones', () => applyTombstones(core));
    while (!stop.signal.aborted) {
      await attempt('objections', async () => {
        const changed = await core.db.transaction((tx) => refreshObjections(tx, tenant, core.clock.now()));
        if (changed > 0) announced();
      });
      await attempt('erasures', () => resumeErasures(core, packages));
      if (performance.now() - retainedAt >= retentionEveryMs) {
        await attempt('retention', () => runRetention(core));
        retainedAt = performance.now();
      }
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}
