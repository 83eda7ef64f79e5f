import { uuidv7 } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { userPrincipal, type Purpose } from '../access/principal.ts';
import type { AuditInput } from '../audit/audit-event.ts';
import { codeOf, openTestTrust, type TestTrust } from '../testing/test-trust.ts';
import { accountOfDisclosures } from './account-of-disclosures.ts';
import { openReview, type NewReview } from './open-review.ts';
import { countReviews, decideReview, findReview, listReviews } from './review-queue.ts';

const tenant = 1;
const hourMs = 3_600_000;
const officer = userPrincipal({ userId: uuidv7(), username: 'officer', role: 'privacy-officer' });
const auditor = userPrincipal({ userId: uuidv7(), username: 'auditor', role: 'auditor' });
const ann = userPrincipal({ userId: uuidv7(), username: 'ann', role: 'clinician' });
let trust: TestTrust;
beforeAll(async () => {
  trust = await openTestTrust();
  await trust.db.query('insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, \'ann\', \'Ann Nurse\', \'clinician\', \'-\')', [ann.userId]);
});
afterAll(() => trust.close());

const open = async (more: Partial<NewReview> = {}): Promise<string> => (await trust.db.transaction((tx) => openReview(tx, {
  tenant, kind: 'vip', actor: 'user:ann', userId: ann.userId, patientId: uuidv7(), at: trust.clock.now(), auditEventIds: [], score: 0.9, ...more,
}))).id;
const alone = async (patientId: string): Promise<string[]> => [patientId];

describe('the queue', () => {
  it('is for who may review, overdue items first, then by score', async () => {
    expect(await codeOf(() => listReviews(trust, ann, tenant, 'undecided'))).toBe('auth.forbidden');
    expect(await codeOf(() => findReview(trust, auditor, tenant, uuidv7(), alone))).toBe('auth.forbidden');
    const low = await open({ score: 0.2 });
    const high = await open({ score: 0.9 });
    const late = await open({ kind: 'emergency-access', score: 0.1, at: new Date(trust.clock.now().getTime() - 73 * hourMs) });
    const items = await listReviews(trust, officer, tenant, 'undecided');
    expect(items.map(({ id }) => id)).toEqual([late, high, low]);
    expect(items[0]).toMatchObject({ overdue: true, displayName: 'Ann Nurse', role: 'clinician' });
    expect(await countReviews(trust, tenant)).toEqual({ open: 3, overdue: 1 });
  });

  it('shows what was read under an emergency access: of that patient, by that person, in that time', async () => {
    const patientId = uuidv7();
    const merged = uuidv7();
    const at = trust.clock.now();
    const until = new Date(at.getTime() + hourMs);
    const read = (more: Partial<AuditInput>): AuditInput => ({ tenant, action: 'patient.read', outcome: 'success', principal: ann, purpose: 'BTG', patientId, at: new Date(at.getTime() + 60_000), ...more });
    await trust.audit.write(trust.db, [
      read({}), read({ action: 'prediction.read' }), read({ patientId: merged, action: 'resource.read' }),
      read({ patientId: uuidv7() }), read({ principal: auditor }), read({ at: new Date(until.getTime() + 60_000) }), read({ at: new Date(at.getTime() - 60_000) }),
    ]);
    const id = await open({ kind: 'emergency-access', patientId, at, until });
    const { events } = await findReview(trust, officer, tenant, id, async () => [patientId, merged]);
    expect(events.map(({ action, purpose }) => `${action} ${purpose}`).sort()).toEqual(['patient.read BTG', 'prediction.read BTG', 'resource.read BTG']);
  });

  it('takes a verdict once, of the version that was seen, and keeps the note sealed', async () => {
    const patientId = uuidv7();
    await trust.keys.ensure(tenant, [{ kind: 'patient', patientId }]);
    const id = await open({ patientId });
    const decide = (verdict: 'justified' | 'violation' | 'needs-more', version: number, by = officer) => decideReview(trust, by, tenant, id, { verdict, note: 'Asked the ward: on duty', version });
    expect(await codeOf(() => decide('justified', 1, ann))).toBe('auth.forbidden');
    expect(await codeOf(() => decide('justified', 2))).toBe('review.changed');
    expect(await decide('needs-more', 1)).toMatchObject({ status: 'needs-more', version: 2, decidedBy: 'user:officer' });
    expect(await decide('justified', 2)).toMatchObject({ status: 'justified', version: 3, overdue: false });
    expect(await codeOf(() => decide('violation', 3))).toBe('review.changed');
    expect(await codeOf(() => decideReview(trust, officer, tenant, uuidv7(), { verdict: 'justified', note: 'none', version: 1 }))).toBe('review.not-found');

    const [row] = await trust.db.query<{ sealed_note: Buffer }>('select sealed_note from review_item where id = $1', [id]);
    expect(row!.sealed_note.includes('on duty')).toBe(false);
    expect((await findReview(trust, officer, tenant, id, alone)).note).toBe('Asked the ward: on duty');
    const audited = await trust.db.query('select 1 from audit_event where action = \'review.verdict\' and patient_id = $1 and outcome = \'success\'', [patientId]);
    expect(audited.length).toBe(2);
    await trust.keys.destroy(tenant, { kind: 'patient', patientId });
    expect((await findReview(trust, officer, tenant, id, alone)).note).toBeNull();
  });

  it('lets nobody decide about themselves', async () => {
    const id = await open({ actor: 'user:officer', userId: officer.userId });
    expect(await codeOf(() => decideReview(trust, officer, tenant, id, { verdict: 'justified', note: 'my own', version: 1 }))).toBe('review.own');
  });

  it('is on the log when an item about no one patient is opened', async () => {
    const id = await open({ kind: 'unusual-volume', patientId: null });
    await findReview(trust, officer, tenant, id, alone);
    expect((await trust.db.query('select 1 from audit_event where action = \'review.read\' and actor = \'user:officer\' and outcome = \'success\' and patient_id is null', [])).length).toBe(1);
  });
});

