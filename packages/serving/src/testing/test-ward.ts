import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { manualClock, silentLog } from '@primum/base';
import { createOnnxEngine } from '@primum/inference';
import { readPatientFacts, sealResources, writeFacts, writeResourceRows, type Fact } from '@primum/record';
import { createSequencer, writeOutbox, type Db, type Sql } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, openKeys } from '@primum/trust';
import { createExplainer } from '../explain/explainer.ts';
import { startScoring } from '../scoring/create-scoring.ts';
import { createTestModel } from './test-model.ts';

export const hour = 3_600_000;
export const t0 = Date.UTC(2026, 2, 1, 6);
export const tenant = 1;

export type TestStay = { patientId: string; stayId: string };
type NewValue = { code: string; value: number | null; at: number; key?: string; status?: Fact['status']; flag?: 'implausible'; text?: string };

/** A record with a site whose clock a test moves by hand (wall and source run together from `t0`), and scoring on it. */
export async function createTestWard() {
  const { db, url, drop } = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'primum-serving-'));
  const clock = manualClock(new Date(t0));
  const keys = await openKeys({ directory, tenants: [tenant] });
  const audit = createAudit({ keys });
  const policy = createPolicy({ readPatientFacts, demonstration: true });
  const engine = createOnnxEngine();
  const explainer = createExplainer();
  const model = createTestModel();
  const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 20 });
  await db.query('insert into site (tenant, code, name, clock_rate, anchor_source_at, anchor_wall_at) values (1, \'icu\', \'Test ICU\', 1, $1, $1)', [new Date(t0)]);
  await db.query('insert into source (tenant, site_id, application, facility, mapping, last_message_at) values (1, 1, \'WARD-MONITOR\', \'X\', \'ward\', $1)', [new Date(t0)]);
  const deps = { db, sequencer, tenant, keys, audit, policy, engine, explainer, model, clock, log: silentLog };
  const start = () => startScoring(deps, { tickEveryMs: 3_600_000 }); // tests tick by hand
  let scoring = await start();
  const record = recordOver(db, deps);

  return {
    ...deps, url, directory, ...record,
    scoring: () => scoring,
    restart: async () => {
      await scoring.close();
      scoring = await start();
    },
    /** Resolves when everything announced so far is scored. */
    scored: async () => {
      sequencer.kick();
      for (;;) {
        const [row] = await db.query<{ done: boolean }>(
          `select not exists (select from outbox where topic = 'patient.changed') and coalesce((select max(seq) from stream_event where topic = 'patient.changed'), 0)
             <= coalesce((select seq from consumer_offset where consumer = 'scoring'), 0) as done`, [],
        );
        if (row?.done === true) return;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    close: async () => {
      await scoring.close();
      await sequencer.close();
      await explainer.close();
      await engine.close();
      await drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

type Deps = { keys: Awaited<ReturnType<typeof openKeys>> };

/** Each change is one transaction under the patients' locks, as an applier's is. */
function recordOver(db: Db, { keys }: Deps) {
  const nextSeq = async (tx: Sql, patientIds: readonly string[]): Promise<number> => {
    await tx.query('select from patient where tenant = $1 and id = any($2::uuid[]) order by id for update', [tenant, patientIds]);
    const [row] = await tx.query<{ seq: number }>('select nextval(\'known_seq\') as seq', []);
    await tx.query('update patient set known_seq = $3 where tenant = $1 and id = any($2::uuid[])', [tenant, patientIds, row!.seq]);
    return row!.seq;
  };
  const announce = (tx: Sql, patientId: string, kind: string, fromAt: number): Promise<void> =>
    writeOutbox(tx, [{ tenant, topic: 'patient.changed', key: patientId, payload: { patientId, kind, fromAt, messageId: randomUUID(), receivedAtMs: Date.now() } }]);

  const append = async (tx: Sql, patientId: string, values: readonly NewValue[], kind: string | null): Promise<string[]> => {
    const [root] = await tx.query<{ root_id: string }>('select root_id from patient where id = $1', [patientId]);
    const seq = await nextSeq(tx, [patientId, root!.root_id]);
    const rows = values.map(({ code, value, at, key = randomUUID(), status = 'final', flag, text }, n) => ({
      patientId, n, key, code, value, effectiveAt: at, status, messageId: null, ...(flag === undefined ? {} : { flag }), ...(text === undefined ? {} : { text }),
    }));
    await writeFacts(tx, tenant, seq, rows);
    if (kind !== null) await announce(tx, root!.root_id, kind, Math.min(...values.map(({ at }) => at)));
    return rows.map(({ key }) => key);
  };
  /** What one message would do; returns the facts' keys. */
  const observe = (patientId: string, values: readonly NewValue[], options: { kind?: string } = {}): Promise<string[]> =>
    db.transaction((tx) => append(tx, patientId, values, options.kind ?? 'facts'));
  const link = (from: string, into: string, joined: boolean): Promise<void> => db.transaction(async (tx) => {
    const seq = await nextSeq(tx, [from, into]);
    await tx.query('update patient set root_id = $2 where id = $1', [from, joined ? into : from]);
    await tx.query('insert into patient_link (tenant, from_id, seq, into_id, message_id) values (1, $1, $2, $3, $4)', [from, seq, joined ? into : null, randomUUID()]);
    await announce(tx, into, 'merge', t0);
    if (!joined) await announce(tx, from, 'merge', t0);
  });

  return {
    observe,
    admit: async (options: { bed?: string; ageYears?: number; at?: number; name?: string } = {}): Promise<TestStay> => {
      const { bed = 'B1', ageYears = 64, at = t0, name = 'Muster' } = options;
      const [patientId, stayId] = [randomUUID(), randomUUID()];
      await keys.ensure(tenant, [{ kind: 'patient', patientId }]);
      await db.transaction(async (tx) => {
        await tx.query('insert into patient (tenant, id, site_id, root_id) values (1, $1, 1, $1)', [patientId]);
        await tx.query(
          `insert into stay (tenant, id, patient_id, site_id, visit_token, status, ward, bed, icu, icu_from, admitted_at, changed_seq)
           values (1, $1, $2, 1, $3, 'in-progress', 'ICU', $4, true, $5, $5, 0)`, [stayId, patientId, Buffer.from(stayId.replaceAll('-', ''), 'hex'), bed, new Date(at)],
        );
        const body = { resourceType: 'Patient' as const, name: [{ family: name, given: ['Erika'] }], birthDate: '1962-01-01', gender: 'female' as const, identifier: [{ value: `MRN-${bed}` }] };
        const sealed = await sealResources(keys, tenant, [{ type: 'Patient', id: patientId, version: 1, patientId, messageId: null, body }]);
        await writeResourceRows(tx, tenant, await nextSeq(tx, [patientId]), sealed);
        await append(tx, patientId, [
          { code: '30525-0', value: ageYears, at }, { code: 'primum:hospital-admit', value: 1, at }, { code: 'primum:icu-admit', value: 1, at },
        ], null);
      });
      return { patientId, stayId };
    },
    /** The required vital signs at an instant, with or without what the test model fears. */
    vitals: (patientId: string, at: number, change: { heartRate?: number; map?: number } = {}): Promise<string[]> => observe(patientId, [
      { code: '8867-4', value: change.heartRate ?? 84, at }, { code: '9279-1', value: 16, at }, { code: '59408-5', value: 97, at }, { code: '8478-0', value: change.map ?? 82, at },
    ]),
    leave: ({ patientId, stayId }: TestStay, at: number): Promise<unknown> => db.transaction(async (tx) => {
      await tx.query('update stay set status = \'finished\', icu = true, ended_at = $2 where id = $1', [stayId, new Date(at)]);
      await append(tx, patientId, [{ code: 'primum:icu-discharge', value: 1, at }], 'stay');
    }),
    merge: (from: string, into: string): Promise<void> => link(from, into, true),
    unlink: (from: string, into: string): Promise<void> => link(from, into, false),
  };
}

export type TestWard = Awaited<ReturnType<typeof createTestWard>>;

type OutcomeRow = { id: string; status: string; reasons: string[]; trigger: string; probability: number | null; as_of: Date; tier: string };

/** The outcomes of a stay, in the order in which they were made. */
export function outcomesOf({ db }: Pick<TestWard, 'db'>, { stayId }: TestStay): Promise<OutcomeRow[]> {
  return db.query<OutcomeRow>('select id, status, reasons, trigger, probability, as_of, tier from prediction where stay_id = $1 order by made_at, id', [stayId]);
}
