import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTimeline, evaluateFeatures, parseFeatureSet, physionetSource, physionetStays, rowEffectiveAt, rowKnownAt, stayToFacts, type PhysionetStay } from '@primum/datasets';
import { identityTokens, registerSource } from '@primum/ingest';
import { readFacts, type Fact } from '@primum/record';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { columnUnits } from '../apps/primum/src/import-physionet/run-import.ts';
import { physionetApplication, stayToMessages } from '../apps/primum/src/import-physionet/stay-to-messages.ts';
import { createTestIngest, tenant, type TestIngest } from '../packages/ingest/src/testing/test-ingest.ts';
import { sharedData } from './support/available.ts';

const data = sharedData();
const featureSet = parseFeatureSet(JSON.parse(readFileSync(join(import.meta.dirname, '..', 'packs', 'sepsis', 'features.json'), 'utf8')));
const icuAdmitAt = Date.UTC(2026, 4, 1, 6);
const facilities = { 'physionet2019-a': 'PN2019A', 'physionet2019-b': 'PN2019B' } as const;
/** Bits, so that a missing value equals itself and −0 is not 0. */
const bits = (values: Float32Array): Buffer => Buffer.from(values.buffer, values.byteOffset, values.byteLength);

/** Real stays of a hospital: the first ones, the first septic ones, and those whose rows ask most of the mapping. */
async function chosenStays(hospital: 'a' | 'b'): Promise<PhysionetStay[]> {
  const wanted = new Map<string, { left: number; fits(stay: PhysionetStay): boolean }>([
    ['first', { left: 3, fits: () => true }],
    ['septic', { left: 3, fits: ({ rows }) => rows.some(({ label }) => label === 1) && rows[0]!.label === 0 }],
    ['hours left out', { left: 1, fits: ({ rows }) => rows.at(-1)!.hour > rows.length }],
    ['unit unknown', { left: 1, fits: ({ unit }) => unit === null }],
    ['implausible', { left: 2, fits: (stay) => factsOf(stay).facts.some(({ flag }) => flag === 'implausible') }],
  ]);
  const chosen: PhysionetStay[] = [];
  let read = 0;
  for await (const stay of physionetStays(join(data!, 'sepsis2019', `hospital-${hospital}.csv.gz`))) { // run only where the data is
    const reason = [...wanted.values()].find(({ left, fits }) => left > 0 && fits(stay));
    if (reason !== undefined) {
      reason.left -= 1;
      chosen.push(stay);
    }
    read += 1;
    if (read === 400 || [...wanted.values()].every(({ left }) => left === 0)) break;
  }
  return chosen;
}

let ingest: TestIngest;
const factsOf = (stay: PhysionetStay): { facts: Fact[]; pins: number[] } => stayToFacts(stay, { icuAdmitAt, codes: ingest.codes });
const messagesOf = (stay: PhysionetStay, run: string): string[] => {
  const source = physionetSource(stay.id);
  return Array.from(stayToMessages(stay, { icuAdmitAt, facility: facilities[source], bed: '01', run, columnUnits: columnUnits(ingest.codes, source) }), ({ text }) => text);
};
async function rootOf(stay: PhysionetStay, run: string): Promise<string> {
  const tokens = identityTokens(ingest.keys, tenant, [{ value: `${stay.id}-${run}`, authority: facilities[physionetSource(stay.id)], type: 'MR' }]);
  const [found] = await ingest.db.query<{ id: string }>('select patient_id as id from patient_identifier where token = $1', [Buffer.from(tokens[0]!, 'hex')]);
  return found!.id;
}
/** What a fact says, without the key and the sequence that each path gives it, and without a number's digits as they were sent. */
const said = (facts: readonly Fact[]): string[] =>
  facts.map(({ code, value, text, effectiveAt, status, flag }) => JSON.stringify([code, value, Object.is(value, -0), value === null ? text ?? null : null, effectiveAt, status, flag ?? null]));
const featuresAt = (facts: readonly Fact[], hour: number): Buffer => bits(evaluateFeatures(featureSet, createTimeline(facts), rowKnownAt(icuAdmitAt, hour)).values);

