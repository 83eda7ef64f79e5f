import type { Statistic } from './bootstrap.ts';
import { addRow, fitIntercept, fitPlatt, newtonStep, type LogisticSums } from './platt.ts';
import { stayOfRows, type ScoredStays } from './scored-stays.ts';

export type CalibrationName = 'calibrationSlope' | 'calibrationIntercept' | 'ece' | 'brier';

/** Mean prediction and observed rate of one bin. */
export type ReliabilityBin = { rows: number; events: number; meanProbability: number; observedRate: number };

const binCount = 10;

/**
 * Calibration slope (Cox 1958; 1 is right), calibration in the large (intercept at slope 1; 0 is right), expected
 * calibration error over ten bins of equal row count, and the Brier score.
 *
 * In a replicate, slope and intercept take one Newton step from the sample's estimates (the one-step bootstrap), with
 * gradient and Hessian summed per stay beforehand, so that a replicate costs the number of stays and not of rows.
 */
export function calibrationStatistics(scored: ScoredStays): Statistic<CalibrationName> {
  const { probabilities, labels, stays } = scored;
  const margins = probabilities.map(logit);
  const fitted = fitPlatt(margins, labels);
  const large = fitIntercept(margins, labels);
  const joint: LogisticSums[] = [];
  const fixed: LogisticSums[] = [];
  const squares = new Float64Array(stays.length);
  stays.forEach(({ start, end }, index) => {
    const atFit = zeroSums();
    const atLarge = zeroSums();
    for (let row = start; row < end; row += 1) {
      addRow(atFit, margins, labels, fitted.slope, fitted.intercept, row);
      addRow(atLarge, margins, labels, 1, large, row);
      squares[index]! += (probabilities[row]! - labels[row]!) ** 2;
    }
    joint.push(atFit);
    fixed.push(atLarge);
  });
  const bins = equalCountBins(probabilities);
  const stayOf = stayOfRows(scored);
  return (weights) => {
    const atFit = zeroSums();
    const atLarge = zeroSums();
    let rows = 0;
    let square = 0;
    for (let index = 0; index < stays.length; index += 1) {
      const weight = weights[index]!;
      if (weight === 0) continue;
      addSums(atFit, joint[index]!, weight);
      addSums(atLarge, fixed[index]!, weight);
      rows += weight * (stays[index]!.end - stays[index]!.start);
      square += weight * squares[index]!;
    }
    return {
      calibrationSlope: fitted.slope + newtonStep(atFit).dSlope,
      calibrationIntercept: large + atLarge.gradient0 / atLarge.hessian00,
      ece: expectedCalibrationError(scored, bins, stayOf, weights, rows),
      brier: square / rows,
    };
  };
}

/** Reliability diagram: ten bins of equal row count, in rising probability. */
export function reliabilityBins({ probabilities, labels }: ScoredStays): ReliabilityBin[] {
  const bins = equalCountBins(probabilities);
  const found = Array.from({ length: binCount }, () => ({ rows: 0, events: 0, sum: 0 }));
  for (let row = 0; row < labels.length; row += 1) {
    const bin = found[bins[row]!]!;
    bin.rows += 1;
    bin.events += labels[row]!;
    bin.sum += probabilities[row]!;
  }
  return found.filter(({ rows }) => rows > 0).map(({ rows, events, sum }) => ({ rows, events, meanProbability: sum / rows, observedRate: events / rows }));
}

function expectedCalibrationError({ probabilities, labels }: ScoredStays, bins: Uint8Array, stayOf: Uint32Array, weights: Uint8Array, rows: number): number {
  const gaps = new Float64Array(binCount);
  for (let row = 0; row < labels.length; row += 1) gaps[bins[row]!]! += weights[stayOf[row]!]! * (probabilities[row]! - labels[row]!);
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows;
}

/** Bin of each row; equal probabilities stay in one bin. */
function equalCountBins(probabilities: Float64Array): Uint8Array {
  const sorted = probabilities.slice().sort();
  const edges = Array.from({ length: binCount - 1 }, (_, index) => sorted[Math.floor(((index + 1) * sorted.length) / binCount)]!);
  return Uint8Array.from(probabilities, (value) => edges.reduce((bin, edge) => bin + (value >= edge ? 1 : 0), 0));
}

function addSums(into: LogisticSums, from: LogisticSums, weight: number): void {
  into.gradient0 += weight * from.gradient0;
  into.gradient1 += weight * from.gradient1;
  into.hessian00 += weight * from.hessian00;
  into.hessian01 += weight * from.hessian01;
  into.hessian11 += weight * from.hessian11;
}

const zeroSums = (): LogisticSums => ({ gradient0: 0, gradient1: 0, hessian00: 0, hessian01: 0, hessian11: 0 });

/** Log-odds, kept finite for probabilities of 0 and 1. */
function logit(probability: number): number {
  const p = Math.min(Math.max(probability, 1e-15), 1 - 1e-15);
  return Math.log(p / (1 - p));
}
