import { errorFields, type Log } from '@primum/base';
import type { Keys } from './keys.ts';

const idleWalkMs = 6 * 3_600_000;

/**
 * Walks over the keys in the background: at the start, every six hours (for the counts), and every minute while keys
 * rest on more than one generation of the master key. A round that fails is tried again at the next look.
 */
export function startKeyWalks(deps: { keys: Keys; log: Log }, options: { tenant: number; everyMs?: number }): { close(): Promise<void> } {
  const { keys, log } = deps;
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  let walkedAtMs = -Infinity;
  const round = async (): Promise<void> => {
    try {
      const due = performance.now() - walkedAtMs >= idleWalkMs;
      if (!due && (await keys.status(options.tenant)).masters.length === 1) return;
      const walk = await keys.walk({ signal: stop.signal });
      walkedAtMs = performance.now();
      if (walk.rewrapped + walk.dropped.length + walk.unreadable > 0) log.info('keys.walked', { count: walk.rewrapped, limit: walk.unreadable });
    } catch (error) {
      if (!stop.signal.aborted) log.warn('keys.walk-failed', errorFields(error));
    }
  };
  const look = (): void => { running ??= round().finally(() => { running = undefined; }); };
  const timer = setInterval(look, options.everyMs ?? 60_000);
  look();
  return {
    close: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
