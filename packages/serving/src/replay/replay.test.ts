import { mintSystemPrincipal } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestWard, hour, outcomesOf, t0, type TestStay, type TestWard } from '../testing/test-ward.ts';
import { replayPrediction, type ReplayDeps } from './replay-prediction.ts';

let ward: TestWard;
let deps: ReplayDeps;
let stay: TestStay;
let other: TestStay;
let keys: string[];
const minute = 60_000;
const replay = (id: string) => replayPrediction(deps, mintSystemPrincipal('replay'), id);
const set = (column: string, value: unknown, id: string) => ward.db.query(`update prediction set ${column} = $2 where id = $1`, [id, value]);

beforeAll(async () => {
  ward = await createTestWard();
  deps = { ...ward, codeDigest: ward.scoring().provenance.codeDigest, findModel: (digest) => Promise.resolve(digest === ward.model.digest ? ward.model : null) };
  stay = await ward.admit({ bed: 'R1' });
  other = await ward.admit({ bed: 'R2' });
  for (let at = 1; at <= 4; at += 1) {
    ward.clock.set(new Date(t0 + at * hour + minute));
    const written = await ward.vitals(stay.patientId, t0 + at * hour - minute, { heartRate: 90 + 12 * at });
    if (at === 2) keys = written;
    await ward.vitals(other.patientId, t0 + at * hour - 2 * minute);
    await ward.scored();
  }
});
afterAll(() => ward.close());

describe('replayPrediction', () => {
  it('makes every prediction again, bit for bit, whatever became known later and after a restart', async () => {
    const before = await outcomesOf(ward, stay);
    await ward.observe(stay.patientId, [{ code: '2524-7', value: 6.6, at: t0 + hour }]);
    await ward.observe(stay.patientId, [{ code: '8867-4', value: 61, at: t0 + 2 * hour - minute, key: keys[0]!, status: 'corrected' }], { kind: 'correction' });
    await ward.merge(other.patientId, stay.patientId);
    await ward.scored();
    await ward.restart();
    await ward.unlink(other.patientId, stay.patientId);
    await ward.scored();
    const all = [...(await outcomesOf(ward, stay)), ...(await outcomesOf(ward, other))];
    expect(all.length).toBeGreaterThan(before.length + 3);
    for (const { id } of all) expect(await replay(id)).toMatchObject({ outcome: 'identical', sameRuntime: true, differences: [] });
    const [audited] = await ward.db.query<{ count: number }>('select count(*) as count from audit_event where action = \'prediction.replayed\'', []);
    expect(audited!.count).toBe(all.length);
  });

  it('replays what was withheld and what was ineligible', async () => {
    ward.clock.set(new Date(t0 + 9 * hour + minute));
    await ward.scoring().tick();
    await ward.scoring().tick();
    await ward.scored();
    ward.clock.set(new Date(t0 + 9 * hour + 3 * minute));
    await ward.leave(other, t0 + 9 * hour + 2 * minute);
    await ward.scored();
    const statuses = (await outcomesOf(ward, other)).slice(-1).concat((await outcomesOf(ward, stay)).slice(-1));
    expect(statuses.map(({ status }) => status).sort()).toEqual(['ineligible', 'withheld']);
    for (const { id } of statuses) expect(await replay(id)).toMatchObject({ outcome: 'identical' });
  });

  it.each([
    ['probability', 0.5, 'probability'],
    ['margin', 0.25, 'log-odds'],
    ['inputs_commitment', Buffer.alloc(32, 7), 'inputs commitment'],
    ['tier', 'high', 'alert tier'],
    ['status', 'withheld', 'status'],
    ['trigger', 'invented', 'record digest'],
    ['made_at', new Date(0), null],
  ])('reports an altered %s', async (column, value, what) => {
    const { id } = (await outcomesOf(ward, stay))[1]!;
    const [{ was } = { was: null }] = await ward.db.query<{ was: unknown }>(`select ${column} as was from prediction where id = $1`, [id]);
    await set(column, value, id);
    const report = await replay(id);
    await set(column, was, id);
    if (what === null) expect(report.outcome).toBe('identical');
    else expect(report.differences.map((difference) => difference.what)).toContain(what);
    expect((await replay(id)).outcome).toBe('identical');
  });

  it('reports sealed content that was moved from another prediction, of this patient or another', async () => {
    const [first, second] = await outcomesOf(ward, stay);
    const [foreign] = await outcomesOf(ward, other);
    const sealedOf = async (id: string) => (await ward.db.query<{ sealed: Buffer }>('select sealed from prediction where id = $1', [id]))[0]!.sealed;
    const own = await sealedOf(first!.id);
    for (const from of [second!.id, foreign!.id]) {
      await set('sealed', await sealedOf(from), first!.id);
      const report = await replay(first!.id);
      expect(report).toMatchObject({ outcome: 'differs' });
      expect(report.differences.map(({ what }) => what)).toContain('sealed record');
    }
    await set('sealed', own, first!.id);
  });

  it('reports a fact that was altered in the record', async () => {
    const { id } = (await outcomesOf(ward, stay))[1]!;
    await ward.db.query('update fact set value = value + 1 where key = $1 and status = \'final\'', [keys[0]]);
    const report = await replay(id);
    expect(report.outcome).toBe('differs');
    expect(report.differences.map(({ what }) => what)).toContain('input: Heart rate');
    await ward.db.query('update fact set value = value - 1 where key = $1 and status = \'final\'', [keys[0]]);
    expect((await replay(id)).outcome).toBe('identical');
  });

  it('says what cannot be replayed: no such prediction, no model, another runtime, erased', async () => {
    const { id } = (await outcomesOf(ward, stay))[0]!;
    await expect(replay(ward.model.digest.slice(0, 8) + '-0000-7000-8000-000000000000')).rejects.toMatchObject({ code: 'prediction.not-found' });
    expect(await replayPrediction({ ...deps, findModel: () => Promise.resolve(null) }, mintSystemPrincipal('replay'), id)).toMatchObject({ outcome: 'not-replayable' });
    expect(await replayPrediction({ ...deps, engine: { ...ward.engine, runtime: 'another' } }, mintSystemPrincipal('replay'), id)).toMatchObject({ outcome: 'identical', sameRuntime: false });
    await ward.keys.destroy(1, { kind: 'patient', patientId: stay.patientId });
    expect(await replay(id)).toMatchObject({ outcome: 'not-replayable', text: 'Not replayable: the content was erased.' });
  });
});
