/**
 * Sixteen clients create and update over FHIR, and a subscriber is told of it, while the whole process tree is killed with -9,
 * again and again. What was acknowledged must stand, in that version; whatever stands must be whole (version, fact, search
 * row, audit event); and the subscriber must have heard of each event, numbered without a gap and in order.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, Observation, Parameters, Patient, Resource, Subscription } from '@medplum/fhirtypes';
import { silentLog } from '@primum/base';
import { openDb, startPostgres } from '@primum/store';
import { openKeys, verifyAudit } from '@primum/trust';
import { bootPrimum } from '../../apps/primum/src/boot.ts';
import { tenant } from '../../apps/primum/src/core.ts';
import { serviceClient, type ServiceClient } from '../support/service-client.ts';
import { killTree } from './kill-tree.ts';
import type { Torture } from './main.ts';

const root = join(import.meta.dirname, '..', '..');
const clients = 16;
const persons = 6;
const killsBetween = 5;

/** Versions that were acknowledged, by id of the Observation. */
type Acknowledged = Map<string, number>;

export const runFhirWrites: Torture = async (options) => {
  const kills = Number(options['kills'] ?? 20);
  const httpPort = Number(options['http-port'] ?? 38_411);
  const home = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-torture-'));
  await using hook = await listen();
  const acknowledged: Acknowledged = new Map();
  const { service, patients } = await prepare(home, httpPort, hook.url);
  let child = start(home, httpPort);
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      await up(service, child);
      const stop = new AbortController();
      const writing = Array.from({ length: clients }, (_, n) => write(service, patients, acknowledged, n, stop.signal));
      await sleep(400 + Math.random() * 1_600);
      killTree(child, home);
      stop.abort();
      await Promise.all(writing);
      child = start(home, httpPort);
      // A subscription keeps 10,000 events for its subscriber; who was killed has it for a while.
      if (kill % killsBetween === 0) {
        await up(service, child);
        await hook.quiet(acknowledged);
      }
      process.stderr.write(`kill ${kill} of ${kills}: ${[...acknowledged.values()].reduce((sum, version) => sum + version, 0)} acknowledged, ${hook.events.length} told\n`);
    }
    await up(service, child);
    const { lost } = await missing(service, acknowledged);
    await hook.quiet(acknowledged);
    child.kill('SIGTERM');
    await once(child, 'exit');
    const standing = await whole(home);
    const told = hook.report(acknowledged);
    return {
      kills, acknowledged: [...acknowledged.values()].reduce((sum, version) => sum + version, 0), lost, ...standing.figures, ...told,
      passed: lost === 0 && standing.passed && told.not_told === 0 && told.gaps === 0 && told.out_of_order === 0,
    };
  } finally {
    killTree(child, home);
    await sleep(300);
    if (options['keep'] === undefined) rmSync(home, { recursive: true, force: true });
  }
};

