import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestWard, hour, outcomesOf, t0, type TestWard } from '../testing/test-ward.ts';

let ward: TestWard;
beforeAll(async () => { ward = await createTestWard(); });
afterAll(() => ward.close());

const minute = 60_000;
const setTime = (at: number): void => ward.clock.set(new Date(at));

describe('when a stay is scored', () => {
  it('at the first completed hour, once, with its pins, sealed and audited', async () => {
    setTime(t0);
    const stay = await ward.admit({ bed: 'S1' });
    setTime(t0 + 50 * minute);
    await ward.vitals(stay.patientId, t0 + 50 * minute);
    await ward.scored();
    expect(await outcomesOf(ward, stay)).toEqual([]);
    setTime(t0 + hour + minute);
    await ward.vitals(stay.patientId, t0 + hour + minute);
    await ward.vitals(stay.patientId, t0 + hour + 2 * minute);
    await ward.scored();
    const [outcome, ...others] = await outcomesOf(ward, stay);
    expect(others).toEqual([]);
    expect(outcome).toMatchObject({ status: 'scored', trigger: 'hour-completed', as_of: new Date(t0 + hour), tier: 'none' });
    const [audited] = await ward.db.query('select actor from audit_event where action = \'prediction.made\' and patient_id = $1', [stay.patientId]);
    expect(audited).toEqual({ actor: 'system:serving' });
    const announced = await ward.db.query<{ payload: { predictionId: string; messageIds: string[] } }>(
      'select payload from stream_event where topic = \'prediction.made\' and key = $1 union all select payload from outbox where topic = \'prediction.made\' and key = $1', [stay.patientId]);
    expect(announced[0]!.payload.predictionId).toBe(outcome!.id);
    expect(announced[0]!.payload.messageIds.length).toBeGreaterThan(0);
  });

  it('again for a late fact of that hour, not for a fact after it; the former outcome stays', async () => {
    setTime(t0);
    const stay = await ward.admit({ bed: 'S2' });
    setTime(t0 + hour + minute);
    await ward.vitals(stay.patientId, t0 + hour);
    await ward.scored();
    await ward.observe(stay.patientId, [{ code: '2524-7', value: 4.1, at: t0 + hour + minute }]);
    await ward.scored();
    expect(await outcomesOf(ward, stay)).toHaveLength(1);
    await ward.observe(stay.patientId, [{ code: '2524-7', value: 4.2, at: t0 + 40 * minute }]);
    await ward.scored();
    const outcomes = await outcomesOf(ward, stay);
    expect(outcomes.map(({ trigger }) => trigger)).toEqual(['hour-completed', 'late-fact']);
    expect(outcomes[1]!.probability).toBeGreaterThan(outcomes[0]!.probability!);
    expect(outcomes[1]!.as_of).toEqual(outcomes[0]!.as_of);
  });

  it('when a feed falls silent, by the site\'s clock: withheld, in clinical words, keeping the last score', async () => {
    setTime(t0);
    const stay = await ward.admit({ bed: 'S3' });
    setTime(t0 + hour + minute);
    await ward.vitals(stay.patientId, t0 + hour);
    await ward.scored();
    setTime(t0 + 4 * hour + minute);
    await ward.scoring().tick();
    expect(await ward.scoring().tick()).toBeGreaterThan(0);
    await ward.scored();
    const outcomes = await outcomesOf(ward, stay);
    expect(outcomes.at(-1)).toMatchObject({ status: 'withheld', probability: null, as_of: new Date(t0 + 4 * hour) });
    expect(outcomes.at(-1)!.reasons).toContain('no blood pressure for 3 h');
    const [risk] = await ward.db.query('select scored_id, probability from stay_risk where stay_id = $1', [stay.stayId]);
    expect(risk).toEqual({ scored_id: outcomes[0]!.id, probability: outcomes[0]!.probability });
    await ward.scoring().tick();
    expect(await ward.scoring().tick()).toBe(0);
  });

  it('never outside the intended use: a child, comfort care from the moment it is known, after the ICU', async () => {
    setTime(t0);
    const child = await ward.admit({ bed: 'S4', ageYears: 9 });
    const adult = await ward.admit({ bed: 'S5' });
    setTime(t0 + hour + minute);
    await ward.vitals(child.patientId, t0 + hour);
    await ward.vitals(adult.patientId, t0 + hour);
    await ward.scored();
    expect(await outcomesOf(ward, child)).toMatchObject([{ status: 'ineligible', reasons: ['younger than the model was made for'], probability: null }]);
    setTime(t0 + hour + 10 * minute);
    await ward.observe(adult.patientId, [{ code: 'primum:comfort-care', value: 1, at: t0 + hour + 9 * minute }]);
    await ward.scored();
    expect((await outcomesOf(ward, adult)).at(-1)).toMatchObject({ status: 'ineligible', trigger: 'eligibility', reasons: ['comfort care'] });
    await ward.leave(adult, t0 + hour + 20 * minute);
    await ward.scored();
    const [risk] = await ward.db.query('select ended from stay_risk where stay_id = $1', [adult.stayId]);
    expect(risk).toEqual({ ended: true });
  });

  it('several patients of one batch at once, and what was cached equals what is read anew', async () => {
    setTime(t0);
    const stays = [];
    for (let bed = 0; bed < 8; bed += 1) stays.push(await ward.admit({ bed: `M${bed}` }));
    for (let at = 1; at <= 3; at += 1) {
      setTime(t0 + at * hour + minute);
      for (const [index, stay] of stays.entries()) await ward.vitals(stay.patientId, t0 + at * hour - index * minute, { heartRate: 70 + 10 * index });
      if (at === 2) await ward.restart();
      await ward.scored();
    }
    for (const stay of stays) expect((await outcomesOf(ward, stay)).map(({ status }) => status)).toEqual(['scored', 'scored', 'scored']);
  });
});
