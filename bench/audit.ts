import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { routes } from '@primum/contract';
import { createLog } from '@primum/base';
import { connectMllp, registerSource } from '@primum/ingest';
import { userPrincipal } from '@primum/trust';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import { tenant, type Core } from '../apps/primum/src/core.ts';
import { createIssuerMount } from '../apps/primum/src/http/oidc/issuer-mount.ts';
import { openFhir } from '../apps/primum/src/fhir.ts';
import type { HandlerDeps } from '../apps/primum/src/http/handler-deps.ts';
import { loadServedModel } from '../apps/primum/src/models.ts';
import { fhirOperations } from '../apps/primum/src/http/operations/fhir.ts';
import { serveApi, type Handler, type Handlers } from '../apps/primum/src/http/serve-api.ts';
import { admission, benchSource } from './support/ward-messages.ts';

const patients = 200;
type Load = { requests: number; failed: number; p50Ms: number; p99Ms: number; perS: number };

/**
 * What audit and policy add to a FHIR read: a whole Primum, GET Patient of 200 patients over keep-alive connections from a
 * process of its own, against the same server and handler whose audit writes nothing and whose policy allows everything.
 * Both are asked in turns within one run, on one database. `added_p50_ms` is at one connection, where nothing overlaps.
 */
export async function runAuditBench(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const seconds = Number(options['seconds'] ?? 4);
  const rounds = Number(options['rounds'] ?? 3);
  const log = createLog((line) => process.stderr.write(line), 'error');
  const home = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  const primum = await bootPrimum({ home: join(home, 'primum'), log, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  try {
    const paths = await fill(primum);
    const token = await signIn(primum);
    const bare = await serveBare(primum.core);
    const sides = { audited: primum.httpPort, bare: bare.port };
    const figures: Record<string, Load[]> = {};
    for (const port of Object.values(sides)) await load(port, 16, 2, token, paths); // warm
    for (let round = 0; round < rounds; round += 1) {
      for (const connections of [1, 16]) {
        for (const [side, port] of Object.entries(sides)) (figures[`${side} ${connections}`] ??= []).push(await load(port, connections, seconds, token, paths));
      }
    }
    const median = (side: string, of: keyof Load): number => figures[side]!.map((figure) => figure[of]).sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
    const added = (connections: number): number => median(`audited ${connections}`, 'p50Ms') - median(`bare ${connections}`, 'p50Ms');
    const [events] = await primum.core.db.query<{ n: number }>("select count(*)::int as n from audit_event where action = 'resource.read' and outcome = 'success'");
    const asked = await askedInAll(figures, 'audited');
    await bare.close();
    if (events!.n < asked) throw new Error(`${asked} reads and ${events!.n} events`);
    const round2 = (value: number): number => Math.round(value * 1000) / 1000;
    return {
      requests_per_s: Math.round(median('audited 16', 'perS')), added_p50_ms: round2(added(1)), added_p50_ms_at_16: round2(added(16)),
      p50_ms: round2(median('audited 1', 'p50Ms')), bare_p50_ms: round2(median('bare 1', 'p50Ms')), p99_ms: round2(median('audited 1', 'p99Ms')),
      p50_ms_at_16: round2(median('audited 16', 'p50Ms')), p99_ms_at_16: round2(median('audited 16', 'p99Ms')), bare_requests_per_s: Math.round(median('bare 16', 'perS')),
      reads: asked, events: events!.n,
    };
  } finally {
    await primum.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function askedInAll(figures: Record<string, Load[]>, side: string): Promise<number> {
  return Object.entries(figures).filter(([name]) => name.startsWith(side)).flatMap(([, loads]) => loads).reduce((sum, { requests }) => sum + requests, 0);
}

async function fill({ core, mllpPort, applied }: Primum): Promise<string[]> {
  await registerSource(core.db, { tenant, ...benchSource, clockRate: 0, simulated: true });
  const client = await connectMllp({ host: '127.0.0.1', port: mllpPort });
  for (let i = 0; i < patients; i += 1) await client.send(admission({ mrn: `AU${i}`, visit: `AUV${i}`, bed: String(i), admittedAt: Date.UTC(2026, 0, 5) }, `AU${i}`));
  await client[Symbol.asyncDispose]();
  await applied();
  const rows = await core.db.query<{ id: string }>("select distinct id from resource where type = 'Patient'");
  if (rows.length !== patients) throw new Error(`${rows.length} patients`);
  return rows.map(({ id }) => `/api/fhir/Patient/${id}`);
}

async function signIn({ httpPort, seeded }: Primum): Promise<string> {
  const { username, password } = seeded.find(({ role }) => role === 'clinician')!;
  const answer = await fetch(`http://127.0.0.1:${httpPort}/api/session`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username, password }) });
  const token = /primum_session=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1];
  if (token === undefined) throw new Error(`sign-in answered ${answer.status}`);
  return token;
}

/** The same server over a core whose audit writes nothing and whose policy neither asks nor decides. */
async function serveBare(core: Core): Promise<{ port: number; close(): Promise<void> }> {
  const allowed: Core = {
    ...core, audit: { write: async () => undefined },
    policy: { ...core.policy, decide: ({ purpose }) => ({ allowed: true, by: [], purpose }), factsOf: async () => [] },
  };
  const notMeasured: Handler = async () => { throw new Error('not measured'); };
  // One handler for every name in the table of routes.
  const handlers = { ...Object.fromEntries(Object.keys(routes).map((name) => [name, notMeasured])), ...fhirOperations({ core: allowed, fhir: openFhir(allowed, (await loadServedModel(core.home)).codes) } as HandlerDeps) } /* all that FHIR looks at */ as Handlers;
  const app = await serveApi({
    log: core.log, handlers, issuer: createIssuerMount(core), consoleDirectory: join(core.home, 'no-console'),
    sessionOf: (token, use) => core.identity.session(tenant, token, { use }), isFresh: () => true,
    principalOf: (session, remote) => userPrincipal(session, remote), bearerOf: async () => null, certificateOf: async () => null, isAppOrigin: async () => false,
    permits: () => true, demand: async () => undefined,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, close: () => app.close() };
}

async function load(port: number, connections: number, seconds: number, token: string, paths: readonly string[]): Promise<Load> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./support/http-load.ts', import.meta.url)), String(port), String(connections), String(seconds), token], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
  child.stdin.end(paths.join('\n'));
  await once(child, 'close');
  const figures: Omit<Load, 'perS'> & { seconds: number } = JSON.parse(text); // as http-load prints it
  if (figures.failed > 0) throw new Error(`${figures.failed} of ${figures.requests} requests failed`);
  process.stderr.write(`${port} at ${connections}: ${text}`);
  return { ...figures, perS: figures.requests / figures.seconds };
}
