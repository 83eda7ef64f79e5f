import { createHash } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binary, Bundle, DocumentReference, Patient } from '@medplum/fhirtypes';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sweepJobs } from '../apps/primum/src/bulk/jobs.ts';
import { objectReferences } from '../apps/primum/src/objects/object-references.ts';
import { sweepObjects, type Swept } from '../apps/primum/src/objects/sweep-objects.ts';
import { admission, type BenchPatient } from '../bench/support/ward-messages.ts';
import { bootForTest, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const dayMs = 24 * 3_600_000;
const person: BenchPatient = { mrn: 'OBJ-1', visit: 'OBJV-1', bed: '9', admittedAt: Date.parse('2026-01-05T06:00:00Z') };
const pdf = Buffer.alloc(300_000, 'a scan of nothing, ');

let primum: Booted;
let service: ServiceClient;
let patient: string;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
  await primum.send(admission(person, 'O1'));
  const { body } = await service.fhir('GET', '/Patient');
  patient = (body as Bundle<Patient>).entry![0]!.resource!.id!;
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

const folder = (): string => join(primum.home, 'objects');
const stored = async (): Promise<string[]> => (await readdir(folder(), { recursive: true })).map((path) => path.split('/').at(-1)!).filter((name) => /^[0-9a-f]{64}$/.test(name)).toSorted();
async function named(): Promise<string[]> {
  const rows = await Promise.all(objectReferences.map(({ table, column, many }) =>
    primum.core.db.query<{ digest: string }>(`select encode(d, 'hex') as digest from ${table}, unnest(${many === true ? column : `array[${column}]`}) as d where d is not null`)));
  return rows.flat().map(({ digest }) => digest).toSorted();
}
/** As if all was put, and the database made, this many days ago. */
async function aged(days: number, databaseDays = days + 1): Promise<void> {
  const at = new Date(Date.now() - days * dayMs);
  for (const digest of await stored()) await utimes(join(folder(), digest.slice(0, 2), digest), at, at);
  await primum.core.db.query('update schema_migration set applied_at = $1', [new Date(Date.now() - databaseDays * dayMs)]);
}
const sweep = (): Promise<Swept> => sweepObjects(primum.core);

/** MDM^T02 of 300 kB, as a document system sends a scan (HL7 2.5.1, section 9.6; OBX-5 of type ED, section 2.A.24). */
const scanned = (): string => {
  const lines = admission(person, 'O2').split('\r');
  const kept = lines.filter((line) => /^(MSH|EVN|PID|PV1)\|/.test(line)).map((line) => line.replace(/ADT\^A0\d(\^ADT_A0\d)?/, 'MDM^T02^MDM_T02').replace(/^EVN\|A\d\d/, 'EVN|T02'));
  return `${[...kept, 'TXA|1|DS|AP|202601050900||||||||scan-1^BENCH|||||AU||AV', `OBX|1|ED|SCAN^Scan^L||^application^pdf^Base64^${pdf.toString('base64')}||||||F`].join('\r')}\r`;
};

it('a document of an HL7 message lies among the objects, and goes with its patient\'s Binary', async () => {
  const [answer] = await primum.send(scanned());
  expect(answer).toContain('MSA|AA|');
  const { body } = await service.fhir('GET', `/DocumentReference?patient=${patient}`);
  const document = (body as Bundle<DocumentReference>).entry?.[0]?.resource;
  const attachment = document?.content[0]?.attachment;
  expect(attachment).toMatchObject({ contentType: 'application/pdf', size: pdf.length, hash: createHash('sha1').update(pdf).digest('base64') });
  expect(attachment).not.toHaveProperty('data');
  expect((await service.fhir('GET', `/${attachment!.url}`, undefined, { accept: 'application/fhir+json' })).body).toMatchObject({ resourceType: 'Binary', securityContext: { reference: `Patient/${patient}` }, data: pdf.toString('base64') } satisfies Partial<Binary>);
  const [row] = await primum.core.db.query<{ largest: number; owner: string }>('select (select max(length(body)) from resource) as largest, (select patient_id from content) as owner');
  expect(row).toMatchObject({ owner: patient });
  expect(row!.largest).toBeLessThan(20_000);
  expect(await stored()).toEqual(await named());
});

it('what no row names goes after a day, once, and is told; what a row names stays', async () => {
  const orphan = await primum.core.objects.put(Buffer.from('put, and never named'));
  expect(await sweep()).toMatchObject({ removed: 0 }); // too young
  await aged(3, 2);
  expect(await sweep()).toEqual({ looked: 0, removed: 0 }); // older than the database: another's
  await aged(3);
  await primum.core.objects.put(Buffer.from('put, and never named')); // put again: somebody is about to name it
  expect(await sweep()).toMatchObject({ removed: 0 });
  await aged(3);
  const swept = await sweep();
  expect(swept).toEqual({ looked: (await stored()).length + 1, removed: 1 });
  expect(await primum.core.objects.has(orphan)).toBe(false);
  expect(await stored()).toEqual(await named());
  expect(await sweep()).toMatchObject({ removed: 0 });
  const events = await primum.core.db.query("select 1 from audit_event where action = 'objects.swept'");
  expect(events).toHaveLength(1);
});

it('parts of an export that was killed under way are found, and those of its next run stay', async () => {
  const note = 'n'.repeat(60_000);
  const entry = Array.from({ length: 120 }, (_, n) => ({
    request: { method: 'POST', url: 'Observation' },
    resource: { resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: `Patient/${patient}` }, effectiveDateTime: '2026-01-05T10:00:00Z', valueQuantity: { value: 60 + n, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' }, note: [{ text: note }] },
  }));
  expect((await service.fhir('POST', '', { resourceType: 'Bundle', type: 'batch', entry })).status).toBe(200);
  const before = new Set(await stored());
  const asked = async (address: string, init: { method?: string } = {}): Promise<Response> =>
    fetch(address, { ...init, headers: { authorization: `Bearer ${await service.token()}`, 'x-purpose-of-use': 'TREAT', prefer: 'respond-async', accept: 'application/fhir+json' } });
  const kick = await asked(`${primum.url}api/fhir/$export?_type=Observation`);
  expect(kick.status).toBe(202);
  const status = kick.headers.get('content-location')!;
  // The first part is on disk before the file, of three, has its row.
  while ((await stored()).every((digest) => before.has(digest))) await sleep(2);
  process.kill(primum.bulkPid()!, 'SIGKILL');
  await primum.core.db.query("update bulk_job set leased_until = now() where status = 'running'"); // as after two minutes
  let answer: Response;
  do {
    await sleep(50);
    answer = await asked(status);
  } while (answer.status === 202);
  expect(((await answer.json()) as { output: { count: number }[] }).output.map(({ count }) => count)).toEqual([120]);
  const left = (await stored()).length - (await named()).length;
  expect(left).toBeGreaterThan(0);
  await aged(2);
  expect(await sweep()).toMatchObject({ removed: left });
  expect(await stored()).toEqual(await named());
  await asked(status, { method: 'DELETE' });
  await sweepJobs(primum.core);
  expect(await stored()).toEqual(await named());
});

it('every column that addresses objects is asked', async () => {
  const columns = await primum.core.db.query<{ name: string }>(`
    select table_name || '.' || column_name as name from information_schema.columns
    where table_schema = 'public' and column_name ~ 'digests?$' and (data_type = 'bytea' or udt_name = '_bytea') order by 1`);
  // Digests of something else: tokens, challenges, models, code and migrations.
  const others = ['model_decision.model_digest', 'oidc_grant.grant_digest', 'oidc_payload.grant_digest', 'oidc_payload.id_digest', 'oidc_payload.uid_digest', 'prediction.code_digest', 'prediction.feature_set_digest',
    'prediction.model_digest', 'prediction.policy_digest', 'schema_migration.digest', 'session.token_digest', 'smart_launch.token_digest', 'used_challenge.digest'];
  expect(columns.map(({ name }) => name)).toEqual([...others, ...objectReferences.map(({ table, column }) => `${table}.${column}`)].toSorted());
});
