import { silentLog, uuidv7 } from '@primum/base';
import { createSequencer, type Db } from '@primum/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userPrincipal } from '../access/principal.ts';
import { openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import type { AuditInput } from './audit-event.ts';
import { verifyAudit } from './verify-audit.ts';

const tenant = 1;
const principal = userPrincipal({ userId: uuidv7(), username: 'clinician', role: 'clinician' });
let trust: TestTrust;
beforeAll(async () => { trust = await openTestTrust(); });
afterAll(() => trust.close());

async function write(events: Partial<AuditInput>[]): Promise<void> {
  await trust.audit.write(trust.db, events.map((event) => ({ tenant, action: 'stay.read', outcome: 'success', principal, purpose: 'TREAT', at: trust.clock.now(), ...event })));
  const sequencer = createSequencer({ db: trust.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
  while ((await trust.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await sequencer.close();
}

describe('verification without a copy outside', () => {
  it('takes what is written while it reads for no insertion', async () => {
    const other = await openTestTrust();
    const numbered = async (): Promise<void> => {
      await other.audit.write(other.db, [{ tenant, action: 'stay.read', outcome: 'success', principal, purpose: 'TREAT', at: other.clock.now() }]);
      const sequencer = createSequencer({ db: other.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
      while ((await other.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await sequencer.close();
    };
    try {
      await numbered();
      // Between each of its statements another event gets a number.
      const busy: Db = { ...other.db, transaction: (work, options) => other.db.transaction((tx) => work({
        query: async (...statement) => {
          const rows = await tx.query(...statement);
          await numbered();
          return rows as never[]; // as the caller asked
        },
      }), options) };
      expect(await verifyAudit(busy, other.keys, { tenant })).toMatchObject({ ok: true, checked: 1, head: 1, findings: [] });
      expect((await verifyAudit(other.db, other.keys, { tenant })).head).toBeGreaterThan(3);
    } finally {
      await other.close();
    }
  });

  it('sees a patient added beside those whom an event names', async () => {
    const other = await openTestTrust();
    try {
      const [a, b, c] = [uuidv7(), uuidv7(), uuidv7()];
      await other.audit.write(other.db, [{ tenant, action: 'worklist.read', outcome: 'success', principal, purpose: 'TREAT', patientIds: [a, b], at: other.clock.now() }]);
      const sequencer = createSequencer({ db: other.db, log: silentLog }, { pollMs: 5, auditEveryMs: 5 });
      while ((await other.db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await sequencer.close();
      expect((await verifyAudit(other.db, other.keys, { tenant })).findings).toEqual([]);
      await other.db.query('alter table audit_event disable trigger all');
      await other.db.query('update audit_event set patient_id = $1', [c]);
      expect((await verifyAudit(other.db, other.keys, { tenant })).findings).toEqual([{ kind: 'altered', fromSeq: 1, toSeq: 1 }]);
    } finally {
      await other.close();
    }
  });

  it('finds each altered and each missing row, and only those', async () => {
    const [a, b] = [uuidv7(), uuidv7()];
    await write(Array.from({ length: 13 }, (_, n) => (n === 11 ? { patientIds: [a, b] } : { patientId: a, entities: [{ type: 'Observation', id: String(n) }] })));
    expect(await verifyAudit(trust.db, trust.keys, { tenant })).toEqual({ ok: true, checked: 13, head: 13, findings: [], tiles: [], checkpoints: [], outside: [] });
    // As who owns the database could: without the triggers.
    await trust.db.query('alter table audit_event disable trigger all');
    const where = (seq: number): string => ` where seq = ${seq}`;
    await trust.db.query(`update audit_event set actor = 'user:somebody'${where(1)}`);
    await trust.db.query(`update audit_event set patient_id = '${b}'${where(2)}`);
    await trust.db.query(`update audit_event set recorded_at = recorded_at - interval '1 day'${where(3)}`);
    await trust.db.query(`update audit_event set sealed = set_byte(sealed, 100, get_byte(sealed, 100) # 1)${where(4)}`);
    await trust.db.query(`update audit_event set leaf = set_byte(leaf, 0, get_byte(leaf, 0) # 1)${where(5)}`);
    await trust.db.query('update audit_event x set sealed = y.sealed, leaf = y.leaf from audit_event y where x.seq = 6 and y.seq = 7');
    await trust.db.query(`update audit_event set outcome = 'minor-failure'${where(8)}`);
    await trust.db.query('delete from audit_event where seq in (9, 11, 13)');
    await trust.db.query(`update audit_event set patient_ids = array['${b}'::uuid]${where(12)}`);
    expect((await verifyAudit(trust.db, trust.keys, { tenant })).findings).toEqual([
      { kind: 'altered', fromSeq: 1, toSeq: 6 }, { kind: 'altered', fromSeq: 8, toSeq: 8 }, { kind: 'removed', fromSeq: 9, toSeq: 9 },
      { kind: 'removed', fromSeq: 11, toSeq: 11 }, { kind: 'altered', fromSeq: 12, toSeq: 12 }, { kind: 'removed', fromSeq: 13, toSeq: 13 },
    ]);
  });
});