/** A home with a service account, its patients and a subscription. */
async function prepare(home: string, httpPort: number, endpoint: string): Promise<{ service: ServiceClient; patients: string[] }> {
  const primum = await bootPrimum({ home, log: silentLog, httpPort, mllpPort: 0, wardRate: null, console: false });
  try {
    const service = await serviceClient(primum);
    const made = async <T extends Resource>(resource: T): Promise<T> => {
      const { status, body } = await service.fhir('POST', `/${resource.resourceType}`, resource);
      if (status !== 201) throw new Error(`the preparation was answered ${status}`);
      return body as T; // what was created
    };
    const patients: string[] = [];
    for (let n = 0; n < persons; n += 1) patients.push((await made<Patient>({ resourceType: 'Patient', name: [{ family: `Torture${n}` }] })).id!); // the server gave it
    await made({
      resourceType: 'Subscription', status: 'requested', reason: 'torture', criteria: 'Observation',
      channel: { type: 'rest-hook', endpoint, payload: 'application/fhir+json', extension: [{ url: 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-timeout', valueUnsignedInt: 5 }] },
    } as Subscription);
    return { service, patients };
  } finally {
    await primum.stop();
  }
}

function start(home: string, httpPort: number): ChildProcess {
  return spawn(process.execPath, [join(root, 'bin/primum.js'), 'up', '--no-ward', '--no-console', '--home', home, '--http-port', String(httpPort), '--mllp-port', '0'],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function up(service: ServiceClient, child: ChildProcess): Promise<void> {
  for (const until = Date.now() + 120_000; Date.now() < until; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`a start ended with ${child.exitCode}`);
    const answer = await service.fhir('GET', '/metadata').catch(() => undefined);
    if (answer?.status === 200) return;
  }
  throw new Error('a start did not come up');
}

/** Creates one and updates it twice, again and again, until the server is gone. What is answered otherwise is a failure of the run. */
async function write(service: ServiceClient, patients: readonly string[], acknowledged: Acknowledged, client: number, signal: AbortSignal): Promise<void> {
  for (let n = 0; !signal.aborted; n += 1) {
    const observation: Observation = {
      resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: `Patient/${patients[(client + n) % patients.length]}` },
      effectiveDateTime: new Date(Date.UTC(2026, 0, 1) + (client * 100_000 + n) * 1_000).toISOString(), valueQuantity: { value: 60 + n % 60, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
    };
    const send = async (method: string, path: string, body: object, wanted: number): Promise<Observation | undefined> => {
      const answer = await service.fhir(method, path, body).catch(() => undefined); // the connection ended
      if (answer === undefined || (signal.aborted && answer.status >= 500)) return undefined;
      // While everything is being killed at once, the database may be gone before the server is.
      if (answer.status === 503) return undefined;
      if (answer.status !== wanted) throw new Error(`a write was answered ${answer.status}: ${JSON.stringify(answer.body).slice(0, 300)}`);
      return answer.body as Observation; // what was written
    };
    const made = await send('POST', '/Observation', observation, 201);
    if (made?.id === undefined) continue;
    acknowledged.set(made.id, 1);
    for (const version of [2, 3]) {
      if (await send('PUT', `/Observation/${made.id}`, { ...observation, id: made.id, valueQuantity: { ...observation.valueQuantity, value: 100 + version } }, 200) === undefined) break;
      acknowledged.set(made.id, version);
    }
  }
}

/** Of what was acknowledged, what does not stand in that version or a later one. */
async function missing(service: ServiceClient, acknowledged: Acknowledged): Promise<{ lost: number }> {
  let lost = 0;
  const left = [...acknowledged];
  await Promise.all(Array.from({ length: clients }, async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [id, version] = next;
      const { status, body } = await service.fhir('GET', `/Observation/${id}`);
      if (status !== 200 || Number((body as Observation).meta?.versionId) < version) lost += 1;
    }
  }));
  return { lost };
}

/** Every version must have its fact and its audit event, every resource one row of the search, and the audit log be whole. */
async function whole(home: string): Promise<{ figures: Record<string, unknown>; passed: boolean }> {
  const postgres = await startPostgres({ home, log: silentLog });
  const db = await openDb({ url: postgres.connection.url });
  try {
    const [row] = await db.query<{ versions: number; resources: number; found: number; facts: number; audited: number; all_versions: number; missed: number }>(`
      select (select count(*) from resource where type = 'Observation') as versions, (select count(distinct id) from resource where type = 'Observation') as resources,
        (select count(*) from resource_search where type = 'Observation') as found, (select count(*) from fact where code = '8867-4') as facts,
        (select count(*) from audit_event where action = 'resource.write' and outcome = 'success') as audited,
        (select count(*) from resource where type in ('Observation', 'Patient')) as all_versions, (select sum(missed + withheld)::int from subscription) as missed`);
    const { versions, resources, found, facts, audited, all_versions: all, missed } = row!; // one row
    const audit = await verifyAudit(db, await openKeys({ directory: join(home, 'keys'), tenants: [tenant] }), { tenant });
    return {
      figures: { versions, resources, without_search: resources - found, without_fact: versions - facts, without_audit: all - audited, audit_ok: audit.ok, not_kept_for_subscriber: missed },
      passed: found === resources && facts === versions && audited === all && audit.ok && missed === 0,
    };
  } finally {
    await db.close();
    await postgres.stop();
  }
}

type Told = { number: number; focus: string };
type Hook = {
  url: string;
  events: Told[];
  /** Until everything acknowledged was told, or nothing more comes. */
  quiet(acknowledged: Acknowledged): Promise<void>;
  report(acknowledged: Acknowledged): { told: number; not_told: number; told_again: number; gaps: number; out_of_order: number };
  [Symbol.asyncDispose](): Promise<void>;
};

async function listen(): Promise<Hook> {
  const events: Told[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      events.push(...eventsOf(JSON.parse(Buffer.concat(parts).toString()) as Bundle)); // a notification
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const untold = (acknowledged: Acknowledged): number => {
    const times = new Map<string, Set<number>>();
    for (const { number, focus } of events) times.set(focus, (times.get(focus) ?? new Set()).add(number));
    return [...acknowledged].filter(([id, version]) => (times.get(`Observation/${id}`)?.size ?? 0) < version).length;
  };
  return {
    events,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    async quiet(acknowledged) {
      for (let [before, since] = [-1, Date.now()]; Date.now() - since < 45_000; await sleep(500)) {
        if (untold(acknowledged) === 0) return;
        if (events.length !== before) [before, since] = [events.length, Date.now()];
      }
    },
    report(acknowledged) {
      let highest = 0;
      let outOfOrder = 0;
      const numbers = new Set<number>();
      for (const { number } of events) {
        if (!numbers.has(number) && number < highest) outOfOrder += 1;
        numbers.add(number);
        highest = Math.max(highest, number);
      }
      return { told: numbers.size, not_told: untold(acknowledged), told_again: events.length - numbers.size, gaps: highest - numbers.size, out_of_order: outOfOrder };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function eventsOf(bundle: Bundle): Told[] {
  const { parameter = [] } = (bundle.entry?.[0]?.resource ?? {}) as Parameters; // its status comes first
  return parameter.filter(({ name }) => name === 'notification-event').map(({ part = [] }) => ({
    number: Number(part.find(({ name }) => name === 'event-number')?.valueString), focus: part.find(({ name }) => name === 'focus')?.valueReference?.reference?.split('/').slice(-2).join('/') ?? '',
  }));
}
