import { randomUUID } from 'node:crypto';
import type { UserPrincipal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestWard, hour, t0, type TestStay, type TestWard } from '../testing/test-ward.ts';
import { acknowledgeAlert, snoozeAlert, type AlertDeps } from './act-on-alert.ts';

let ward: TestWard;
let deps: AlertDeps;
const user: UserPrincipal = { kind: 'user', userId: randomUUID(), username: 'nurse', role: 'clinician', careUnits: ['*'] };
const minute = 60_000;

beforeAll(async () => {
  ward = await createTestWard();
  deps = { ...ward, alertPolicy: ward.model.alertPolicy };
  await ward.db.query('insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, \'nurse\', \'Nurse Joy\', \'clinician\', \'x\')', [user.userId]);
});
afterAll(() => ward.close());

type Alert = { id: string; status: string; tier: string; version: number; owner_id: string | null; snoozed_until: Date | null; evidence: string[]; evidence_withdrawn_at: Date | null };
const alertsOf = ({ stayId }: TestStay): Promise<Alert[]> => ward.db.query<Alert>('select * from alert where stay_id = $1 order by raised_at, id', [stayId]);
const setTime = (at: number): void => ward.clock.set(new Date(at));

/** A patient whose alert was raised by the first hour: fast heart, low pressure. */
async function alerted(bed: string, change = { heartRate: 130, map: 82 }): Promise<{ stay: TestStay; keys: string[]; alert: Alert }> {
  setTime(t0);
  const stay = await ward.admit({ bed });
  setTime(t0 + hour + minute);
  const keys = await ward.vitals(stay.patientId, t0 + hour - minute, change);
  await ward.scored();
  const [alert] = await alertsOf(stay);
  return { stay, keys, alert: alert! };
}

