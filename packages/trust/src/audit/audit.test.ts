import { canonicalJson, uuidv7 } from '@primum/base';
import { createSequencer } from '@primum/store';
import { silentLog } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintSystemPrincipal, userPrincipal, type Principal } from '../access/principal.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { createAudit, openAuditEvent } from './audit.ts';
import { auditEvent, clearColumnsOf, entitiesOf, type AuditInput } from './audit-event.ts';
import { searchAudit } from './search-audit.ts';

const tenant = 1;
const auditor = userPrincipal({ userId: uuidv7(), username: 'auditor', role: 'auditor' });
const clinician = userPrincipal({ userId: uuidv7(), username: 'clinician', role: 'clinician' }, '10.0.0.7');
const serving = mintSystemPrincipal('serving');
let trust: TestTrust;
beforeAll(async () => { trust = await openTestTrust(); });
afterAll(() => trust.close());

const input = (more: Partial<AuditInput> = {}): AuditInput =>
  ({ tenant, action: 'stay.read', outcome: 'success', principal: clinician, purpose: 'TREAT', at: trust.clock.now(), ...more });

async function numbered(): Promise<void> {
  const sequencer = createSequencer({ db: trust.db, log: silentLog }, { pollMs: 10, auditEveryMs: 10 });
  for (let i = 0; i < 500; i += 1) {
    const [row] = await trust.db.query<{ n: number }>('select count(*)::int as n from audit_event where seq is null');
    if (row!.n === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await sequencer.close();
}

describe('an audit event', () => {
  const id = uuidv7();
  const [a, b] = [uuidv7(), uuidv7()];
  const shapes = (): AuditInput[] => [
    input(), input({ patientId: a, entities: [{ type: 'Observation', id: 'o' }, { type: 'prediction', id: 'p' }] }), input({ patientIds: [a, b] }),
    input({ action: 'phi.write', principal: serving, patientId: a }), input({ action: 'sign-in', outcome: 'minor-failure' }),
    input({ action: 'sign-in', outcome: 'minor-failure', principal: { kind: 'unknown', usernameToken: 'ab', remote: '10.0.0.9' } }),
    input({ action: 'prediction.made', outcome: 'serious-failure', principal: mintSystemPrincipal('cli:root') }),
  ];

  it('is written in canonical form as it stands', () => {
    for (const shape of shapes()) expect(JSON.stringify(auditEvent(id, shape))).toBe(canonicalJson(auditEvent(id, shape)));
  });

  it('has the shape of BALP PatientRead', () => {
    expect(auditEvent(id, input({ patientId: a, entities: [{ type: 'Observation', id: 'o' }] }))).toMatchObject({
      resourceType: 'AuditEvent', id, action: 'R', outcome: '0', recorded: trust.clock.now().toISOString(),
      meta: { profile: ['https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead'] },
      type: { system: 'http://terminology.hl7.org/CodeSystem/audit-event-type', code: 'rest' },
      subtype: [{ system: 'http://hl7.org/fhir/restful-interaction', code: 'read' }, { code: 'stay.read' }],
      purposeOfEvent: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'TREAT' }] }],
      agent: [
        { type: { coding: [{ code: '110152' }] }, requestor: false, network: { address: '10.0.0.7', type: '2' } },
        { type: { coding: [{ code: '110153' }] }, requestor: false },
        { type: { coding: [{ code: 'IRCP' }] }, requestor: true, who: { identifier: { value: clinician.userId } }, role: [{ text: 'clinician' }] },
      ],
      entity: [
        { type: { code: '2' }, role: { code: '4' }, what: { reference: 'Observation/o' } },
        { type: { code: '1' }, role: { code: '1' }, what: { reference: `Patient/${a}` } },
      ],
    });
  });

  it('claims no profile that it does not fit', () => {
    for (const shape of [input({ patientIds: [a, b] }), input(), input({ patientId: a, outcome: 'minor-failure' })]) {
      expect(auditEvent(id, shape).meta).toBeUndefined();
    }
  });

  it('says again what was put into it', () => {
    const event = auditEvent(id, shapes()[1]!);
    expect(entitiesOf(event)).toEqual([{ type: 'Observation', id: 'o' }, { type: 'prediction', id: 'p' }]);
    expect(clearColumnsOf(event)).toEqual({ recordedAt: trust.clock.now().toISOString(), actor: 'user:clinician', action: 'stay.read', outcome: 'success', purpose: 'TREAT', patients: [a] });
  });
});

