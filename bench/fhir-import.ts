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
import type { Sent } from './support/bundle-sender.ts';
import { startHapi } from './support/hapi-server.ts';

const tokenMs = 150_000;
const hapiWarmUp = 10_000;

/**
 * Synthea's Bundles as transactions over HTTP, replicated under new identities: validated, sealed, indexed, audited and
 * committed before each answer. Then a share of them (`--hapi`, after a warm-up) against HAPI FHIR on the same machine.
 * `--resources`, `--connections`.
 */
export async function runFhirImport(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const [resources, connections] = [Number(options['resources'] ?? 500_000), Number(options['connections'] ?? 4)];
  const data = sharedData();
  if (data === undefined) throw new Error('no ../shared/data: set PRIMUM_DATA');
  const home = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  let own: Sent;
  const primum = await bootPrimum({ home: join(home, 'primum'), log: createLog((line) => process.stderr.write(line), 'warn'), httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  try {
    const service = await serviceClient(primum);
    const sent = await sendBundles({ folder: join(data, 'synthea-r4'), url: `${primum.url}api/fhir`, connections, resources, firstCopy: 1, token: () => service.token() });
    if (sent.failed > 0) throw new Error(`${sent.failed} Bundles were refused`);
    const [stored] = await primum.core.db.query<{ n: number; found: number; size: string }>(
      "select (select count(*) from resource) as n, (select count(*) from resource_search) as found, pg_size_pretty(pg_database_size(current_database())) as size");
    process.stderr.write(`${JSON.stringify(stored)}\n`);
    if (stored!.n !== sent.resources || stored!.found !== sent.resources) throw new Error('what was acknowledged is not what is stored');
    own = sent;
  } finally {
    await primum.stop();
    rmSync(home, { recursive: true, force: true });
  }
  const hapi = await importIntoHapi(join(data, 'synthea-r4'), Number(options['hapi'] ?? 40_000), connections);
  const perS = (sent: Sent): number => Math.round(sent.resources / sent.seconds);
  return {
    resources_per_s: perS(own), hapi_resources_per_s: hapi === null ? null : perS(hapi), ratio: hapi === null ? null : Math.round(perS(own) / perS(hapi) * 100) / 100,
    resources: own.resources, bundles: own.bundles, hapi_resources: hapi?.resources ?? null, connections,
  };
}

async function importIntoHapi(folder: string, resources: number, connections: number): Promise<Sent | null> {
  const hapi = resources === 0 ? null : await startHapi();
  if (hapi === null) return null;
  try {
    const task = { folder, url: hapi.url, connections, token: null };
    await sendBundles({ ...task, resources: hapiWarmUp, firstCopy: 1 });
    const sent = await sendBundles({ ...task, resources, firstCopy: 100 });
    if (sent.failed > 0) throw new Error(`HAPI FHIR refused ${sent.failed} Bundles`);
    return sent;
  } finally {
    await hapi.stop();
  }
}

export async function sendBundles({ token, ...task }: { folder: string; url: string; connections: number; resources: number; firstCopy: number; token: (() => Promise<string>) | null }): Promise<Sent> {
  const child = fork(fileURLToPath(new URL('./support/bundle-sender.ts', import.meta.url)));
  const renewal = token === null ? undefined : setInterval(() => void token().then((fresh) => child.send({ token: fresh })), tokenMs);
  try {
    child.send({ task: { ...task, token: token === null ? null : await token() } });
    const [sent] = await once(child, 'message');
    return sent as Sent; // our own script's only message
  } finally {
    clearInterval(renewal);
  }
}
