import { readFileSync } from 'node:fs';
import type { Fact } from '@primum/record';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hourMs } from '../timeline/code-series.ts';
import { appendFacts, createTimeline } from '../timeline/timeline.ts';
import { describeFeatures } from './describe-features.ts';
import { encounterCodes } from './encounter-codes.ts';
import { evaluateFeatures } from './evaluate-features.ts';
import { parseFeatureSet } from './feature-set.ts';

const json: unknown = JSON.parse(readFileSync(new URL('../../../../packs/sepsis/features.json', import.meta.url), 'utf8'));
const sepsis = parseFeatureSet(json);
const t0 = Date.UTC(2026, 0, 1);
const heartRate = '8867-4';

let seq = 0;
const fact = (code: string, value: number | null, hours: number, rest: Partial<Fact> = {}): Fact => {
  seq += 1;
  return { key: `k${seq}`, code, value, effectiveAt: t0 + hours * hourMs, seq, status: 'final', ...rest };
};
const admission = (): Fact[] => [
  fact(encounterCodes.ageYears, 64.25, -5), fact(encounterCodes.sex, 1, -5),
  fact(encounterCodes.hospitalAdmit, 1, -5), fact(encounterCodes.icuAdmit, 1, 0),
];
const vitals = (hours: number): Fact[] => [fact(heartRate, 80, hours), fact('9279-1', 16, hours), fact('59408-5', 97, hours), fact('8480-6', 120, hours)];
const at = (hours: number): number => t0 + hours * hourMs;

const value = (facts: Fact[], name: string, hours: number): number => {
  const index = sepsis.features.findIndex((feature) => feature.name === name);
  if (index < 0) throw new Error(`no feature ${name}`);
  return evaluateFeatures(sepsis, createTimeline(facts), at(hours)).values[index]!;
};

