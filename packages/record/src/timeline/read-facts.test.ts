import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uuidv7 } from '@primum/base';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { latestReadings } from './latest-readings.ts';
import { readFacts } from './read-facts.ts';
import { writeFacts, type NewFact } from './write-facts.ts';

const tenant = 1;
let db: Db;
let drop: () => Promise<void>;
let siteId: number;
beforeAll(async () => {
  ({ db, drop } = await createTestDatabase());
  const [site] = await db.query<{ id: number }>("insert into site (tenant, code, name) values (1, 's', 'S') returning id", []);
  siteId = site!.id;
});
afterAll(() => drop());

async function newPatient(knownSeq: number, id = uuidv7()): Promise<string> {
  await db.query('insert into patient (tenant, id, site_id, root_id, known_seq) values ($1, $2, $3, $2, $4)', [tenant, id, siteId, knownSeq]);
  return id;
}
const fact = (patientId: string, n: number, value: number | null, more: Partial<NewFact> = {}): NewFact =>
  ({ patientId, n, key: uuidv7(), code: '8867-4', value, effectiveAt: 1_000 * n, status: 'final', messageId: null, ...more });
const link = (fromId: string, seq: number, intoId: string | null): Promise<unknown> =>
  db.query('insert into patient_link (tenant, from_id, seq, into_id, message_id) values ($1, $2, $3, $4, $5)', [tenant, fromId, seq, intoId, uuidv7()]);
const values = async (rootId: string, upToSeq?: number): Promise<(number | null)[]> =>
  (await readFacts(db, { tenant, rootId, ...(upToSeq === undefined ? {} : { upToSeq }) })).rows.map(({ value }) => value);

describe('readFacts', () => {
  it('gives rows in the order of knowing, with every field as it was written', async () => {
    const id = await newPatient(20);
    const late = fact(id, 0, 1.5, { text: '1.50', effectiveAt: 1_767_225_600_123, flag: 'implausible', status: 'corrected' });
    await writeFacts(db, tenant, 20, [late]);
    await writeFacts(db, tenant, 10, [fact(id, 1, 2), fact(id, 0, 1)]);
    const { rows, pinSeq } = await readFacts(db, { tenant, rootId: id });
    expect(pinSeq).toBe(20);
    expect(rows.map(({ value, seq }) => [value, seq])).toEqual([[1, 10], [2, 10], [1.5, 20]]);
    expect(rows[2]).toEqual({ key: late.key, code: '8867-4', value: 1.5, text: '1.50', effectiveAt: 1_767_225_600_123, seq: 20, status: 'corrected', flag: 'implausible' });
    expect((await readFacts(db, { tenant, rootId: id, sinceSeq: 10 })).rows.map(({ value }) => value)).toEqual([1.5]);
    expect(await values(id, 19)).toEqual([1, 2]);
  });

  it('has a pin for a patient without facts, and none for nobody', async () => {
    expect(await readFacts(db, { tenant, rootId: await newPatient(7) })).toEqual({ rows: [], pinSeq: 7 });
    expect(await readFacts(db, { tenant, rootId: uuidv7() })).toEqual({ rows: [], pinSeq: 0 });
  });

  it('follows the links as they stood at the pin, through chains and after they were undone', async () => {
    const [a, b, c] = [await newPatient(90), await newPatient(90), await newPatient(90)];
    await writeFacts(db, tenant, 31, [fact(a, 0, 1)]);
    await writeFacts(db, tenant, 32, [fact(b, 0, 2)]);
    await writeFacts(db, tenant, 33, [fact(c, 0, 3)]);
    await link(c, 40, b); // c into b
    await link(b, 50, a); // b, and c with it, into a
    await link(b, 60, null); // undone
    await writeFacts(db, tenant, 70, [fact(b, 0, 4)]);
    expect([await values(a, 39), await values(b, 39), await values(b, 40)]).toEqual([[1], [2], [2, 3]]);
    expect([await values(a, 49), await values(a, 50), await values(a, 59)]).toEqual([[1], [1, 2, 3], [1, 2, 3]]);
    expect([await values(a, 60), await values(b, 60), await values(b, 70)]).toEqual([[1], [2, 3], [2, 3, 4]]);
  });
});

describe('latestReadings', () => {
  it('gives the latest standing value of each code: corrected, missing, but not withdrawn', async () => {
    const id = await newPatient(20);
    const [hr, temp, withdrawn] = [uuidv7(), uuidv7(), uuidv7()];
    await writeFacts(db, tenant, 10, [
      fact(id, 1, 80), fact(id, 2, 90, { key: hr }), fact(id, 3, 37, { key: temp, code: '8310-5' }), fact(id, 9, 200, { key: withdrawn }),
    ]);
    await writeFacts(db, tenant, 20, [
      fact(id, 0, 95, { key: hr, effectiveAt: 2_000, status: 'corrected', text: '95' }),
      fact(id, 1, null, { key: withdrawn, effectiveAt: 9_000, status: 'retracted' }),
      fact(id, 2, null, { code: '8310-5', effectiveAt: 8_000, flag: 'implausible' }),
    ]);
    const readings = await latestReadings(db, { tenant, rootIds: [id], codes: ['8867-4', '8310-5', '9279-1'], sinceMs: 0 });
    expect(readings).toEqual([
      { rootId: id, code: '8310-5', value: null, text: null, effectiveAt: 8_000, flag: 'implausible', corrected: false },
      { rootId: id, code: '8867-4', value: 95, text: '95', effectiveAt: 2_000, flag: null, corrected: true },
    ]);
  });
});