describe('the account of who saw a patient', () => {
  const [patientId, merged, other] = [uuidv7(), uuidv7(), uuidv7()];
  const groups = async (_sql: unknown, _tenant: number, ids: readonly string[]) =>
    (ids.includes(other) ? [] : [{ patientId, rootId: patientId }, { patientId: merged, rootId: patientId }]);
  const day = new Date('2026-02-01T10:00:00.000Z').getTime();
  const ask = (kind: 'disclosures' | 'accesses', more: { from?: Date; to?: Date } = {}, by = officer) => accountOfDisclosures({ ...trust, groups }, by, { tenant, patientId, kind, ...more });

  beforeAll(async () => {
    const client = { kind: 'client' as const, clientId: 'registry', scopes: [], purposes: [] };
    const event = (purpose: Purpose, more: Partial<AuditInput> = {}): AuditInput => ({ tenant, action: 'patient.read', outcome: 'success', principal: ann, purpose, patientId, at: new Date(day), ...more });
    await trust.audit.write(trust.db, [
      event('TREAT'), event('TREAT', { at: new Date(day + hourMs) }), event('TREAT', { patientId: merged, at: new Date(day + 2 * hourMs) }), event('TREAT', { at: new Date(day + 24 * hourMs) }),
      { ...event('TREAT', { action: 'worklist.read', patientIds: [patientId, uuidv7()] }), patientId: patientId },
      event('TREAT', { outcome: 'minor-failure' }), event('BTG'), event('PATRQT', { action: 'rights.export' }), event('HCOMPL'),
      event('PUBHLTH', { principal: client, action: 'resource.read' }), event('PUBHLTH', { principal: client, action: 'resource.read', at: new Date(day + hourMs) }),
      event('HRESCH', { action: 'research.export' }), event('HRESCH', { action: 'research.export', outcome: 'minor-failure' }), event('HRESCH', { action: 'consent.recorded' }),
      event('PUBHLTH', { principal: client, action: 'resource.read', at: new Date(day - 7 * 365.25 * 86_400_000) }),
      event('TREAT', { patientId: uuidv7() }),
    ]);
  });

  it('has disclosures alone: no treatment, no operations, nothing refused, six years back', async () => {
    const { entries, truncated } = await ask('disclosures');
    expect(truncated).toBe(false);
    expect(entries.map(({ actor, action, purpose, times }) => `${actor} ${action} ${purpose} ${times}`)).toEqual(['client:registry resource.read PUBHLTH 2', 'user:ann research.export HRESCH 1']);
    expect(entries[0]).toMatchObject({ firstAt: new Date(day), lastAt: new Date(day + hourMs), who: 'registry' });
  });

  it('has every look of the whole merged group, summed up by day', async () => {
    const { entries } = await ask('accesses');
    const reads = entries.filter(({ action, purpose, outcome }) => action === 'patient.read' && purpose === 'TREAT' && outcome === 'success');
    expect(reads.map(({ times, who, role }) => `${who} ${role} ${times}`)).toEqual(['Ann Nurse clinician 3', 'Ann Nurse clinician 1']);
    expect(entries.some(({ outcome }) => outcome === 'minor-failure')).toBe(true);
    expect(entries.some(({ action }) => action === 'worklist.read')).toBe(true);
    expect((await ask('accesses', { from: new Date(day + 20 * hourMs), to: new Date(day + 40 * hourMs) })).entries.map(({ times }) => times)).toEqual([1]);
  });

  it('is for who may ask, about a patient there is, and is itself on the log', async () => {
    expect(await codeOf(() => ask('disclosures', {}, auditor))).toBe('auth.forbidden');
    expect((await ask('accesses', {}, auditor)).entries.length).toBeGreaterThan(0);
    expect(await codeOf(() => ask('accesses', {}, ann))).toBe('auth.forbidden');
    expect(await codeOf(() => ask('accesses', { from: new Date(day), to: new Date(day - 1) }))).toBe('api.request-invalid');
    expect(await codeOf(() => accountOfDisclosures({ ...trust, groups }, officer, { tenant, patientId: other, kind: 'accesses' }))).toBe('record.not-found');
    const { entries } = await ask('accesses');
    expect(entries.some(({ actor, action }) => actor === 'user:auditor' && action === 'disclosure.read')).toBe(true);
  });
});
