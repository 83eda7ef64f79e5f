import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { registerSource } from '@primum/ingest';
import { tenant, type Core } from '../core.ts';
import { inTraining, markInTraining } from '../import-physionet/in-training.ts';
import { replayedFacilities, runImport, type ImportDeps, type ImportProgress } from '../import-physionet/run-import.ts';
import { loadServedModel } from '../models.ts';
import { settled } from '../settle.ts';
import { homeOf, runningAt, wholeNumber, withCore } from './settings.ts';

const fastest = 'max';
/** How long a replayed hour waits for its scores. */
const settleMs = 5_000;

export async function importStays(args: readonly string[]): Promise<void> {
  if (args[0] === 'table') return (await import('./import-table.ts')).importTableCommand(args.slice(1));
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, patients: { type: 'string' }, speed: { type: 'string' }, run: { type: 'string' } },
  });
  const [format, file] = positionals;
  if (format !== 'physionet2019' || file === undefined) throw new PrimumError('config.usage', 'primum import physionet2019 FILE.csv[.gz] [--patients N] [--speed X|max] [--run ID]');
  if (values.run !== undefined && !/^[0-9a-z]{1,6}$/.test(values.run)) throw new PrimumError('config.usage', '--run takes the id that a former import printed');
  const patients = wholeNumber('patients', values.patients, 1, 100_000) ?? 24;
  const speed = values.speed === fastest ? Number.POSITIVE_INFINITY : wholeNumber('speed', values.speed, 1, 1_000_000) ?? 3_600;
  const home = homeOf(values.home);
  const { mllpPort } = runningAt(home);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  await withCore(home, async (core) => {
    const shown = reporter();
    try {
      const done = await runImport(await importDeps(core, stop.signal), {
        file, port: mllpPort, patients, speed, signal: stop.signal, onProgress: shown.show, ...(values.run === undefined ? {} : { run: values.run }),
      });
      shown.end(done);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
      shown.stopped();
    }
  });
}

/** What an import needs of a home: its database and keys, and the training stays of the model that it serves. */
export async function importDeps(core: Pick<Core, 'db' | 'keys' | 'clock' | 'home'>, signal: AbortSignal): Promise<ImportDeps> {
  const { db, keys, clock, home } = core;
  const { codes, trainingStays } = await loadServedModel(home);
  return {
    clock, codes,
    register: (source) => registerSource(db, { tenant, ...source }),
    replayedUntil: async () => {
      const [site] = await db.query<{ at: Date | null }>('select max(anchor_source_at) as at from site where tenant = $1 and code = any($2)', [tenant, replayedFacilities]);
      return site?.at?.getTime() ?? null;
    },
    inTraining: (stay) => inTraining(trainingStays, stay),
    markInTraining: (patient) => markInTraining({ db, keys, signal }, patient),
    settled: () => settled(db, settleMs),
  };
}

const refusals = ({ refused }: ImportProgress): string => [...refused].map(([code, count]) => `, ${count} refused (${code})`).join('');

/** One line that is rewritten on a terminal; elsewhere only the last one. */
function reporter(): { show(progress: ImportProgress): void; end(progress: ImportProgress): void; stopped(): void } {
  let shownAt = 0;
  let run = '';
  const clear = (): void => { if (process.stderr.isTTY) process.stderr.write('\r\x1b[K'); };
  return {
    show(progress) {
      run = progress.run;
      if (!process.stderr.isTTY || performance.now() - shownAt < 200) return;
      shownAt = performance.now();
      process.stderr.write(`\r\x1b[Kstays ${progress.ended} of ${progress.stays} ended · messages ${progress.accepted}${refusals(progress)}`);
    },
    end(progress) {
      clear();
      const { stays, septic, marked, abandoned, accepted } = progress;
      console.log(`Replayed ${stays} stays (${septic} septic) in ${accepted} messages${refusals(progress)}${abandoned === 0 ? '' : `; ${abandoned} stays abandoned: their admission was not applied`}.`);
      console.log(`${marked} of them are marked: the served model was trained on them. Run ${progress.run}.`);
    },
    stopped() {
      clear();
      console.log(run === '' ? 'Stopped.' : `Stopped. Go on with --run ${run}.`);
    },
  };
}
