import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bundle, Patient } from '@medplum/fhirtypes';
import { createLog } from '@primum/base';
import { createSearchIndex } from '@primum/record';
import { bootPrimum } from '../apps/primum/src/boot.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { sharedData } from '../tests/support/available.ts';
import { serviceClient } from '../tests/support/service-client.ts';
import { sendBundles } from './fhir-import.ts';
import { startHapi } from './support/hapi-server.ts';
import { loadSynthea, type LoadedPatient } from './support/load-synthea.ts';

const loinc = 'http://loinc.org';
type Load = { requests: number; failed: number; p50Ms: number; p99Ms: number; seconds: number };

/** Searches as clients of US Core send them: of one patient mostly, some over all. A name, and the path behind `/api/fhir`. */
const mix: readonly (readonly [string, (patient: LoadedPatient, n: number) => string])[] = [
  ['patient by identifier', ({ identifier }) => `/Patient?identifier=${encodeURIComponent(`${identifier.system}|${identifier.value}`)}`],
  ['patient by name and birth', ({ family, birthDate }) => `/Patient?family=${encodeURIComponent(family)}&birthdate=${birthDate}`],
  ['patient by id', ({ id }) => `/Patient?_id=${id}`],
  ['conditions', ({ id }) => `/Condition?patient=${id}&clinical-status=active`],
  ['laboratory', ({ id }) => `/Observation?patient=${id}&category=laboratory&_sort=-date`],
  ['vital signs', ({ id }) => `/Observation?patient=${id}&category=vital-signs&_sort=-date&_count=10`],
  ['one code since', ({ id }) => `/Observation?patient=${id}&code=${loinc}|8302-2&date=ge2012`],
  ['encounters', ({ id }) => `/Encounter?patient=${id}&_sort=-date&_count=10`],
  ['medication orders', ({ id }) => `/MedicationRequest?patient=${id}&intent=order&status=active`],
  ['immunizations', ({ id }) => `/Immunization?patient=${id}`],
  ['reports', ({ id }) => `/DiagnosticReport?patient=${id}&_include=DiagnosticReport:result&_count=5`],
  ['procedures since', ({ id }) => `/Procedure?patient=${id}&date=ge2010-01-01`],
  ['high values of all', (_patient, n) => `/Observation?code-value-quantity=${loinc}|29463-7$gt${60 + (n % 30)}|http://unitsofmeasure.org|kg&_sort=-date`],
  ['encounters of a day', (_patient, n) => `/Encounter?date=${2010 + (n % 9)}-0${1 + (n % 9)}-1${n % 10}`],
  ['by name of the patient', ({ family }) => `/Observation?subject:Patient.family=${encodeURIComponent(family)}&code=8302-2`],
  ['patient with what refers to it', ({ id }) => `/Patient?_id=${id}&_revinclude=Condition:subject`],
];

/**
 * FHIR search over HTTP as a service account: a whole Primum on its own PostgreSQL, Synthea replicated under new
 * identities, the mix from a process of its own; then the same mix for HAPI FHIR beside `--hapi` resources (20,000: it takes
 * them an order slower), as its starter project has it, answers of the last minute kept. `--resources`, `--connections`,
 * `--seconds`; `--each` measures each query alone.
 */
