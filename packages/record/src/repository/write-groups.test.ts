import type { Observation, Patient, Resource } from '@medplum/fhirtypes';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@primum/base';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, type Principal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCodeTable } from '../codes/code-table.ts';
import { readPatientFacts } from '../patients/read-patient-facts.ts';
import { createSearchIndex } from '../search/extract.ts';
import { rowIdOf } from './row-id.ts';
import { createWriteGroups } from './write-groups.ts';
import { writeResources, type WriteDeps, type WriteOperation, type Written } from './write-resources.ts';

const tenant = 1;
let deps: WriteDeps;
let close: () => Promise<void>;
beforeAll(async () => {
  const database = await createTestDatabase();
  const folder = mkdtempSync(join(tmpdir(), 'primum-groups-'));
  const keys = await openKeys({ directory: folder, tenants: [tenant] });
  const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
  deps = {
    db: database.db, keys, clock: systemClock, codes, audit: createAudit({ keys }), policy: createPolicy({ readPatientFacts, demonstration: true }), search: createSearchIndex({ keys }, tenant),
    groups: createWriteGroups({ lanes: 1 }),
  };
  close = async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  };
});
afterAll(() => close());

const system = mintSystemPrincipal('cli:test');
const write = (operation: WriteOperation, principal: Principal = system): Promise<Written> =>
  writeResources(deps, { tenant, principal, purpose: 'TREAT' }, [operation]).then(([written]) => written!); // one for one
const put = (resource: Resource, ifMatch?: number): WriteOperation => ({ kind: 'update', resource, ...(ifMatch === undefined ? {} : { ifMatch }) });
const patient = (id: string): Patient => ({ resourceType: 'Patient', id, gender: 'female' });
const pulse = (patientId: string, value: number, id: string = randomUUID()): Observation & { id: string } => ({
  resourceType: 'Observation', id, status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: `Patient/${patientId}` },
  effectiveDateTime: '2026-03-01T08:00:00Z', valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
});
const rowOf = (type: string, id: string): string => rowIdOf(deps.keys, tenant, type, id);
const seqsOf = async (ids: readonly string[]): Promise<number[]> => (await deps.db.query<{ seq: number }>('select distinct seq from resource where id = any($1::uuid[]) order by seq', [ids.map((id) => rowOf('Observation', id))])).map(({ seq }) => seq);
const versionsOf = async (id: string): Promise<number> => (await deps.db.query<{ n: number }>('select count(*) as n from resource where id = $1', [rowOf('Observation', id)]))[0]!.n;
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
/** Patients on record. */
async function people(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  for (const id of ids) await write(put(patient(id)));
  return ids;
}

