import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { planRetention, runRetention } from '../rights/retention.ts';
import { homeOf, withCore } from './settings.ts';

/** `plan` says what is due by the schedule and changes nothing; `run` does it, as the hourly round does. */
export async function retention(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], options: { home: { type: 'string' } }, allowPositionals: true });
  const [verb] = positionals;
  if (verb !== 'plan' && verb !== 'run') throw new PrimumError('config.usage', 'primum retention plan | run');
  await withCore(homeOf(values.home), async (core) => {
    const steps = verb === 'plan' ? await planRetention(core) : await runRetention(core);
    for (const { dataClass, action, before, rows, held } of steps) {
      console.log(`${dataClass.padEnd(14)} ${action.padEnd(8)} older than ${before.toISOString().slice(0, 10)}  ${String(rows).padStart(8)}${held ? '  held' : ''}`);
    }
    if (steps.length === 0) console.log('Nothing was due.');
  });
}
