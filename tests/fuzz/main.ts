/**
 * `npm run -s fuzz -- TARGET [--minutes N] [--seed N] [--keep FOLDER]`: progress on stderr, one JSON object as the last
 * line. A round is made of its number and the seed alone, so that `--seed S --only ROUND` makes it again.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOptions } from '../../bench/support/options.ts';
import type { FuzzTarget } from './target.ts';

const targets: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  fhir: async () => (await import('./fhir.ts')).fhirTarget,
  hl7: async () => (await import('./hl7.ts')).hl7Target,
  mllp: async () => (await import('./mllp.ts')).mllpTarget,
  search: async () => (await import('./search.ts')).searchTarget,
};

const [name = '', ...rest] = process.argv.slice(2);
const load = targets[name];
if (load === undefined) {
  console.error(`fuzz: [config.usage] one of ${Object.keys(targets).join(', ')}`);
  process.exit(64);
}
const options = readOptions(rest);
const seed = Number(options['seed'] ?? Date.now() % 1_000_000_007);
const only = options['only'] === undefined ? undefined : Number(options['only']);
const minutes = Number(options['minutes'] ?? 1);
const faultsKept = 20;
const mostRssMb = 2_048;
process.stderr.write(`fuzz ${name}: seed ${seed}\n`);

const { run, check, close } = await (await load())();

let crashes = 0;
const onCrash = (error: unknown): void => {
  crashes += 1;
  process.stderr.write(`unhandled: ${error instanceof Error ? error.stack ?? error.message : 'no error'}\n`);
};
process.on('uncaughtException', onCrash);
process.on('unhandledRejection', onCrash);

// What the runner itself throws ends it; it can't wait for its own server.
const fail = (error: unknown): never => { onCrash(error); process.exit(1); };

let peak = 0;
const sample = (): void => { peak = Math.max(peak, process.memoryUsage.rss()); };
const sampling = setInterval(sample, 200);

const counts = { inputs: 0, rejected: 0, accepted: 0 };
const faults: { round: number; fault: string }[] = [];
const begun = Date.now();
for (let round = only ?? 0; ; round += 1) {
  const outcome = await run(seed, round).catch(fail);
  counts.inputs += outcome.inputs;
  counts.rejected += outcome.rejected;
  counts.accepted += outcome.accepted;
  for (const fault of outcome.faults) {
    if (faults.push({ round, fault }) > faultsKept) break;
    process.stderr.write(`round ${round}: ${fault}\n`);
    if (options['keep'] === undefined) continue;
    mkdirSync(options['keep'], { recursive: true });
    writeFileSync(join(options['keep'], `${name}-${seed}-${round}.bin`), outcome.input);
  }
  if (only !== undefined || faults.length > faultsKept || Date.now() - begun >= minutes * 60_000) break;
}
for (const fault of await check()) faults.push({ round: -1, fault });
sample();
if (peak > mostRssMb * 1_048_576) faults.push({ round: -1, fault: `more than ${mostRssMb} MB of memory` });
clearInterval(sampling);
await close();
const passed = crashes === 0 && faults.length === 0;
console.log(JSON.stringify({
  target: name, seed, minutes: Number(((Date.now() - begun) / 60_000).toFixed(2)), ...counts, crashes, peak_rss_mb: Math.round(peak / 1_048_576), faults, passed,
}));
process.exit(passed ? 0 : 1);
