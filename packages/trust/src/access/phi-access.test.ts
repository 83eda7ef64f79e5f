import { PrimumError, uuidv7 } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { openAuditEvent } from '../audit/audit.ts';
import { entitiesOf } from '../audit/audit-event.ts';
import { withPhiReader, type PhiReader, type PhiReadRequest } from './phi-reader.ts';
import { withPhiWriter, type PhiWriter } from './phi-writer.ts';
import { mintSystemPrincipal, userPrincipal } from './principal.ts';

const tenant = 1;
const clinician = userPrincipal({ userId: uuidv7(), username: 'clinician', role: 'clinician', careUnits: ['*'] }, '127.0.0.1');
const scientist = userPrincipal({ userId: uuidv7(), username: 'data', role: 'data-scientist' });
const [a, b] = [uuidv7(), uuidv7()];
let trust: TestTrust;
let ofA: Buffer;
let ofB: Buffer;

beforeAll(async () => {
  trust = await openTestTrust();
  await trust.keys.ensure(tenant, [{ kind: 'patient', patientId: a }, { kind: 'patient', patientId: b }]);
  ofA = trust.keys.seal(tenant, { kind: 'patient', patientId: a }, Buffer.from('A'), 'Patient');
  ofB = trust.keys.seal(tenant, { kind: 'patient', patientId: b }, Buffer.from('B'), 'Patient');
});
afterAll(() => trust.close());

const reading = (more: Partial<PhiReadRequest> = {}): PhiReadRequest =>
  ({ tenant, principal: clinician, purpose: 'TREAT', scope: { patientIds: [a] }, action: 'stay.read', ...more });

type Logged = { id: string; actor: string; action: string; outcome: string; purpose: string; patients: string[]; sealed: Buffer };
async function logged(): Promise<Logged[]> {
  return trust.db.query<Logged>(
    `select id, actor, action, outcome, purpose, coalesce(patient_ids, case when patient_id is null then '{}' else array[patient_id] end) as patients, sealed from audit_event order by id`,
  );
}
/** The log's rows that `work` added. */
async function loggedBy(work: () => Promise<unknown>): Promise<Logged[]> {
  trust.clock.advanceMs(1_000);
  const before = (await logged()).length;
  await work();
  return (await logged()).slice(before);
}