describe('an alert', () => {
  it('is raised by a score, rests on named facts, and a withheld score does not clear it', async () => {
    const { stay, keys, alert } = await alerted('A1');
    expect(alert).toMatchObject({ status: 'open', tier: 'watch', version: 1 });
    expect(alert.evidence).toContain(keys[0]);
    setTime(t0 + 5 * hour + minute);
    await ward.observe(stay.patientId, [{ code: '8310-5', value: 38.4, at: t0 + 5 * hour + minute }]);
    await ward.scored();
    const [risk] = await ward.db.query('select status, tier from stay_risk where stay_id = $1', [stay.stayId]);
    expect(risk).toEqual({ status: 'withheld', tier: 'watch' });
    expect(await alertsOf(stay)).toMatchObject([{ status: 'open', version: 1 }]);
  });

  it('is acknowledged under its version, audited in the same transaction, and a higher tier opens it again', async () => {
    const { stay, alert } = await alerted('A2');
    await expect(acknowledgeAlert(deps, user, alert.id, { as: 'assessing', version: 0 })).rejects.toMatchObject({ code: 'alert.transition-invalid' });
    const view = await acknowledgeAlert(deps, user, alert.id, { as: 'handed-over', handedTo: 'Dr House', version: 1 });
    expect(view).toMatchObject({ status: 'acknowledged', owner: 'Nurse Joy', acknowledgedAs: 'handed-over', handedTo: 'Dr House', version: 2 });
    const audited = await ward.db.query('select actor, action from audit_event where patient_id = $1 and action like \'alert.%\'', [stay.patientId]);
    expect(audited).toEqual([{ actor: 'user:nurse', action: 'alert.acknowledged' }]);
    setTime(t0 + 2 * hour + minute);
    await ward.vitals(stay.patientId, t0 + 2 * hour, { heartRate: 140, map: 50 });
    await ward.scored();
    expect(await alertsOf(stay)).toMatchObject([{ id: alert.id, status: 'open', tier: 'high', owner_id: user.userId }]);
  });

  it('is hushed by a snooze until its time by the source\'s clock, though nothing arrives', async () => {
    const { stay, alert } = await alerted('A3');
    await expect(snoozeAlert(deps, user, alert.id, { minutes: 241, version: 1 })).rejects.toMatchObject({ code: 'alert.snooze-too-long' });
    const view = await snoozeAlert(deps, user, alert.id, { minutes: 30, version: 1 });
    expect(view).toMatchObject({ status: 'snoozed', snoozedBy: 'Nurse Joy', snoozedUntil: new Date(t0 + hour + 31 * minute).toISOString() });
    setTime(t0 + hour + 32 * minute);
    await ward.scoring().tick();
    await ward.scoring().tick();
    await ward.scored();
    expect(await alertsOf(stay)).toMatchObject([{ status: 'open', snoozed_until: null }]);
  });

  it('tells whoever acknowledged it when a fact that it rested on is corrected; a value that only became final does not', async () => {
    const { stay, keys, alert } = await alerted('A4');
    await acknowledgeAlert(deps, user, alert.id, { as: 'assessing', version: 1 });
    await ward.observe(stay.patientId, [{ code: '8867-4', value: 130, at: t0 + hour - minute, key: keys[0]!, status: 'corrected' }], { kind: 'correction' });
    await ward.scored();
    expect((await alertsOf(stay))[0]!.evidence_withdrawn_at).toBeNull();
    await ward.observe(stay.patientId, [{ code: '8867-4', value: 90, at: t0 + hour - minute, key: keys[0]!, status: 'corrected' }], { kind: 'correction' });
    await ward.scored();
    const [after] = await alertsOf(stay);
    expect(after!.evidence_withdrawn_at).not.toBeNull();
    const kinds = await ward.db.query<{ kind: string }>('select kind from alert_event where alert_id = $1 order by n', [alert.id]);
    expect(kinds.map(({ kind }) => kind)).toEqual(['raised', 'acknowledged', 'evidence-withdrawn', 'closed']);
    expect(await ward.db.query('select user_id, kind from notice where alert_id = $1', [alert.id])).toEqual([{ user_id: user.userId, kind: 'evidence-withdrawn' }]);
  });

  it('says so when the facts go to another patient by the undoing of a merge', async () => {
    setTime(t0);
    const [stay, other] = [await ward.admit({ bed: 'A5' }), await ward.admit({ bed: 'A6' })];
    await ward.merge(other.patientId, stay.patientId);
    setTime(t0 + hour + minute);
    await ward.vitals(stay.patientId, t0 + 30 * minute);
    await ward.vitals(other.patientId, t0 + hour - minute, { heartRate: 150, map: 40 });
    await ward.scored();
    const [alert] = await alertsOf(stay);
    await acknowledgeAlert(deps, user, alert!.id, { as: 'assessing', version: alert!.version });
    await ward.unlink(other.patientId, stay.patientId);
    await ward.scored();
    expect((await alertsOf(stay))[0]!.evidence_withdrawn_at).not.toBeNull();
  });

  it('ends with the stay, snoozed or not', async () => {
    const { stay, alert } = await alerted('A7');
    await snoozeAlert(deps, user, alert.id, { minutes: 60, version: 1 });
    await ward.leave(stay, t0 + hour + 5 * minute);
    await ward.scored();
    expect(await alertsOf(stay)).toMatchObject([{ status: 'closed', snoozed_until: null }]);
    // By the database's clock the stay ended long ago: nobody treats the patient any more, and only an emergency access opens the record.
    await expect(acknowledgeAlert(deps, user, alert.id, { as: 'assessing', version: 3 })).rejects.toMatchObject({ code: 'auth.no-care-relationship' });
    await ward.db.query(
      `insert into emergency_access (tenant, id, user_id, patient_id, opened_at, until, sealed_reason) values (1, $1, $2, $3, now(), now() + interval '1 hour', '')`,
      [randomUUID(), user.userId, stay.patientId],
    );
    await expect(acknowledgeAlert(deps, user, alert.id, { as: 'assessing', version: 3 })).rejects.toMatchObject({ code: 'alert.transition-invalid' });
  });

  it('is not for a role that may not act, nor for an alert that is not there', async () => {
    const { alert } = await alerted('A8');
    await expect(acknowledgeAlert(deps, { ...user, role: 'auditor' }, alert.id, { as: 'assessing', version: 1 })).rejects.toMatchObject({ code: 'auth.forbidden' });
    await expect(acknowledgeAlert(deps, user, randomUUID(), { as: 'assessing', version: 1 })).rejects.toMatchObject({ code: 'alert.not-found' });
  });
});