describe('the audit log', () => {
  it('is written in the caller\'s transaction, all of it or nothing', async () => {
    const patientId = uuidv7();
    expect(await codeOf(() => trust.db.transaction(async (tx) => {
      await trust.audit.write(tx, [input({ patientId })]);
      throw new Error('rolled back');
    }))).toBeInstanceOf(Error);
    expect(await trust.db.query('select 1 from audit_event where patient_id = $1', [patientId])).toEqual([]);
    await trust.audit.write(trust.db, [input({ patientId }), input({ patientId, principal: serving })]);
    expect(await trust.db.query('select 1 from audit_event where patient_id = $1', [patientId])).toHaveLength(2);
  });

  it('holds no event in clear', async () => {
    const id = uuidv7();
    await trust.audit.write(trust.db, [input({ entities: [{ type: 'Observation', id }] })]);
    const [row] = await trust.db.query<{ sealed: Buffer; leaf: Buffer; id: string }>('select id, sealed, leaf from audit_event order by recorded_at desc, id desc limit 1');
    expect(row!.sealed.includes(id)).toBe(false);
    expect(row!.leaf).toHaveLength(32);
    const { leaf } = await openAuditEvent(trust.keys, tenant, row!.id, row!.sealed);
    expect(leaf.equals(row!.leaf)).toBe(true);
  });

  it('cannot be changed, deleted or emptied, nor numbered twice', async () => {
    await trust.audit.write(trust.db, [input()]);
    await numbered();
    for (const change of [
      "update audit_event set actor = 'user:somebody'", 'update audit_event set seq = seq + 1000', "update audit_event set patient_ids = '{}'",
      'delete from audit_event', 'truncate audit_event',
    ]) expect(`${change}: ${String(await codeOf(() => trust.db.query(change)))}`).not.toContain('no error');
  });
});

describe('a group commit', () => {
  it('keeps every event of callers at once, and fails those whose batch failed', async () => {
    const grouped = createAudit({ keys: trust.keys, db: trust.db });
    const patientId = uuidv7();
    await Promise.all(Array.from({ length: 300 }, () => grouped.write(trust.db, [input({ patientId })])));
    expect(await trust.db.query('select 1 from audit_event where patient_id = $1', [patientId])).toHaveLength(300);
    const bad = grouped.write(trust.db, [input({ tenant: 99, principal: mintSystemPrincipal('cli:test') })]);
    await expect(bad).rejects.toThrow();
    await grouped.write(trust.db, Array.from({ length: 150 }, () => input({ patientId })));
    expect(await trust.db.query('select 1 from audit_event where patient_id = $1', [patientId])).toHaveLength(450);
  });
});

describe('search', () => {
  it('answers who did what to whom and when, in pages, and is on the log itself', async () => {
    const other = await openTestTrust();
    try {
      const [a, b] = [uuidv7(), uuidv7()];
      const write = async (events: Partial<AuditInput>[]): Promise<void> => {
        for (const event of events) {
          other.clock.advanceMs(1_000);
          await other.audit.write(other.db, [input({ at: other.clock.now(), ...event })]);
        }
      };
      await write([{ patientId: a }, { patientId: b, action: 'phi.write', principal: serving }, { patientIds: [a, b], action: 'worklist.read' }, { patientId: b, entities: [{ type: 'alert', id: 'x' }] }]);
      const search = async (query: object, principal: Principal = auditor): Promise<string[]> =>
        (await searchAudit(other, principal, { tenant, ...query })).rows.filter(({ action }) => action !== 'audit.read').map(({ action, patientIds }) => `${action} ${patientIds.map((id) => (id === a ? 'a' : 'b')).sort().join('')}`);
      expect(await search({})).toEqual(['stay.read b', 'worklist.read ab', 'phi.write b', 'stay.read a']);
      expect(await search({ patientId: a })).toEqual(['worklist.read ab', 'stay.read a']);
      expect(await search({ actor: 'system:serving' })).toEqual(['phi.write b']);
      expect(await search({ peopleOnly: true })).toEqual(['stay.read b', 'worklist.read ab', 'stay.read a']);
      expect(await search({ actor: 'user:clinician', action: 'stay.read' })).toEqual(['stay.read b', 'stay.read a']);
      const start = new Date('2026-03-01T08:00:00.000Z').getTime();
      expect(await search({ from: new Date(start + 2_000), to: new Date(start + 4_000) })).toEqual(['worklist.read ab', 'phi.write b']);
      expect((await searchAudit(other, auditor, { tenant, action: 'stay.read', limit: 1 })).rows[0]).toMatchObject({ patientId: b, entities: [{ type: 'alert', id: 'x' }] });

      const paged: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<typeof searchAudit>> = await searchAudit(other, auditor, { tenant, actor: 'user:clinician', limit: 2, ...(cursor === null ? {} : { cursor }) });
        paged.push(...page.rows.map(({ id }) => id));
        cursor = page.cursor;
      } while (cursor !== null);
      expect(new Set(paged).size).toBe(3);
      expect(paged).toHaveLength(3);

      expect((await searchAudit(other, auditor, { tenant, actor: 'user:auditor' })).rows.length).toBeGreaterThan(5);
      expect(await codeOf(() => search({}, clinician))).toBe('auth.forbidden');
      expect(await codeOf(() => search({ cursor: 'x' }))).toBe('api.request-invalid');
    } finally {
      await other.close();
    }
  });
});