describe.skipIf(data === undefined)('real stays through HL7 and the record', () => {
  beforeAll(async () => {
    ingest = await createTestIngest();
    for (const [mapping, facility] of Object.entries(facilities)) {
      await registerSource(ingest.db, { tenant, application: physionetApplication, facility, siteCode: facility, siteName: facility, mapping, clockRate: 0 });
    }
  });
  afterAll(async () => { await ingest?.close(); });

  it.each(['a', 'b'] as const)('hospital %s: the record holds what the file says, and gives the same features to the bit at every hour', async (hospital) => {
    const stays = await chosenStays(hospital);
    expect(stays.length).toBeGreaterThanOrEqual(8);
    expect(stays.filter(({ rows }) => rows.some(({ label }) => label === 1)).length).toBeGreaterThanOrEqual(3);
    await ingest.send(...stays.flatMap((stay) => messagesOf(stay, 'all')));
    expect(await ingest.reasons()).toEqual([]);
    const differing: string[] = [];
    let compared = 0;
    for (const stay of stays) {
      const direct = factsOf(stay);
      const rootId = await rootOf(stay, 'all');
      const { rows } = await readFacts(ingest.db, { tenant, rootId });
      expect({ stay: stay.id, facts: said(rows).sort() }).toEqual({ stay: stay.id, facts: said(direct.facts).sort() });
      for (const { value, text } of rows) if (value !== null && text !== undefined) expect(Number(text)).toBe(value);
      // What was known together stays in order: by sequence, the measurements follow each other as in the file.
      const measured = (facts: readonly Fact[]): number[] => facts.filter(({ code }) => code === '8867-4').map(({ effectiveAt }) => effectiveAt);
      expect(measured(rows)).toEqual(measured(direct.facts));
      for (const { hour } of stay.rows) {
        compared += 1;
        const pin = Math.max(...rows.filter(({ effectiveAt }) => effectiveAt <= rowEffectiveAt(icuAdmitAt, hour)).map(({ seq }) => seq));
        const known = rows.filter(({ seq }) => seq <= pin);
        const expected = featuresAt(direct.facts.filter(({ seq }) => seq <= direct.pins[hour]!), hour);
        if (!featuresAt(known, hour).equals(expected)) differing.push(`${stay.id} hour ${hour}`);
        // Nothing that became known later changes what an hour looked like.
        if (!featuresAt(rows, hour).equals(expected)) differing.push(`${stay.id} hour ${hour}, known later`);
      }
    }
    expect(differing).toEqual([]);
    expect(compared).toBeGreaterThan(200);
  });

  it('gives the features of a past pin again after later messages', async () => {
    const [stay] = (await chosenStays('b')).filter(({ rows }) => rows.length <= 30);
    const messages = messagesOf(stay!, 'pins');
    const then: { pinSeq: number; hour: number; features: Buffer }[] = [];
    await ingest.send(messages[0]!);
    const rootId = await rootOf(stay!, 'pins');
    for (const [index, { hour }] of stay!.rows.entries()) {
      await ingest.send(messages[index + 1]!);
      const { rows, pinSeq } = await readFacts(ingest.db, { tenant, rootId });
      then.push({ pinSeq, hour, features: featuresAt(rows, hour) });
    }
    await ingest.send(...messages.slice(stay!.rows.length + 1));
    const rowsWithValues = stay!.rows.filter(({ values }) => values.some((value) => !Number.isNaN(value)));
    expect(rowsWithValues.length).toBeGreaterThan(5);
    expect(new Set(then.map(({ pinSeq }) => pinSeq)).size).toBeGreaterThanOrEqual(rowsWithValues.length);
    for (const { pinSeq, hour, features } of then) {
      const { rows } = await readFacts(ingest.db, { tenant, rootId, upToSeq: pinSeq });
      expect({ hour, same: featuresAt(rows, hour).equals(features) }).toEqual({ hour, same: true });
      expect({ hour, same: features.equals(featuresAt(factsOf(stay!).facts, hour)) }).toEqual({ hour, same: true });
    }
  });
});