describe('small writes that come together', () => {
  it('share a transaction, and each is its own on the log, in the facts and in what is announced', async () => {
    const [a, b] = await people(2) as [string, string];
    const callers = Array.from({ length: 12 }, (_, n): Principal => ({ kind: 'client', clientId: `client-${n}`, scopes: ['system/*.cruds'], purposes: ['TREAT'] }));
    const pulses = callers.map((_, n) => pulse(n % 2 === 0 ? a : b, 60 + n));
    const written = await Promise.all(pulses.map((one, n) => write(put(one), callers[n])));
    expect(written.map(({ id, version, outcome }) => ({ id, version, outcome }))).toEqual(pulses.map(({ id }) => ({ id, version: 1, outcome: 'created' })));
    expect((await seqsOf(pulses.map(({ id }) => id))).length).toBeLessThanOrEqual(3);
    const said = await deps.db.query<{ actor: string; patient_id: string }>("select actor, patient_id from audit_event where actor like 'client:client-%' order by actor");
    expect(said).toEqual(callers.map((_, n) => ({ actor: `client:client-${n}`, patient_id: rowOf('Patient', n % 2 === 0 ? a : b) })).toSorted((x, y) => x.actor.localeCompare(y.actor)));
    expect(await deps.db.query('select value from fact where patient_id = $1 order by value', [rowOf('Patient', a)])).toEqual([60, 62, 64, 66, 68, 70].map((value) => ({ value })));
    const announced = await deps.db.query<{ key: string; kind: string }>("select key, payload->>'kind' as kind from outbox where topic = 'patient.changed' and key = any($1::uuid[])", [[a, b].map((id) => rowOf('Patient', id))]);
    expect(new Set(announced.map(({ key }) => key)).size).toBe(2);
    expect(announced.every(({ kind }) => kind === 'facts')).toBe(true);
  });

  it('are refused one by one, and what was said before of one patient is a correction of that one only', async () => {
    const [a, b] = await people(2) as [string, string];
    const standing = pulse(a, 70);
    await write(put(standing));
    const blocker = write(put(pulse(b, 1))); // goes first, the others gather behind it
    const results = await Promise.allSettled([
      write(put({ ...standing, valueQuantity: { ...standing.valueQuantity, value: 71 } })), write(put(pulse(b, 2))), write({ kind: 'delete', type: 'Observation', id: randomUUID() }),
      write({ kind: 'update', resource: pulse(a, 3), mustExist: true }), write(put(pulse(a, 4), 7)),
    ]);
    await blocker;
    expect(results.map((one) => (one.status === 'fulfilled' ? one.value.outcome : codeOf(one.reason)))).toEqual(['updated', 'created', 'absent', 'record.not-found', 'record.version-mismatch']);
    const kinds = await deps.db.query<{ key: string; kind: string }>("select distinct on (key) key, payload->>'kind' as kind from outbox where topic = 'patient.changed' and key = any($1::uuid[]) order by key, id desc", [[a, b].map((id) => rowOf('Patient', id))]);
    expect(new Map(kinds.map(({ key, kind }) => [key, kind]))).toEqual(new Map([[rowOf('Patient', a), 'correction'], [rowOf('Patient', b), 'facts']]));
  });

  it('of one resource come one after the other, none is lost', async () => {
    const [a] = await people(1) as [string];
    const { id } = pulse(a, 0);
    const written = await Promise.all(Array.from({ length: 8 }, (_, n) => write(put(pulse(a, 60 + n, id)))));
    expect(written.map(({ version }) => version).toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const raced = await Promise.allSettled(Array.from({ length: 4 }, (_, n) => write(put(pulse(a, 80 + n, id), 8))));
    expect(raced.map((one) => (one.status === 'fulfilled' ? one.value.version : codeOf(one.reason))).toSorted()).toEqual([9, 'record.version-mismatch', 'record.version-mismatch', 'record.version-mismatch']);
    expect(await versionsOf(id)).toBe(9);
  });

  it('do not wait for a patient whom somebody else holds', async () => {
    const [held, free] = await people(2) as [string, string];
    let release = (): void => undefined;
    const holding = new Promise<void>((resolve) => { release = resolve; });
    let locked = (): void => undefined;
    const isLocked = new Promise<void>((resolve) => { locked = resolve; });
    const holder = deps.db.transaction(async (tx) => {
      await tx.query('select from patient where id = $1 for update', [rowOf('Patient', held)]);
      locked();
      await holding;
    });
    await isLocked;
    let waited = false;
    const waiting = [write(put(pulse(held, 61))), write(put(pulse(held, 62)))].map((one) => one.then((written) => { waited = true; return written; }));
    expect((await Promise.all([write(put(pulse(free, 71))), write(put(pulse(free, 72)))])).map(({ outcome }) => outcome)).toEqual(['created', 'created']);
    expect(waited).toBe(false);
    release();
    await holder;
    expect((await Promise.all(waiting)).map(({ outcome }) => outcome)).toEqual(['created', 'created']);
  });

  it('are refused before they join where a patient was erased', async () => {
    const [a, gone] = await people(2) as [string, string];
    await deps.keys.destroy(tenant, { kind: 'patient', patientId: rowOf('Patient', gone) });
    const blocker = write(put(pulse(a, 1)));
    const results = await Promise.allSettled([write(put(pulse(a, 2))), write(put(pulse(gone, 3))), write(put(pulse(a, 4)))]);
    await blocker;
    expect(results.map((one) => (one.status === 'fulfilled' ? one.value.outcome : codeOf(one.reason)))).toEqual(['created', 'record.erased', 'created']);
  });

  it('are each written alone where the database refuses the transaction', async () => {
    const [a] = await people(1) as [string];
    let transactions = 0;
    const failing: WriteDeps = { ...deps, groups: createWriteGroups({ lanes: 1 }), db: { ...deps.db, transaction: (work) => deps.db.transaction(async (tx) => {
      const done = await work(tx);
      transactions += 1;
      if (transactions === 1) await tx.query('select 1 / 0');
      return done;
    }) } };
    const pulses = [pulse(a, 2), pulse(a, 3), pulse(a, 4)];
    const written = await Promise.all(pulses.map((one) => writeResources(failing, { tenant, principal: system, purpose: 'TREAT' }, [put(one)])));
    expect(written.flat().map(({ outcome }) => outcome)).toEqual(['created', 'created', 'created']);
    expect(await Promise.all(pulses.map(({ id }) => versionsOf(id)))).toEqual([1, 1, 1]);
    expect(transactions).toBeGreaterThan(1);
  });

  it('all fail, and are not tried again, where the connection is lost', async () => {
    const [a] = await people(1) as [string];
    const blocker = write(put(pulse(a, 1)));
    const pulses = [pulse(a, 2), pulse(a, 3)];
    const lost: WriteDeps = { ...deps, groups: createWriteGroups({ lanes: 1 }), db: { ...deps.db, transaction: (work) => deps.db.transaction(async (tx) => {
      const done = await work(tx);
      await tx.query('select pg_terminate_backend(pg_backend_pid())');
      return done;
    }) } };
    const results = await Promise.allSettled(pulses.map((one) => writeResources(lost, { tenant, principal: system, purpose: 'TREAT' }, [put(one)])));
    await blocker;
    expect(results.map((one) => (one.status === 'fulfilled' ? one.value : codeOf(one.reason)))).toEqual(['store.unreachable', 'store.unreachable']);
    expect(await Promise.all(pulses.map(({ id }) => versionsOf(id)))).toEqual([0, 0]);
  });
});
