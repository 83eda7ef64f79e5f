import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLog } from '@primum/base';
import { bootPrimum } from '../apps/primum/src/boot.ts';
import { sharedData } from '../tests/support/available.ts';
import { serviceClient } from '../tests/support/service-client.ts';
import { sendBundles } from './fhir-import.ts';
import type { CrudLoad, CrudTask } from './support/crud-load.ts';
import { startHapi } from './support/hapi-server.ts';

const connections = 16;

/**
 * Creates, reads, updates and deletes over HTTP on 16 connections, beside `--resources` that are there already (500,000);
 * then the same for HAPI FHIR beside `--hapi` resources (20,000: it takes them an order slower). `--seconds` of load each.
 */
export async function runFhirCrud(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const [resources, seconds, hapiResources] = [Number(options['resources'] ?? 500_000), Number(options['seconds'] ?? 20), Number(options['hapi'] ?? 20_000)];
  const data = sharedData();
  if (data === undefined) throw new Error('no ../shared/data: set PRIMUM_DATA');
  const folder = join(data, 'synthea-r4');
  const home = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  const primum = await bootPrimum({ home: join(home, 'primum'), log: createLog((line) => process.stderr.write(line), 'warn'), httpPort: 0, mllpPort: 0, wardRate: null, console: false, serviceCallsPerSecond: 100_000 });
  let own: CrudLoad;
  let held: number;
  try {
    const service = await serviceClient(primum);
    const url = `${primum.url}api/fhir`;
    held = (await sendBundles({ folder, url, connections: 4, resources, firstCopy: 1, token: () => service.token() })).resources;
    await load({ url, connections, seconds: 3, token: await service.token() });
    own = await load({ url, connections, seconds, token: await service.token() });
  } finally {
    await primum.stop();
    rmSync(home, { recursive: true, force: true });
  }
  const hapi = await loadHapi(folder, hapiResources, seconds);
  const perS = ({ requests, seconds: took }: CrudLoad): number => Math.round(requests / took);
  return {
    requests_per_s: perS(own), p50_ms: own.p50Ms, p99_ms: own.p99Ms, resources: held, by_kind: own.byKind,
    hapi_requests_per_s: hapi === null ? null : perS(hapi), hapi_p50_ms: hapi?.p50Ms ?? null, hapi_p99_ms: hapi?.p99Ms ?? null, ratio: hapi === null ? null : Math.round(perS(own) / perS(hapi) * 100) / 100,
    hapi_resources: hapi === null ? null : hapiResources, connections,
  };
}

async function load(task: CrudTask): Promise<CrudLoad> {
  const child = fork(fileURLToPath(new URL('./support/crud-load.ts', import.meta.url)));
  child.send({ task });
  const [said] = await once(child, 'message');
  const done = said as CrudLoad; // our own script's only message
  if (done.failed > 0) throw new Error(`${done.failed} requests were answered otherwise`);
  return done;
}

async function loadHapi(folder: string, resources: number, seconds: number): Promise<CrudLoad | null> {
  const hapi = resources === 0 ? null : await startHapi();
  if (hapi === null) return null;
  try {
    await sendBundles({ folder, url: hapi.url, connections: 4, resources, firstCopy: 1, token: null });
    await load({ url: hapi.url, connections, seconds: 10, token: null });
    return await load({ url: hapi.url, connections, seconds, token: null });
  } finally {
    await hapi.stop();
  }
}
