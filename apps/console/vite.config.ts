import react from '@vitejs/plugin-react';
import { gzipSync } from 'node:zlib';
import { defineConfig, type Plugin, type Rolldown } from 'vite';

/** What a browser must load before the worklist is on the screen, in kB of gzip. */
const initialBudgetKb = 260;

export default defineConfig({
  plugins: [react(), reportInitialSize()],
  build: { target: 'es2023', modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1000 },
  server: { proxy: { '/api': process.env['PRIMUM_API'] ?? 'http://127.0.0.1:8080' } },
});

/** Prints the gzip size of the entry and everything that it imports statically, and warns past the budget. */
function reportInitialSize(): Plugin {
  let log: { info(text: string): void; warn(text: string): void } = console;
  return {
    name: 'report-initial-size',
    apply: 'build',
    configResolved(config) { log = config.logger; },
    generateBundle(_options, bundle) {
      const kb = initialChunks(bundle).reduce((sum, chunk) => sum + gzipSync(chunk.code).length, 0) / 1000;
      log.info(`initial JS ${kb.toFixed(1)} kB gzip of ${initialBudgetKb} kB`);
      if (kb > initialBudgetKb) log.warn('The initial JS is over its budget.');
    },
  };
}

function initialChunks(bundle: Rolldown.OutputBundle): Rolldown.OutputChunk[] {
  const seen = new Map<string, Rolldown.OutputChunk>();
  const visit = (name: string): void => {
    const chunk = bundle[name];
    if (chunk?.type !== 'chunk' || seen.has(name)) return;
    seen.set(name, chunk);
    chunk.imports.forEach(visit);
  };
  for (const [name, chunk] of Object.entries(bundle)) {
    if (chunk.type === 'chunk' && chunk.isEntry) visit(name);
  }
  return [...seen.values()];
}
