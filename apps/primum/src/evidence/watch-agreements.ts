import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields } from '@primum/base';
import { renewWithinDays } from '@primum/contract';
import { coverFlows, listAgreements } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { dataFlows } from './data-flows.ts';

const dayMs = 86_400_000;

/** Once a day, a line in the log for each way out that no agreement covers, or whose agreement ends soon. */
export function watchAgreements(core: Core, { everyMs = dayMs }: { everyMs?: number } = {}): { close(): Promise<void> } {
  const stop = new AbortController();
  const round = async (): Promise<void> => {
    const flows = coverFlows(await dataFlows(core, tenant, process.env), await listAgreements(core, tenant), core.clock.now());
    for (const { id, covered, endsInDays } of flows) {
      if (covered === false) core.log.warn('agreement.flow-uncovered', { source: id });
      else if (endsInDays !== null && endsInDays <= renewWithinDays) core.log.warn('agreement.ends-soon', { source: id, count: endsInDays });
    }
  };
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await round().catch((error: unknown) => core.log.warn('agreement.not-watched', errorFields(error)));
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
