import type { Notice, ReplayReport, StayPage } from '@primum/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchPatient } from '../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, type Answer, type Booted } from './support/booted.ts';
import { admittedAt, illPatient, withdrawLast } from './support/ill-patient.ts';

let primum: Booted;
let token: string;

beforeAll(async () => {
  primum = await bootForTest();
  const { username, password } = primum.seeded.find(({ role }) => role === 'clinician')!; // every role is seeded
  token = await signIn(primum, username, password);
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

async function answered<T>(asked: { method?: string; path: string; body?: unknown }): Promise<T> {
  const answer: Answer = await ask(primum.httpPort, { ...asked, token });
  if (answer.status !== 200) throw new Error(`${asked.path} answered ${answer.status} ${answer.text}`);
  return answer.body as T; // the contract's shape, which the test of every route holds it to
}
const stayOf = async (bed: string): Promise<string> => (await primum.core.db.query<{ id: string }>('select id from stay where bed = $1', [bed]))[0]!.id;
const pageOf = (stayId: string): Promise<StayPage> => answered({ path: `/api/stays/${stayId}?hours=72` });
const notices = (): Promise<Notice[]> => answered({ path: '/api/notices' });
/** Every prediction of a stay with all its columns, as text. */
const predictions = (stayId: string): Promise<{ id: string; row: string }[]> =>
  primum.core.db.query('select id, p::text as row from prediction p where stay_id = $1 order by made_at, id', [stayId]);

describe.each([
  ['C', 'corrected'], ['D', 'deleted'], ['W', 'of another patient'],
] as const)('an acknowledged alert whose readings turn out %s', (status, what) => {
  const patient: BenchPatient = { mrn: `COR-${status}`, visit: `CORV-${status}`, bed: `C${status}`, admittedAt };

  it(`says so (${what}): the stay is scored again, the acknowledger is told, the past stays and can be replayed`, async () => {
    await primum.send(...illPatient(patient));
    const stayId = await stayOf(patient.bed);
    const before = await pageOf(stayId);
    expect(before.risk).toMatchObject({ status: 'scored', stale: false });
    expect(before.alert).toMatchObject({ status: 'open', evidenceWithdrawnAt: null });
    await answered({ method: 'POST', path: `/api/alerts/${before.alert?.id}/acknowledge`, body: { as: 'assessing', version: before.alert?.version } });
    const past = await predictions(stayId);
    expect((await notices()).filter((notice) => notice.stayId === stayId)).toEqual([]);

    await primum.send(...withdrawLast(patient, 4, status));
    const after = await pageOf(stayId);

    // The alert says that what it rested on is gone.
    const [alert] = await primum.core.db.query<{ evidence_withdrawn_at: Date | null; status: string }>('select evidence_withdrawn_at, status from alert where id = $1', [before.alert?.id]);
    expect(alert?.evidence_withdrawn_at).not.toBeNull();
    expect(after.annotations.map(({ kind }) => kind)).toContain('evidence-withdrawn');
    // Scored again from what is known now.
    expect(after.risk.predictionId === before.risk.predictionId && after.risk.status === 'scored').toBe(false);
    if (status === 'C') {
      expect(after.risk.status).toBe('scored');
      expect(after.risk.probability!).toBeLessThan(before.risk.probability!);
    } else {
      // Nothing recent is left: withheld with its reasons. The last score stays with its age; the alert is not cleared by it.
      expect(after.risk).toMatchObject({ status: 'withheld', asOf: before.risk.asOf, tier: before.risk.tier });
      expect(after.risk.reasons.length).toBeGreaterThan(0);
      expect(after.risk.ageMinutes!).toBeGreaterThan(0);
      expect(after.risk.probability!).toBeGreaterThan(0);
      expect(after.alert).toMatchObject({ id: before.alert?.id, status: 'acknowledged' });
    }
    // Whoever acknowledged it is told, once, by name and bed, until they have read it.
    const told = (await notices()).filter((notice) => notice.stayId === stayId);
    expect(told).toMatchObject([{ kind: 'evidence-withdrawn', bed: patient.bed }]);
    await answered({ method: 'POST', path: `/api/notices/${told[0]?.id}/read` });
    expect((await notices()).filter((notice) => notice.stayId === stayId)).toEqual([]);
    // The past is as it was, and every prediction, old and new, is made again bit for bit.
    const now = await predictions(stayId);
    expect(now.length).toBeGreaterThan(past.length);
    expect(now.slice(0, past.length)).toEqual(past);
    for (const { id } of now) {
      const report = await answered<ReplayReport>({ method: 'POST', path: `/api/predictions/${id}/replay` });
      expect(report).toMatchObject({ outcome: 'identical', sameRuntime: true, differences: [] });
    }
  });
});