export async function runFhirSearch(options: Readonly<Record<string, string>> = {}): Promise<Record<string, unknown>> {
  const [resources, connections, seconds, hapiResources] = [Number(options['resources'] ?? 500_000), Number(options['connections'] ?? 16), Number(options['seconds'] ?? 20), Number(options['hapi'] ?? 20_000)];
  const data = sharedData();
  if (data === undefined) throw new Error('no ../shared/data: set PRIMUM_DATA');
  const home = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  let own: Record<string, unknown>;
  let perS: number;
  const primum = await bootPrimum({ home: join(home, 'primum'), log: createLog((line) => process.stderr.write(line), 'warn'), httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  try {
    const loaded = await loadSynthea(primum.core, createSearchIndex(primum.core, tenant), { folder: join(data, 'synthea-r4'), resources });
    process.stderr.write(`loaded ${loaded.resources} resources of ${loaded.patients.length} patients in ${Math.round(loaded.seconds)} s\n`);
    await primum.core.db.query('vacuum analyze resource_search');
    await primum.core.db.query('analyze resource');
    const [size] = await primum.core.db.query<{ table: string; indexes: string }>("select pg_size_pretty(pg_table_size('resource_search')) as table, pg_size_pretty(pg_indexes_size('resource_search')) as indexes");
    process.stderr.write(`${JSON.stringify(size)}\n`);
    const service = await serviceClient(primum);
    const paths = (queries: typeof mix): string[] => pathsFor('/api/fhir', loaded.patients, queries);
    const each: Record<string, { p50: number; p99: number }> = {};
    if (options['each'] !== undefined) {
      for (const query of mix) {
        const figures = await load(primum.httpPort, 1, 2, await service.token(), paths([query]));
        each[query[0]] = { p50: round(figures.p50Ms), p99: round(figures.p99Ms) };
        process.stderr.write(`${query[0]}: ${JSON.stringify(each[query[0]])}\n`);
      }
    }
    const token = await service.token();
    await load(primum.httpPort, connections, Math.min(5, seconds), token, paths(mix)); // warm
    const figures = await load(primum.httpPort, connections, seconds, token, paths(mix));
    perS = figures.requests / figures.seconds;
    own = {
      requests_per_s: Math.round(perS), p50_ms: round(figures.p50Ms), p99_ms: round(figures.p99Ms), resources: loaded.resources, connections, requests: figures.requests,
      ...(options['each'] === undefined ? {} : { each }),
    };
  } finally {
    await primum.stop();
    rmSync(home, { recursive: true, force: true });
  }
  const hapi = await searchHapi(join(data, 'synthea-r4'), { resources: hapiResources, connections, seconds });
  const hapiPerS = hapi === null ? null : hapi.requests / hapi.seconds;
  return {
    ...own, hapi_requests_per_s: hapiPerS === null ? null : Math.round(hapiPerS), hapi_p50_ms: hapi === null ? null : round(hapi.p50Ms), hapi_p99_ms: hapi === null ? null : round(hapi.p99Ms),
    ratio: hapiPerS === null ? null : round(perS / hapiPerS), hapi_resources: hapi === null ? null : hapiResources,
  };
}

async function searchHapi(folder: string, { resources, connections, seconds }: { resources: number; connections: number; seconds: number }): Promise<Load | null> {
  const hapi = resources === 0 ? null : await startHapi();
  if (hapi === null) return null;
  try {
    const sent = await sendBundles({ folder, url: hapi.url, connections: 4, resources, firstCopy: 1, token: null });
    if (sent.failed > 0) throw new Error(`HAPI FHIR refused ${sent.failed} Bundles`);
    const { port, pathname } = new URL(hapi.url);
    const paths = pathsFor(pathname, await patientsAt(hapi.url), mix);
    await load(Number(port), connections, Math.max(10, seconds / 2), '', paths); // warm
    return await load(Number(port), connections, seconds, '', paths);
  } finally {
    await hapi.stop();
  }
}

async function patientsAt(base: string): Promise<LoadedPatient[]> {
  const patients: LoadedPatient[] = [];
  for (let url: string | undefined = `${base}/Patient?_count=200`; url !== undefined;) {
    const bundle = await (await fetch(url)).json() as Bundle<Patient>; // a search's answer
    for (const { resource } of bundle.entry ?? []) {
      const { id = '', name, birthDate = '', identifier } = resource ?? {};
      patients.push({ id, family: name?.[0]?.family ?? '', birthDate, identifier: { system: identifier?.[0]?.system ?? '', value: identifier?.[0]?.value ?? '' } });
    }
    url = bundle.link?.find(({ relation }) => relation === 'next')?.url;
  }
  return patients;
}

/** Of patients in no order, so that no page of the database is asked for twice in a row. */
const pathsFor = (base: string, patients: readonly LoadedPatient[], queries: typeof mix): string[] =>
  Array.from({ length: 4_000 }, (_unused, n) => `${base}${queries[n % queries.length]![1](patients[(n * 7919) % patients.length]!, n)}`);

const round = (value: number): number => Math.round(value * 100) / 100;

async function load(port: number, connections: number, seconds: number, token: string, paths: readonly string[]): Promise<Load> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./support/http-load.ts', import.meta.url)), String(port), String(connections), String(seconds), token === '' ? '' : `Bearer ${token}`], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
  child.stdin.end(paths.join('\n'));
  await once(child, 'close');
  const figures: Load = JSON.parse(text); // as http-load prints it
  if (figures.failed > 0) throw new Error(`${figures.failed} of ${figures.requests} requests failed`);
  return figures;
}
