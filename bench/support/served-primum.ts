/**
 * Run as a process: a whole Primum on a home, so that its memory is its own. Answers its parent's messages: `load` fills the
 * home with Synthea's resources and ends, `boot` serves, then `token` and `figures` are asked.
 */
import { readFileSync } from 'node:fs';
import { createLog } from '@primum/base';
import { createSearchIndex } from '@primum/record';
import { bootPrimum, type Primum } from '../../apps/primum/src/boot.ts';
import { openCore, tenant } from '../../apps/primum/src/core.ts';
import { serviceClient, type ServiceClient } from '../../tests/support/service-client.ts';
import { loadSynthea } from './load-synthea.ts';

export type Asked = { load: { home: string; folder: string; resources: number } } | { boot: { home: string } } | { token: true } | { figures: true } | { stop: true };
/** `peakRssMb`: the highest that the server's process ever held; `jobPeakRssMb`: that of the process that runs bulk jobs now. */
export type Figures = { peakRssMb: number; rssMb: number; jobPeakRssMb: number; largestRowBytes: number };
export type Told = { resources: number } | { url: string } | { token: string } | Figures | { stopped: true };

const log = createLog((line) => process.stderr.write(line), 'warn');
let primum: Primum | undefined;
let service: ServiceClient | undefined;
const megabyte = 1024 * 1024;

async function answer(asked: Asked): Promise<Told> {
  if ('load' in asked) {
    const core = await openCore({ home: asked.load.home, log });
    const { resources } = await loadSynthea(core, createSearchIndex(core, tenant), asked.load);
    await core.db.query('vacuum analyze resource_search');
    await core.close();
    return { resources };
  }
  if ('boot' in asked) {
    primum = await bootPrimum({ home: asked.boot.home, log, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
    service = await serviceClient(primum);
    return { url: primum.url };
  }
  if ('token' in asked) return { token: await service!.token() }; // booted before
  if ('figures' in asked) {
    const [row] = await primum!.core.db.query<{ n: number }>('select greatest((select max(length(body)) from resource), (select max(pg_column_size(c.*)) from content c))::int as n'); // as above
    return { jobPeakRssMb: peakOf(primum!.bulkPid()), peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024), rssMb: Math.round(process.memoryUsage().rss / megabyte), largestRowBytes: row?.n ?? 0 };
  }
  await primum?.stop();
  return { stopped: true };
}

/** Linux says it (proc(5), VmHWM); elsewhere 0. */
function peakOf(pid: number | null): number {
  try {
    return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

process.on('message', (asked: Asked) => {
  void answer(asked).then((told) => process.send!(told, () => { if ('stopped' in told || 'load' in asked) process.exit(0); }));
});
// Whoever asked is gone, and with them the home.
process.on('disconnect', () => process.exit(1));
