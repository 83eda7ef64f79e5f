/**
 * `npm test`: every test, then one line that says what was skipped and why, then one that counts.
 * Arguments go to Vitest: `npm test -- packages/formats`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { missingParts } from '../tests/support/available.ts';
import { runTool } from './run.ts';

type Report = { numPassedTests: number; numFailedTests: number; numPendingTests: number };

const scratch = mkdtempSync(join(tmpdir(), 'primum-test-'));
const reportFile = join(scratch, 'report.json');
const code = await runTool('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...process.argv.slice(2)]);

const missing = missingParts();
console.log(missing.length === 0 ? 'Skipped for want of a part: nothing.' : `Skipped for want of a part: ${missing.join('; ')}.`);
try {
  const report: Report = JSON.parse(readFileSync(reportFile, 'utf8'));
  console.log(`tests: ${report.numPassedTests} passed, ${report.numFailedTests} failed, ${report.numPendingTests} skipped`);
} catch {
  console.log('tests: 0 passed, 1 failed');
}
rmSync(scratch, { recursive: true, force: true });
process.exit(code);
