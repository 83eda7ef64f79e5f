import { randomUUID } from 'node:crypto';
import { Notice, PredictionView, shapeErrors, StayPage, Worklist } from '@primum/contract';
import { withPhiReader, type PhiReader, type PhiScope, type UserPrincipal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acknowledgeAlert } from '../alerts/act-on-alert.ts';
import { createTestWard, hour, outcomesOf, t0, type TestStay, type TestWard } from '../testing/test-ward.ts';
import { loadNotices, readNotice } from './load-notices.ts';
import { loadPrediction, patientOfPrediction } from './load-prediction.ts';
import { loadStayPage, patientOfStay } from './load-stay-page.ts';
import { loadWorklist } from './load-worklist.ts';
import { createViewDeps, type ViewDeps } from './view-deps.ts';

let ward: TestWard;
let views: ViewDeps;
let calm: TestStay;
let alarming: TestStay;
let silent: TestStay;
let keys: string[];
const user: UserPrincipal = { kind: 'user', userId: randomUUID(), username: 'nurse', role: 'clinician', careUnits: ['*'] };
const minute = 60_000;

function reading<T>(scope: PhiScope, work: (reader: PhiReader) => Promise<T>): Promise<T> {
  return withPhiReader(ward, { tenant: 1, principal: user, purpose: 'TREAT', scope, action: 'worklist.read' }, work);
}
const worklist = () => reading({ worklist: 'icu' }, (reader) => loadWorklist(views, reader, { siteCode: 'icu' }));
const page = async ({ stayId }: TestStay) => reading({ patientIds: [await patientOfStay(views, stayId)] }, (reader) => loadStayPage(views, reader, { stayId }));

beforeAll(async () => {
  ward = await createTestWard();
  views = createViewDeps({ ...ward, findModel: () => Promise.resolve(ward.model) });
  await ward.db.query('insert into app_user (tenant, id, username, display_name, role, password_hash) values (1, $1, \'nurse\', \'Nurse Joy\', \'clinician\', \'x\')', [user.userId]);
  calm = await ward.admit({ bed: 'B1', name: 'Calm' });
  alarming = await ward.admit({ bed: 'B2', name: 'Alarming' });
  silent = await ward.admit({ bed: 'B3', name: 'Silent' });
  for (let at = 1; at <= 6; at += 1) {
    ward.clock.set(new Date(t0 + at * hour + minute));
    await ward.vitals(calm.patientId, t0 + at * hour - minute);
    keys = await ward.vitals(alarming.patientId, t0 + at * hour - minute, { heartRate: at < 6 ? 80 : 130, map: at < 6 ? 80 : 55 });
    if (at < 3) await ward.vitals(silent.patientId, t0 + at * hour - minute);
    await ward.observe(calm.patientId, [{ code: '2524-7', value: 1 + at / 10, at: t0 + at * hour - 30 * minute, text: `${1 + at / 10}0` }]);
    await ward.scored();
    await ward.scoring().tick();
    await ward.scoring().tick();
    await ward.scored();
  }
});
afterAll(() => ward.close());

describe('the worklist', () => {
  it('has the contract\'s shape and the brief\'s order', async () => {
    const list = await worklist();
    expect(shapeErrors(Worklist, list)).toEqual([]);
    expect(list.rows.map(({ bed, state }) => [bed, state])).toEqual([['B2', 'alert'], ['B1', 'steady'], ['B3', 'withheld']]);
    expect(list.summary).toBe('2 scored, 1 withheld, 1 alert');
    expect(list.site.feeds[0]!.text).toBe('monitors silent 6 h: 1 score withheld');
  });

  it('shows identity, two drivers in words, vitals with their age, the trend with its gaps', async () => {
    const [first, , third] = (await worklist()).rows;
    expect(first!.identity).toMatchObject({ name: 'Alarming, Erika', birthDate: '1962-01-01', mrn: 'MRN-B2', sex: 'female', ageYears: 64 });
    expect(first!.drivers.map(({ text }) => text).sort()).toEqual(['130 /min', '55 mmHg']);
    expect(first!.vitals[0]).toMatchObject({ text: '130', unit: '/min', ageMinutes: 2, stale: false, corrected: false });
    expect(first!.vitals[4]).toBeNull();
    expect(first!.risk.change4h).toBeGreaterThan(0.1);
    expect(third!.risk).toMatchObject({ status: 'withheld', stale: true, asOf: new Date(t0 + 3 * hour).toISOString() });
    expect(third!.risk.reasons).toContain('no heart rate for 4 h');
    expect(third!.risk.probability).not.toBeNull();
    expect(third!.vitals[0]).toMatchObject({ stale: true });
    expect(third!.trend12h.map(([, probability]) => probability === null)).toEqual([false, false, false, true, true, true]);
  });

  it('is on the audit log with the patients it showed, and refused to a role that may not read', async () => {
    await worklist();
    const [row] = await ward.db.query<{ patient_ids: string[] }>('select patient_ids from audit_event where action = \'worklist.read\' order by id desc limit 1', []);
    expect(row!.patient_ids.toSorted()).toEqual([calm, alarming, silent].map(({ patientId }) => patientId).toSorted());
    await expect(withPhiReader(ward, { tenant: 1, principal: { ...user, role: 'auditor' }, purpose: 'TREAT', scope: { worklist: 'icu' }, action: 'worklist.read' }, (reader) => loadWorklist(views, reader, {})))
      .rejects.toMatchObject({ code: 'auth.forbidden' });
    await expect(reading({ worklist: 'x' }, (reader) => loadWorklist(views, reader, { siteCode: 'x' }))).rejects.toMatchObject({ code: 'record.not-found' });
  });
});

