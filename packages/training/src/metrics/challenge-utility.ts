import type { Statistic } from './bootstrap.ts';
import { descendingOrder } from './rank-statistics.ts';
import type { ScoredStays } from './scored-stays.ts';

/**
 * The utility of the PhysioNet/Computing in Cardiology Challenge 2019 (Reyna et al., Critical Care Medicine 48:210,
 * 2020; function `compute_prediction_utility` of its scoring code). Time is in hours relative to onset, which is six
 * hours after the first positive label. A positive prediction in a septic stay earns up to 1, reached six hours before
 * onset, rising from twelve hours before (earlier: as a false alarm) and falling to 0 three hours after; a negative one
 * costs up to 2, growing from six hours before onset to three hours after; a positive one in another stay costs 0.05.
 */
const dtEarly = -12;
const dtOptimal = -6;
const dtLate = 3;
const maxTruePositive = 1;
const minFalseNegative = -2;
const falsePositive = -0.05;

/** Utility of a positive and of a negative prediction at each hour of a stay. */
export function hourlyUtilities(labels: Uint8Array): { positive: Float64Array; negative: Float64Array } {
  const first = labels.indexOf(1);
  const positive = new Float64Array(labels.length);
  const negative = new Float64Array(labels.length);
  for (let hour = 0; hour < labels.length; hour += 1) {
    if (first < 0) {
      positive[hour] = falsePositive;
      continue;
    }
    const toOnset = hour - (first - dtOptimal);
    if (toOnset > dtLate) continue;
    if (toOnset <= dtOptimal) {
      positive[hour] = Math.max((maxTruePositive * (toOnset - dtEarly)) / (dtOptimal - dtEarly), falsePositive);
    } else {
      positive[hour] = (maxTruePositive * (dtLate - toOnset)) / (dtLate - dtOptimal);
      negative[hour] = (minFalseNegative * (toOnset - dtOptimal)) / (dtLate - dtOptimal);
    }
  }
  return { positive, negative };
}

/**
 * Normalised utility of predictions p ≥ threshold: 0 is to predict nothing, 1 the best possible. `thresholds` holds
 * one per stay, so that each stay can be judged by a threshold that was chosen without it.
 */
export function utilityStatistic(scored: ScoredStays, thresholds: ArrayLike<number>): Statistic<'utility'> {
  const { probabilities, labels, stays } = scored;
  const gained = new Float64Array(stays.length);
  const possible = new Float64Array(stays.length);
  stays.forEach(({ start, end }, index) => {
    const { positive, negative } = hourlyUtilities(labels.subarray(start, end));
    const septic = labels.subarray(start, end).includes(1);
    const first = labels.subarray(start, end).indexOf(1) - dtOptimal;
    for (let row = start; row < end; row += 1) {
      const hour = row - start;
      const difference = positive[hour]! - negative[hour]!;
      if (probabilities[row]! >= thresholds[index]!) gained[index]! += difference;
      if (septic && hour >= first + dtEarly && hour <= first + dtLate) possible[index]! += difference;
    }
  });
  return (weights) => {
    let gain = 0;
    let best = 0;
    for (let index = 0; index < stays.length; index += 1) {
      gain += weights[index]! * gained[index]!;
      best += weights[index]! * possible[index]!;
    }
    return { utility: gain / best };
  };
}

/** The threshold with the highest utility on these stays (predict where p ≥ threshold). */
export function bestUtilityThreshold({ probabilities, labels, stays }: ScoredStays): number {
  const differences = new Float64Array(labels.length);
  for (const { start, end } of stays) {
    const { positive, negative } = hourlyUtilities(labels.subarray(start, end));
    for (let row = start; row < end; row += 1) differences[row] = positive[row - start]! - negative[row - start]!;
  }
  const order = descendingOrder(probabilities);
  let sum = 0;
  let best = 0;
  let threshold = Number.POSITIVE_INFINITY;
  for (let at = 0; at < order.length; at += 1) {
    sum += differences[order[at]!]!;
    const tied = at + 1 < order.length && probabilities[order[at + 1]!] === probabilities[order[at]!];
    if (tied || sum <= best) continue;
    best = sum;
    threshold = probabilities[order[at]!]!;
  }
  return threshold;
}
