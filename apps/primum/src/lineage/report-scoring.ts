import { errorFields, uuidv7, type Clock, type Log } from '@primum/base';
import type { ModelPackage } from '@primum/registry';
import { emitLineage, lineageUrl } from './emit-lineage.ts';
import { scoringEvent } from './open-lineage.ts';

const everyMs = 3_600_000;

/** Tells lineage of the scoring that runs: when it starts, once an hour, and when it stops. */
export function reportScoring(deps: { home: string; log: Log; clock: Clock; model: ModelPackage; made(): Promise<number> }): { close(): Promise<void> } {
  const { home, log, clock, model } = deps;
  const runId = uuidv7(clock.now().getTime());
  const emit = async (kind: Parameters<typeof scoringEvent>[0]): Promise<void> => {
    try {
      await emitLineage({ home, log, url: lineageUrl(process.env) }, [scoringEvent(kind, clock.now(), runId, model, kind === 'START' ? 0 : await deps.made())]);
    } catch (error) {
      log.warn('lineage.not-written', errorFields(error));
    }
  };
  const started = emit('START');
  const timer = setInterval(() => void emit('RUNNING'), everyMs);
  return {
    close: async () => {
      clearInterval(timer);
      await started;
      await emit('COMPLETE');
    },
  };
}