describe('a patient\'s page', () => {
  it('has the contract\'s shape: trend, series, labs with range and change, drivers that add up', async () => {
    const shown = await page(calm);
    expect(shapeErrors(StayPage, shown)).toEqual([]);
    expect(shown.trend).toHaveLength(6);
    expect(shown.labs).toMatchObject([{ range: '0.5–2.0', outOfRange: null, previous: 1.5, reading: { text: '1.60', label: 'Lactate', stale: false } }]);
    expect(shown.vitals.map(({ label }) => label)).toEqual(['HR', 'SpO₂', 'MAP', 'Resp']);
    expect(shown.labSeries[0]!.points).toHaveLength(6);
    const prediction = await reading({ patientIds: [await patientOfPrediction(views, shown.risk.predictionId!)] }, (reader) => loadPrediction(views, reader, shown.risk.predictionId!));
    expect(shapeErrors(PredictionView, prediction)).toEqual([]);
    const sum = shown.drivers.reduce((total, { points }) => total + points, shown.expectedPoints!);
    expect(sum).toBeCloseTo(prediction.margin!, 4);
  });

  it('shows a correction at once and tells whoever acknowledged', async () => {
    const before = await page(alarming);
    await acknowledgeAlert({ ...ward, alertPolicy: ward.model.alertPolicy }, user, before.alert!.id, { as: 'assessing', version: before.alert!.version });
    await ward.observe(alarming.patientId, [{ code: '8867-4', value: 90, at: t0 + 6 * hour - minute, key: keys[0]!, status: 'corrected', text: '90' }], { kind: 'correction' });
    await ward.scored();
    const after = await page(alarming);
    expect(after.annotations.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['alert', 'acknowledged', 'evidence-withdrawn', 'correction']));
    const [row] = (await worklist()).rows.filter(({ bed }) => bed === 'B2');
    expect(row!.vitals[0]).toMatchObject({ text: '90', corrected: true });
    expect((await worklist()).notices).toBe(1);
    const [notice, ...others] = await reading({ worklist: 'all' }, (reader) => loadNotices(views, reader));
    expect(others).toEqual([]);
    expect(shapeErrors(Notice, notice)).toEqual([]);
    expect(notice).toMatchObject({ name: 'Alarming, Erika', bed: 'B2' });
    await readNotice({ ...views, audit: ward.audit }, user, notice!.id);
    expect((await worklist()).notices).toBe(0);
    await expect(readNotice({ ...views, audit: ward.audit }, { ...user, userId: randomUUID() }, notice!.id)).rejects.toMatchObject({ code: 'alert.not-found' });
  });

  it('an implausible value is shown as missing, flagged', async () => {
    await ward.observe(calm.patientId, [{ code: '8867-4', value: null, at: t0 + 6 * hour, flag: 'implausible' }]);
    const [row] = (await worklist()).rows.filter(({ bed }) => bed === 'B1');
    expect(row!.vitals[0]).toMatchObject({ text: null, value: null, flag: 'implausible' });
  });

  it('is not found where there is no such stay', async () => {
    await expect(patientOfStay(views, randomUUID())).rejects.toMatchObject({ code: 'record.not-found' });
    expect(await outcomesOf(ward, calm)).not.toEqual([]);
  });
});
