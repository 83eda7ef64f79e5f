/** `npm run check`, the one gate: types, lint, dead code, then the tests (floors, tidiness and docs among them). */
import { runTool } from './run.ts';

const steps: readonly (readonly [name: string, tool: string, args: readonly string[]])[] = [
  ['types', 'tsc', ['-p', 'tsconfig.json']],
  ['console types', 'tsc', ['-p', 'apps/console/tsconfig.json']],
  ['lint', 'oxlint', ['--deny-warnings']],
  ['dead code', 'knip', ['--no-config-hints']],
];

const failed: string[] = [];
for (const [name, tool, args] of steps) {
  const started = performance.now();
  const code = await runTool(tool, args);
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) {
  console.log(`check: failed in ${failed.join(', ')}`);
  process.exit(1);
}
// CI has just run the README's test command and passes --without-tests.
if (process.argv.includes('--without-tests')) process.exit(0);
await import('./test.ts');