describe('evaluateFeatures', () => {
  it('takes the values of the last completed hour, not those of the running one', () => {
    const facts = [...admission(), fact(heartRate, 80, 0.5), fact(heartRate, 90, 1.5)];
    expect(value(facts, 'heart_rate_last', 1.9)).toBe(80);
    expect(value(facts, 'heart_rate_last', 2)).toBe(90);
  });

  it('counts an hour from just after its start to its end, the admission itself to the first', () => {
    const facts = [...admission(), fact(heartRate, 70, 0), fact(heartRate, 90, 1)];
    expect(value(facts, 'heart_rate_last', 1)).toBe(80);
    expect(value(facts, 'heart_rate_last', 2)).toBe(80);
    expect(value([...admission(), fact(heartRate, 70, -0.001)], 'heart_rate_last', 1)).toBeNaN();
  });

  it('summarises an hour by its median', () => {
    const facts = [...admission(), ...[100, 60, 80, 62].map((rate, index) => fact(heartRate, rate, 0.1 + index / 10))];
    expect(value(facts, 'heart_rate_last', 1)).toBe(71);
  });

  it('gives windows, trends, changes, ratios and ages', () => {
    const facts = [
      ...admission(), ...[90, 92, 94, 99].map((rate, index) => fact(heartRate, rate, index + 0.5)),
      fact('8480-6', 110, 3.5), fact('8462-4', 70, 3.5), fact('2160-0', 1, 0.5), fact('2160-0', 1.75, 3.25),
    ];
    expect(value(facts, 'heart_rate_max_12h', 4)).toBe(99);
    expect(value(facts, 'heart_rate_mean_24h', 4)).toBe(93.75);
    expect(value(facts, 'heart_rate_slope_6h', 4)).toBeCloseTo(2.9, 5); // numpy.polyfit([0,1,2,3],[90,92,94,99],1)
    expect(value(facts, 'heart_rate_slope_6h', 1)).toBeNaN();
    expect(value(facts, 'creatinine_change_48h', 4)).toBe(0.75);
    expect(value(facts, 'creatinine_change_48h', 3)).toBeNaN();
    expect(value(facts, 'shock_index', 4)).toBeCloseTo(0.9, 6);
    expect(value(facts, 'pulse_pressure', 4)).toBe(40);
    expect(value(facts, 'creatinine_hours_since', 4)).toBe(0.75);
    expect(value(facts, 'creatinine_hours_since', 9)).toBe(5.75);
    expect(value(facts, 'dbp_hours_measured_24h', 4)).toBe(1);
    expect(value(facts, 'dbp_hours_measured_24h', 40)).toBe(0);
    expect(value(facts, 'hours_in_icu', 4.5)).toBe(4);
    expect(value(facts, 'hours_before_icu', 4)).toBe(5);
    expect(value(facts, 'age', 4)).toBe(64.25);
    expect(value(facts, 'lactate_last', 4)).toBeNaN();
  });

  it('lets a correction replace, a retraction remove and an implausible value count as missing', () => {
    const first = fact(heartRate, 180, 0.5);
    const facts = [...admission(), first];
    const corrected = [...facts, { ...first, value: 80, seq: 1_000, status: 'corrected' as const }];
    const retracted = [...corrected, { ...first, seq: 1_001, status: 'retracted' as const }];
    expect(value(corrected, 'heart_rate_last', 1)).toBe(80);
    expect(value(retracted, 'heart_rate_last', 1)).toBeNaN();
    expect(value([...admission(), fact(heartRate, null, 0.5, { flag: 'implausible' })], 'heart_rate_last', 1)).toBeNaN();
    expect(value([...retracted, first], 'heart_rate_last', 1)).toBeNaN(); // an older row does not revive a key
  });

  it('withholds when a required input is older than its limit', () => {
    const timeline = createTimeline([...admission(), ...vitals(0.5), ...vitals(1.5).filter((item) => item.code !== '8480-6')]);
    expect(evaluateFeatures(sepsis, timeline, at(2)).required).toEqual({ ok: true });
    expect(evaluateFeatures(sepsis, timeline, at(3)).required).toEqual({
      ok: false, missing: [{ label: 'Blood pressure', ageHours: 2.5, maxAgeHours: 2 }],
    });
    appendFacts(timeline, [fact('8478-0', 75, 2.5)]); // a mean pressure does as well
    expect(evaluateFeatures(sepsis, timeline, at(3)).required).toEqual({ ok: true });
    expect(evaluateFeatures(sepsis, createTimeline(admission()), at(3)).required).toMatchObject({ ok: false, missing: [{ ageHours: null }, {}, {}, {}] });
  });

  it.each([
    ['not-in-icu', [fact(encounterCodes.icuDischarge, 1, 2)], 3],
    ['dead', [fact(encounterCodes.death, 1, 2)], 3],
    ['comfort-care', [fact(encounterCodes.comfortCare, 1, 2)], 3],
    ['under-age', [fact(encounterCodes.ageYears, 17.99, -4)], 3],
    ['no-completed-hour', [], 0.9],
  ] as const)('enforces the intended use: %s', (reason, extra, hours) => {
    const timeline = createTimeline([...admission(), ...vitals(0.5), ...extra]);
    expect(evaluateFeatures(sepsis, timeline, at(hours)).eligible).toEqual({ ok: false, reasons: [reason] });
  });

  it('is eligible before the event, after a withdrawn one, and again in a new ICU stay', () => {
    const dead = fact(encounterCodes.death, 1, 2);
    expect(evaluateFeatures(sepsis, createTimeline([...admission(), dead]), at(1.5)).eligible).toEqual({ ok: true });
    expect(evaluateFeatures(sepsis, createTimeline([...admission(), dead, { ...dead, seq: 9_999, status: 'retracted' }]), at(3)).eligible).toEqual({ ok: true });
    const again = createTimeline([...admission(), fact(encounterCodes.icuDischarge, 1, 2), fact(encounterCodes.icuAdmit, 1, 10), fact(heartRate, 70, 1), fact(heartRate, 90, 10.5)]);
    const evaluation = evaluateFeatures(sepsis, again, at(12));
    expect(evaluation).toMatchObject({ eligible: { ok: true }, hour: 2 });
    expect(evaluation.values[sepsis.features.findIndex((feature) => feature.name === 'heart_rate_max_12h')]).toBe(90);
  });

  it('names the age as unknown rather than assuming an adult', () => {
    const timeline = createTimeline(admission().filter((item) => item.code !== encounterCodes.ageYears));
    expect(evaluateFeatures(sepsis, timeline, at(2)).eligible).toEqual({ ok: false, reasons: ['age-unknown'] });
  });
});

const arbitraryFacts = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 25 }), code: fc.constantFrom(heartRate, '8480-6', '2524-7', '8310-5'),
    value: fc.option(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { freq: 6 }),
    minutes: fc.integer({ min: -120, max: 60 * 30 }), status: fc.constantFrom('final', 'corrected', 'retracted', 'preliminary'),
  }), { maxLength: 60 },
).map((rows): Fact[] => [
  ...[[encounterCodes.ageYears, 50], [encounterCodes.hospitalAdmit, 1], [encounterCodes.icuAdmit, 1]].map(([code, number], index) => ({
    key: `a${index}`, code: String(code), value: Number(number), effectiveAt: t0, seq: index + 1, status: 'final' as const,
  })),
  ...rows.map(({ key, code, value: number, minutes, status }, index): Fact => ({
    key: `k${key}`, code, value: number, effectiveAt: t0 + minutes * 60_000, seq: index + 10, status: status as Fact['status'], // one of its members
  })),
]);

