import { readFileSync } from 'node:fs';
import { parseAlertPolicy } from '@primum/registry';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../gbdt/random.ts';
import { alertStatistics, simulateAlerts } from './alert-statistics.ts';
import { bootstrapByStay, quantile } from './bootstrap.ts';
import { calibrationStatistics, reliabilityBins } from './calibration-statistics.ts';
import { bestUtilityThreshold, hourlyUtilities, utilityStatistic } from './challenge-utility.ts';
import { fitPlatt } from './platt.ts';
import { rankStatistics } from './rank-statistics.ts';
import { selectStays, type ScoredStays } from './scored-stays.ts';

type Referee = {
  stays: [number, number][]; probabilities: number[]; labels: number[]; weights: number[]; quantiles: number[];
  auroc: number; auprc: number; aurocWeighted: number; auprcWeighted: number; brier: number; ece: number;
  slope: number; jointIntercept: number; intercept: number; slopeWeighted: number; interceptWeighted: number;
  utilityByThreshold: Record<string, number>; publishedExample: number;
};
// The file is written by make-metrics.py with these fields.
const referee = JSON.parse(readFileSync(new URL('../../fixtures/metrics.json', import.meta.url), 'utf8')) as Referee;
const scored: ScoredStays = {
  probabilities: Float64Array.from(referee.probabilities), labels: Uint8Array.from(referee.labels),
  stays: referee.stays.map(([start, end]) => ({ start, end })),
};
const ones = new Uint8Array(scored.stays.length).fill(1);
const weights = Uint8Array.from(referee.weights);

describe('against sklearn and scipy', () => {
  it('AUROC and average precision, unweighted and with stay weights, ties included', () => {
    const statistic = rankStatistics(scored);
    expect(statistic(ones).auroc).toBeCloseTo(referee.auroc, 12);
    expect(statistic(ones).auprc).toBeCloseTo(referee.auprc, 12);
    expect(statistic(weights).auroc).toBeCloseTo(referee.aurocWeighted, 12);
    expect(statistic(weights).auprc).toBeCloseTo(referee.auprcWeighted, 12);
  });

  it('calibration slope and intercept, ECE, Brier', () => {
    const statistic = calibrationStatistics(scored);
    const found = statistic(ones);
    expect(found.calibrationSlope).toBeCloseTo(referee.slope, 5);
    expect(found.calibrationIntercept).toBeCloseTo(referee.intercept, 5);
    expect(found.ece).toBeCloseTo(referee.ece, 12);
    expect(found.brier).toBeCloseTo(referee.brier, 12);
    const replicate = statistic(weights); // one Newton step comes near, not equal
    expect(Math.abs(replicate.calibrationSlope - referee.slopeWeighted)).toBeLessThan(0.02);
    expect(Math.abs(replicate.calibrationIntercept - referee.interceptWeighted)).toBeLessThan(0.02);
  });

  it('Platt scaling is the logistic fit, and its result is calibrated', () => {
    const margins = scored.probabilities.map((p) => Math.log(p / (1 - p)));
    const { slope, intercept } = fitPlatt(margins, scored.labels);
    expect(slope).toBeCloseTo(referee.slope, 5);
    expect(intercept).toBeCloseTo(referee.jointIntercept, 5);
    const calibrated = { ...scored, probabilities: margins.map((margin) => 1 / (1 + Math.exp(-(slope * margin + intercept)))) };
    expect(calibrationStatistics(calibrated)(ones)).toMatchObject({ calibrationSlope: expect.closeTo(1, 8), calibrationIntercept: expect.closeTo(0, 8) });
  });

  it('quantiles are numpy\'s', () => {
    const sorted = scored.probabilities.slice().sort();
    expect([0.025, 0.5, 0.975].map((fraction) => quantile(sorted, fraction))).toEqual(referee.quantiles.map((value) => expect.closeTo(value, 12)));
  });

  it('challenge utility at every threshold, and the best one', () => {
    let best = Number.NEGATIVE_INFINITY;
    for (const [text, expected] of Object.entries(referee.utilityByThreshold)) {
      const thresholds = new Float64Array(scored.stays.length).fill(Number(text));
      expect(utilityStatistic(scored, thresholds)(ones).utility).toBeCloseTo(expected, 12);
      best = Math.max(best, expected);
    }
    expect(referee.utilityByThreshold[bestUtilityThreshold(scored).toFixed(2)]).toBeCloseTo(best, 12);
  });

  it('the scoring code\'s own example', () => {
    const labels = Uint8Array.of(0, 0, 0, 0, 1, 1);
    const { positive, negative } = hourlyUtilities(labels);
    const total = [0, 0, 1, 1, 1, 1].reduce((sum, prediction, hour) => sum + (prediction === 1 ? positive[hour]! : negative[hour]!), 0);
    expect(total).toBeCloseTo(3.388888888888889, 12);
    expect(referee.publishedExample).toBeCloseTo(3.388888888888889, 12);
  });
});