describe('a reader of PHI', () => {
  it('opens the patient it is for, and one row of the log says so', async () => {
    const rows = await loggedBy(async () => {
      const read = await withPhiReader(trust, reading(), async (reader) => {
        reader.note({ patientId: a, entities: [{ type: 'Observation', id: 'o1' }] });
        return [await reader.open(ofA, a, 'Patient'), await reader.open(ofA, a, 'Patient')].join();
      });
      expect(read).toBe('A,A');
    });
    expect(rows).toMatchObject([{ actor: 'user:clinician', action: 'stay.read', outcome: 'success', purpose: 'TREAT', patients: [a] }]);
    const { event } = await openAuditEvent(trust.keys, tenant, rows[0]!.id, rows[0]!.sealed);
    expect(entitiesOf(event)).toEqual([{ type: 'Observation', id: 'o1' }]);
  });

  it('has its uses on the log, committed, before the result is handed out', async () => {
    let inside = -1;
    const before = (await logged()).length;
    await withPhiReader(trust, reading(), async (reader) => {
      await reader.open(ofA, a, 'Patient');
      inside = (await logged()).length;
    });
    expect([inside - before, (await logged()).length - before]).toEqual([0, 1]);
  });

  it('hands nothing out when the log cannot be written', async () => {
    const broken = { ...trust, audit: { write: () => Promise.reject(new PrimumError('store.disk-full')) } };
    expect(await codeOf(() => withPhiReader(broken, reading(), (reader) => reader.open(ofA, a, 'Patient')))).toBe('store.disk-full');
  });

  it('opens nobody else: by id, by content, or under a false name', async () => {
    const rows = await loggedBy(async () => {
      const attempts: ((reader: PhiReader) => Promise<unknown>)[] = [
        (reader) => reader.open(ofB, b, 'Patient'),
        (reader) => reader.open(ofB, a, 'Patient'),
        (reader) => reader.openUnassigned(ofA, 'Patient'),
        async (reader) => reader.note({ patientId: b }),
      ];
      for (const attempt of attempts) expect(await codeOf(() => withPhiReader(trust, reading(), attempt))).toBe('auth.forbidden');
      expect(await codeOf(() => withPhiReader(trust, reading({ scope: { unassigned: true } }), (reader) => reader.openUnassigned(ofA, 'Patient')))).toBe('auth.forbidden');
      expect(await codeOf(() => withPhiReader(trust, reading({ scope: { unassigned: true } }), (reader) => reader.open(ofA, a, 'Patient')))).toBe('auth.forbidden');
    });
    expect(rows).toHaveLength(6);
    expect(new Set(rows.map(({ outcome }) => outcome))).toEqual(new Set(['minor-failure']));
  });

  it('ends with its callback, whichever way that ended', async () => {
    const kept: PhiReader[] = [];
    await withPhiReader(trust, reading(), async (reader) => { kept.push(reader); });
    expect(await codeOf(() => withPhiReader(trust, reading(), async (reader) => {
      kept.push(reader);
      throw new Error('in mid-read');
    }))).toMatchObject({ message: 'in mid-read' });
    for (const reader of kept) {
      expect(await codeOf(() => reader.open(ofA, a, 'Patient'))).toBe('trust.capability-ended');
      expect(await codeOf(() => reader.openUnassigned(ofA, 'Patient'))).toBe('trust.capability-ended');
      expect(await codeOf(() => reader.note({ patientId: a }))).toBe('trust.capability-ended');
    }
  });

  it('is refused to a role that may not read patients; the refusal is on the log and nothing ran', async () => {
    let ran = false;
    const rows = await loggedBy(async () => {
      expect(await codeOf(() => withPhiReader(trust, reading({ principal: scientist }), async () => { ran = true; }))).toBe('auth.forbidden');
    });
    expect(ran).toBe(false);
    expect(rows).toMatchObject([{ actor: 'user:data', action: 'stay.read', outcome: 'minor-failure', patients: [a] }]);
  });

  it('for a worklist puts everyone it showed into one row, in each one\'s history', async () => {
    const rows = await loggedBy(() => withPhiReader(trust, reading({ scope: { worklist: 'all' }, action: 'worklist.read' }), async (reader) => {
      // A list that forgot its filter shows nobody.
      expect(await codeOf(() => reader.open(ofA, a, 'Patient'))).toBe('auth.forbidden');
      reader.rowFilter({ alias: 'f', from: 2 });
      await reader.open(ofA, a, 'Patient');
      await reader.open(ofB, b, 'Patient');
    }));
    expect(rows).toMatchObject([{ action: 'worklist.read', patients: [a, b].sort() }]);
  });

  it('opens a quarantined message that has no patient yet, for who may', async () => {
    const engineer = userPrincipal({ userId: uuidv7(), username: 'integration', role: 'integration-engineer' });
    const raw = trust.keys.seal(tenant, { kind: 'intake' }, Buffer.from('MSH|'), 'message|1');
    const request = reading({ principal: engineer, purpose: 'HOPERAT', scope: { unassigned: true }, action: 'quarantine.read', authority: 'quarantine.read' });
    expect((await withPhiReader(trust, request, (reader) => reader.openUnassigned(raw, 'message|1'))).toString()).toBe('MSH|');
    expect(await codeOf(() => withPhiReader(trust, { ...request, principal: clinician }, (reader) => reader.openUnassigned(raw, 'message|1')))).toBe('auth.forbidden');
  });

  it('finds an erased patient unreadable', async () => {
    const erased = uuidv7();
    await trust.keys.ensure(tenant, [{ kind: 'patient', patientId: erased }]);
    const sealed = trust.keys.seal(tenant, { kind: 'patient', patientId: erased }, Buffer.from('gone'), 'Patient');
    await trust.keys.destroy(tenant, { kind: 'patient', patientId: erased });
    expect(await codeOf(() => withPhiReader(trust, reading({ scope: { patientIds: [erased] } }), (reader) => reader.open(sealed, erased, 'Patient')))).toBe('trust.key-missing');
  });
});

