/** `npm run -s suite -- NAME`: runs a public suite, prints its failures on stderr and one JSON object as its last line. */
import { runHl7v2ToFhir } from './hl7v2-to-fhir.ts';
import { runSqlOnFhir } from './sql-on-fhir.ts';

/** `failures` name the case and what went wrong; they hold test data only. */
export type SuiteResult = { passed: number; failed: number; total: number; skipped: number; failures: string[] };

const suites: Readonly<Record<string, () => Promise<SuiteResult>>> = {
  'hl7v2-to-fhir': runHl7v2ToFhir,
  'sql-on-fhir': runSqlOnFhir,
};

const [name = ''] = process.argv.slice(2);
const run = suites[name];
if (run === undefined) {
  console.error(`suite: [config.usage] one of ${Object.keys(suites).join(', ')}`);
  process.exit(64);
}
const { failures, ...figures } = await run();
for (const failure of failures) console.error(failure);
console.log(JSON.stringify({ suite: name, ...figures }));
process.exit(figures.failed === 0 ? 0 : 1);