describe('properties', () => {
  it('online in any order = batch, bit for bit, at each hour', () => {
    fc.assert(fc.property(arbitraryFacts, fc.infiniteStream(fc.nat()), (facts, random) => {
      const order = facts.map((item) => ({ item, rank: random.next().value })).sort((a, b) => a.rank - b.rank).map(({ item }) => item);
      const online = createTimeline();
      order.forEach((item, index) => {
        appendFacts(online, [item, order[index >> 1]!]); // duplicates too
        evaluateFeatures(sepsis, online, at(1 + (index % 30))); // the index is built and rebuilt on the way
      });
      const batch = createTimeline(facts);
      for (let hour = 0; hour <= 31; hour += 1) {
        expect(evaluateFeatures(sepsis, online, at(hour))).toEqual(evaluateFeatures(sepsis, batch, at(hour)));
      }
    }), { numRuns: 40 });
  });

  it('features at a past pin are the same whenever they are asked', () => {
    fc.assert(fc.property(arbitraryFacts, fc.integer({ min: 3, max: 60 }), fc.integer({ min: 1, max: 30 }), (facts, pin, hour) => {
      const then = createTimeline(facts.filter((item) => item.seq <= pin));
      const later = createTimeline(facts, pin);
      expect(evaluateFeatures(sepsis, later, at(hour))).toEqual(evaluateFeatures(sepsis, then, at(hour)));
    }), { numRuns: 60 });
  });

  it('facts effective after the hour change nothing', () => {
    fc.assert(fc.property(arbitraryFacts, fc.integer({ min: 1, max: 25 }), (facts, hour) => {
      const seen = facts.filter((item) => item.effectiveAt <= at(hour));
      const last = new Map(facts.map((item) => [item.key, item])); // a later row may move a key across the hour
      fc.pre([...last.values()].every((item) => item.effectiveAt <= at(hour) || !seen.some((earlier) => earlier.key === item.key)));
      fc.pre(seen.every((item) => !facts.some((other) => other.key === item.key && other.effectiveAt > at(hour))));
      expect(evaluateFeatures(sepsis, createTimeline(facts), at(hour)).values).toEqual(evaluateFeatures(sepsis, createTimeline(seen), at(hour)).values);
    }), { numRuns: 60 });
  });
});

describe('describeFeatures', () => {
  it('shows value, age and the facts behind it, and groups a missing value as missing', () => {
    const low = fact('8480-6', 88, 1.25);
    const timeline = createTimeline([...admission(), fact('8480-6', 120, 0.5), low]);
    const evaluation = evaluateFeatures(sepsis, timeline, at(3));
    const described = describeFeatures(sepsis, timeline, evaluation);
    expect(described.find((item) => item.name === 'sbp_last')).toMatchObject({ value: 88, ageHours: 1.75, effectiveAt: low.effectiveAt, keys: [low.key], group: 'physiology' });
    expect(described.find((item) => item.name === 'sbp_min_12h')?.keys).toHaveLength(2);
    expect(described.find((item) => item.name === 'lactate_last')).toMatchObject({ value: null, group: 'missing', keys: [] });
    expect(described.find((item) => item.name === 'hours_in_icu')).toMatchObject({ value: 3, group: 'process' });
  });
});

describe('parseFeatureSet', () => {
  it('refuses what the evaluator could not honour', () => {
    const broken = (change: object): unknown => ({ ...(json as object), ...change }); // the parsed file is an object
    expect(() => parseFeatureSet(broken({ eligibility: { minAgeYears: 18, inIcu: false, alive: true, comfortCare: false } }))).toThrow(/eligibility/);
    expect(() => parseFeatureSet(broken({ features: [{ name: 'x' }] }))).toThrow(/features\[0\]/);
    expect(() => parseFeatureSet(broken({ features: [sepsis.features[0], sepsis.features[0]] }))).toThrow(/twice/);
    expect(() => parseFeatureSet(broken({ features: [{ ...sepsis.features[0], aggregate: 'max', windowHours: 0 }] }))).toThrow(/windowHours/);
  });

  it('has a digest that a change of any feature changes', () => {
    const text = JSON.stringify(json);
    expect(parseFeatureSet(JSON.parse(text)).digest).toBe(sepsis.digest);
    expect(parseFeatureSet(JSON.parse(text.replace('"windowHours":12', '"windowHours":11'))).digest).not.toBe(sepsis.digest);
  });
});