describe('bootstrapByStay', () => {
  it('is the same under one seed, and covers the estimate', () => {
    const statistic = rankStatistics(scored);
    const first = bootstrapByStay(statistic, scored.stays.length, { seed: 3 });
    expect(bootstrapByStay(statistic, scored.stays.length, { seed: 3 })).toEqual(first);
    expect(first.auroc.low).toBeLessThan(first.auroc.estimate);
    expect(first.auroc.high).toBeGreaterThan(first.auroc.estimate);
  });

  it('has about the width of the normal interval for a mean of independent stays', () => {
    const random = seededRandom(5);
    const values = Float64Array.from({ length: 2_000 }, random);
    const mean = (w: Uint8Array): { mean: number } => ({ mean: values.reduce((sum, value, index) => sum + value * w[index]!, 0) / w.reduce((a, b) => a + b, 0) });
    const { low, high } = bootstrapByStay(mean, values.length, { replicates: 400 }).mean;
    expect((high - low) / ((2 * 1.96 * Math.sqrt(1 / 12)) / Math.sqrt(2_000))).toBeCloseTo(1, 0.6);
  });

  it('weights that repeat a stay equal the repeated sample', () => {
    fc.assert(fc.property(fc.array(fc.nat({ max: scored.stays.length - 1 }), { minLength: 40, maxLength: 80 }), (draws) => {
      const drawn = new Uint8Array(scored.stays.length);
      for (const index of draws) drawn[index]! += 1;
      const repeated = selectStays(scored, draws);
      const all = new Uint8Array(draws.length).fill(1);
      const byWeight = rankStatistics(scored)(drawn);
      const bySample = rankStatistics(repeated)(all);
      if (!Number.isFinite(byWeight.auroc)) return;
      expect(byWeight.auroc).toBeCloseTo(bySample.auroc, 10);
      expect(byWeight.auprc).toBeCloseTo(bySample.auprc, 10);
      const threshold = new Float64Array(draws.length).fill(0.2);
      expect(utilityStatistic(scored, new Float64Array(drawn.length).fill(0.2))(drawn).utility).toBeCloseTo(utilityStatistic(repeated, threshold)(all).utility, 10);
    }), { numRuns: 20 });
  });
});

describe('reliabilityBins', () => {
  it('cover every row, in rising probability', () => {
    const bins = reliabilityBins(scored);
    expect(bins.reduce((sum, bin) => sum + bin.rows, 0)).toBe(scored.labels.length);
    expect(bins.map((bin) => bin.meanProbability)).toEqual(bins.map((bin) => bin.meanProbability).toSorted((a, b) => a - b));
  });
});

describe('alert statistics', () => {
  const policy = parseAlertPolicy({
    id: 'p', version: '1', title: 't', minRealertMinutes: 360, maxSnoozeMinutes: 240,
    tiers: [{ tier: 'watch', raiseAt: 0.1, clearBelow: 0.05 }, { tier: 'high', raiseAt: 0.3, clearBelow: 0.2 }],
  });
  const stay = (hours: number, firstPositive: number | null, high: Record<number, number>): { p: number[]; y: number[] } => ({
    p: Array.from({ length: hours }, (_, hour) => high[hour] ?? 0.01),
    y: Array.from({ length: hours }, (_, hour) => (firstPositive !== null && hour >= firstPositive ? 1 : 0)),
  });
  // Onsets at 26, 16; alerts at 2 (too early) and 20 (6 h of lead); 12 (4 h); a false one at 5; none.
  const parts = [stay(30, 20, { 2: 0.2, 20: 0.4 }), stay(24, 10, { 12: 0.15 }), stay(18, null, { 5: 0.2 }), stay(24, null, {})];
  let at = 0;
  const sample: ScoredStays = {
    probabilities: Float64Array.from(parts.flatMap(({ p }) => p)), labels: Uint8Array.from(parts.flatMap(({ y }) => y)),
    stays: parts.map(({ p }) => ({ start: at, end: (at += p.length) })),
  };
  const none = new Uint8Array(sample.labels.length);

  it('count what a ward would get', () => {
    const alerts = simulateAlerts(policy, sample, none);
    expect(alerts).toEqual([
      { stay: 0, hour: 2, tier: 'watch' }, { stay: 0, hour: 20, tier: 'high' }, { stay: 1, hour: 12, tier: 'watch' }, { stay: 2, hour: 5, tier: 'watch' },
    ]);
    const found = alertStatistics(sample, alerts)(new Uint8Array(4).fill(1));
    expect(found).toEqual({
      alertsPer100PatientDays: 100, ppv12h: 0.5, sensitivity12h: 1, ppvStay: 2 / 3, staysAlerted: 0.75, leadTimeMedianHours: 5,
    });
  });

  it('take the first timely alert for the lead', () => {
    const alerts = [{ stay: 0, hour: 24, tier: 'high' as const }, { stay: 0, hour: 16, tier: 'watch' as const }];
    expect(alertStatistics(sample, alerts)(new Uint8Array(4).fill(1)).leadTimeMedianHours).toBe(10);
    expect(alertStatistics(sample, alerts.toReversed())(new Uint8Array(4).fill(1)).leadTimeMedianHours).toBe(10);
  });

  it('count a stay that is positive from its first row as septic and missed', () => {
    const { p, y } = stay(12, 0, { 2: 0.4 });
    const early: ScoredStays = { probabilities: Float64Array.from(p), labels: Uint8Array.from(y), stays: [{ start: 0, end: 12 }] };
    const alerts = simulateAlerts(policy, early, new Uint8Array(12));
    expect(alertStatistics(early, alerts)(Uint8Array.of(1))).toMatchObject({ ppv12h: 0, sensitivity12h: 0, ppvStay: 1, leadTimeMedianHours: Number.NaN });
  });

  it('a withheld hour neither raises nor clears', () => {
    const withheld = none.slice();
    withheld[sample.stays[1]!.start + 12] = 1;
    expect(simulateAlerts(policy, sample, withheld).filter((alert) => alert.stay === 1)).toEqual([]);
    const flat = none.slice().fill(1, 3, 30); // after the first alert of stay 0 nothing is scored
    expect(simulateAlerts(policy, sample, flat).filter((alert) => alert.stay === 0)).toHaveLength(1);
  });
});
