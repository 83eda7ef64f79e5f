/** `npm run -s bench -- NAME [--key value…]`: prints progress on stderr and one JSON object as its last line. */
import { tmpdir } from 'node:os';
import { calibrateMachine } from './support/calibration.ts';
import { readOptions } from './support/options.ts';

export type Bench = (options: Readonly<Record<string, string>>) => Promise<Record<string, unknown>>;

const benches: Readonly<Record<string, () => Promise<Bench>>> = {
  audit: async () => (await import('./audit.ts')).runAuditBench,
  e2e: async () => (await import('./e2e.ts')).runE2e,
  'fhir-crud': async () => (await import('./fhir-crud.ts')).runFhirCrud,
  'fhir-export': async () => (await import('./fhir-export.ts')).runFhirExport,
  'fhir-import': async () => (await import('./fhir-import.ts')).runFhirImport,
  'hl7-ingest': async () => (await import('./hl7-ingest.ts')).runHl7Ingest,
  gbdt: async () => (await import('./gbdt.ts')).runGbdt,
  'fhir-search': async () => (await import('./fhir-search.ts')).runFhirSearch,
  explain: async () => (await import('./explain.ts')).runExplain,
  'ward-scores': async () => (await import('./ward-scores.ts')).runWardScores,
};

const [name = '', ...rest] = process.argv.slice(2);
const load = benches[name];
if (load === undefined) {
  console.error(`bench: [config.usage] one of ${Object.keys(benches).join(', ')}`);
  process.exit(64);
}
const run = await load();
const figures = await run(readOptions(rest));
console.log(JSON.stringify({ bench: name, ...figures, calibration: await calibrateMachine(tmpdir()) }));
process.exit(0);
