import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '@primum/base';
import { createQualityHandle, newWatch, trimQuality, watchFeeds, type QualityRules } from '@primum/ingest';
import { runConsumer, type Sequencer } from '@primum/store';
import { tenant, type Core } from '../core.ts';

const lookMs = 20_000;
const trimMs = 3_600_000;

/** Judges data behind the record (a consumer of the stream), and watches feeds for silence. */
export function startQuality(deps: { core: Core; sequencer: Sequencer; rules: QualityRules }, { everyMs = lookMs }: { everyMs?: number } = {}): { close(): Promise<void> } {
  const { core, sequencer, rules } = deps;
  const { db, clock, log } = core;
  const stop = new AbortController();
  const handle = createQualityHandle({ tenant, rules, clock });
  const consuming = runConsumer({ db, sequencer, log }, {
    tenant, name: 'quality', topics: ['patient.changed', 'message.quarantined'], batchSize: 200, signal: stop.signal,
  }, handle);
  const state = newWatch(clock.now().getTime());
  let trimmedAt = -Infinity;
  const watching = (async () => {
    while (!stop.signal.aborted) {
      try {
        const { silent, returned } = await watchFeeds({ db, audit: core.audit, clock, rules }, tenant, state);
        if (silent + returned > 0) {
          log.warn('quality.feeds', { count: silent });
          sequencer.kick();
        }
        if (performance.now() - trimmedAt > trimMs) {
          await trimQuality(db, tenant, clock.now());
          trimmedAt = performance.now();
        }
      } catch (error) {
        log.warn('quality.not-watched', errorFields(error));
      }
      await sleep(everyMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  return {
    close: async () => {
      stop.abort();
      await Promise.all([consuming, watching]);
    },
  };
}
