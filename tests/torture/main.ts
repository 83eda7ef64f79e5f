/** `npm run -s torture -- NAME [--key value…]`: prints progress on stderr and one JSON object as its last line. */
import { tmpdir } from 'node:os';
import { PrimumError } from '@primum/base';
import { calibrateMachine } from '../../bench/support/calibration.ts';
import { readOptions } from '../../bench/support/options.ts';

export type Torture = (options: Readonly<Record<string, string>>) => Promise<Record<string, unknown>>;

const tortures: Readonly<Record<string, () => Promise<Torture>>> = {
  attachment: async () => (await import('./attachment.ts')).runAttachment,
  canary: async () => (await import('./canary.ts')).runCanary,
  'erase-restore': async () => (await import('./erase-restore.ts')).runEraseRestore,
  'fhir-writes': async () => (await import('./fhir-writes.ts')).runFhirWrites,
  ingest: async () => (await import('./ingest.ts')).runIngestTorture,
  'mllp-abuse': async () => (await import('./mllp-abuse.ts')).runMllpAbuse,
  'power-cut': async () => (await import('./power-cut.ts')).runPowerCut,
  replay: async () => (await import('./replay.ts')).runReplayTorture,
  tamper: async () => (await import('./tamper.ts')).runTamper,
};

const [name = '', ...rest] = process.argv.slice(2);
const load = tortures[name];
if (load === undefined) {
  console.error(`torture: [config.usage] one of ${Object.keys(tortures).join(', ')}`);
  process.exit(64);
}
const run = await load();
const figures = await run(readOptions(rest)).catch((error: unknown) => {
  if (!(error instanceof PrimumError)) throw error;
  console.error(`torture: [${error.code}] ${error.message}`);
  process.exit(1);
});
console.log(JSON.stringify({ torture: name, ...figures, calibration: await calibrateMachine(tmpdir()) }));
process.exit(figures['passed'] === false ? 1 : 0);