describe('a writer of PHI', () => {
  const ingest = mintSystemPrincipal('ingest');
  const request = { tenant, principal: ingest, purpose: 'TREAT', action: 'phi.write' } as const;

  it('is audited in the transaction that it writes in', async () => {
    const c = uuidv7();
    const rows = await loggedBy(() => trust.db.transaction((tx) => withPhiWriter(trust, tx, request, async (writer) => {
      await writer.ensure([c]);
      const sealed = writer.seal(c, Buffer.from('C'), 'Patient');
      writer.note({ entities: [{ type: 'message', id: 'm1' }] });
      writer.note({ patientId: c, entities: [{ type: 'prediction', id: 'p1' }] }, 'prediction.made');
      expect((await writer.open(sealed, c, 'Patient')).toString()).toBe('C');
      expect((await writer.openUnassigned(writer.sealUnassigned(Buffer.from('both'), 'x'), 'x')).toString()).toBe('both');
    })));
    expect(rows.map(({ action, patients }) => ({ action, patients })).sort((x, y) => (x.action < y.action ? -1 : 1)))
      .toEqual([{ action: 'phi.write', patients: [c] }, { action: 'prediction.made', patients: [c] }]);
  });

  it('leaves no trace when the transaction is rolled back', async () => {
    const rows = await loggedBy(async () => {
      expect(await codeOf(() => trust.db.transaction(async (tx) => {
        await withPhiWriter(trust, tx, request, async (writer) => { writer.note({ patientId: a }); });
        throw new PrimumError('record.version-conflict');
      }))).toBe('record.version-conflict');
    });
    expect(rows).toEqual([]);
  });

  it('ends with its callback, and is for named patients when a person\'s', async () => {
    let kept: PhiWriter | undefined;
    await trust.db.transaction((tx) => withPhiWriter(trust, tx, request, async (writer) => { kept = writer; }));
    expect(await codeOf(() => kept!.seal(a, Buffer.from('x'), 'x'))).toBe('trust.capability-ended');
    const acting = { ...request, principal: clinician, action: 'alert.acknowledged', authority: 'alert.act' } as const;
    expect(await codeOf(() => trust.db.transaction((tx) => withPhiWriter(trust, tx, acting, async () => undefined)))).toBe('auth.forbidden');
    expect(await codeOf(() => trust.db.transaction((tx) => withPhiWriter(trust, tx, { ...acting, scope: { patientIds: [a] } }, async (writer) => writer.seal(b, Buffer.from('x'), 'x'))))).toBe('auth.forbidden');
    const rows = await loggedBy(() => trust.db.transaction((tx) => withPhiWriter(trust, tx, { ...acting, scope: { patientIds: [a] } }, async () => undefined)));
    expect(rows).toMatchObject([{ actor: 'user:clinician', action: 'alert.acknowledged', patients: [a] }]);
  });

  it('splits what outgrows one event, and loses none of it', async () => {
    const ids = Array.from({ length: 4_500 }, (_, n) => ({ type: 'Observation', id: String(n) }));
    const rows = await loggedBy(() => trust.db.transaction((tx) => withPhiWriter(trust, tx, request, async (writer) => { writer.note({ patientId: a, entities: ids }); })));
    const entities = (await Promise.all(rows.map(async ({ id, sealed }) => entitiesOf((await openAuditEvent(trust.keys, tenant, id, sealed)).event)))).flat();
    expect(entities).toHaveLength(4_500);
    expect(rows.filter(({ patients }) => patients.includes(a))).toHaveLength(1);
  });
});
