import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sharedData } from '../tests/support/available.ts';
import type { Figures } from './support/served-primum.ts';
import { primumProcess } from './support/primum-process.ts';

/**
 * `$export` of the whole record by a service account, and its files read: policy, audit, opening, sealing and all. The
 * server is a process of its own, which did not load the record; the export runs in its process for jobs, whose peak is given. `--resources` (1,000,000).
 */
export async function runFhirExport(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const resources = Number(options['resources'] ?? 1_000_000);
  const data = sharedData();
  if (data === undefined) throw new Error('no ../shared/data: set PRIMUM_DATA');
  const parent = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(parent, 0o711); // PostgreSQL's user must get through
  const home = join(parent, 'primum');
  try {
    const loaded = (await primumProcess().ask<{ resources: number }>({ load: { home, folder: join(data, 'synthea-r4'), resources } })).resources;
    const primum = primumProcess();
    const { url } = await primum.ask<{ url: string }>({ boot: { home } });
    const before = await primum.ask<Figures>({ figures: true });
    const asked = async (address: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
      fetch(address, { headers: { authorization: `Bearer ${(await primum.ask<{ token: string }>({ token: true })).token}`, ...headers } });
    const startedAt = performance.now();
    const kick = await asked(`${url}api/fhir/$export`, { prefer: 'respond-async', accept: 'application/fhir+json' });
    const status = kick.headers.get('content-location');
    if (kick.status !== 202 || status === null) throw new Error(`$export was answered ${kick.status}`);
    let answer = await asked(status);
    for (; answer.status === 202; answer = await asked(status)) {
      process.stderr.write(`${answer.headers.get('x-progress')}\n`);
      await sleep(2_000);
    }
    const { output } = await answer.json() as { output: { url: string; count: number }[] }; // the manifest
    const exportedAt = performance.now();
    const peak = (await primum.ask<Figures>({ figures: true })).jobPeakRssMb;
    let lines = 0;
    let bytes = 0;
    for (const file of output) {
      const { body } = await asked(file.url);
      for await (const chunk of body!) { // a 200 has one
        bytes += chunk.length;
        for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
      }
    }
    const seconds = (exportedAt - startedAt) / 1_000;
    const figures = await primum.ask<Figures>({ figures: true });
    await primum.stop();
    if (lines !== loaded) throw new Error(`${lines} lines of ${loaded} resources`);
    return {
      resources: lines, resources_per_s: Math.round(lines / seconds), peak_rss_mb: peak, server_rss_growth_mb: figures.peakRssMb - before.peakRssMb, files: output.length, megabytes: Math.round(bytes / 1024 / 1024),
      read_mb_per_s: Math.round(bytes / 1024 / 1024 / ((performance.now() - exportedAt) / 1_000)),
    };
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
}
