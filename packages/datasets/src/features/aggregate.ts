import { hourMs, type CodeSeries } from '../timeline/code-series.ts';

/**
 * Aggregates over the hourly medians of one code (see `CodeSeries`), ending with hour `hour`. NaN = missing. Sums run
 * from the earliest hour to the latest, so that a result has one floating-point value however the facts arrived.
 */

/** The latest hour ≤ `hour` that has a value; 0 where none has. */
export function latestHour(series: CodeSeries | undefined, hour: number): number {
  if (series === undefined) return 0;
  const last = series.lastHours.length - 1;
  return last < 1 ? 0 : series.lastHours[hour < last ? hour : last]!;
}

export function lastValue(series: CodeSeries | undefined, hour: number): number {
  const latest = latestHour(series, hour);
  return latest === 0 ? Number.NaN : series!.medians[latest]!; // an hour other than 0 has a series
}

export function hoursSince(series: CodeSeries | undefined, hour: number): number {
  const latest = latestHour(series, hour);
  return latest === 0 ? Number.NaN : (series!.admittedAt + hour * hourMs - series!.lastAts[latest]!) / hourMs; // as above
}

export function hoursMeasured(series: CodeSeries | undefined, hour: number, windowHours: number): number {
  if (series === undefined) return 0;
  const last = series.measured.length - 1;
  if (last < 1) return 0;
  const before = Math.min(Math.max(0, hour - windowHours), last);
  return series.measured[Math.min(hour, last)]! - series.measured[before]!;
}

export function windowValue(series: CodeSeries | undefined, hour: number, windowHours: number, aggregate: 'min' | 'max' | 'mean' | 'slope' | 'delta'): number {
  const latest = latestHour(series, hour);
  const from = Math.max(1, hour - windowHours + 1);
  if (series === undefined || latest < from) return Number.NaN;
  const medians = series.medians;
  if (aggregate === 'slope') return slope(medians, from, latest);
  if (aggregate === 'delta') {
    let first = from;
    while (Number.isNaN(medians[first]!)) first += 1;
    return first === latest ? Number.NaN : medians[latest]! - medians[first]!;
  }
  let result = aggregate === 'min' ? Number.POSITIVE_INFINITY : aggregate === 'max' ? Number.NEGATIVE_INFINITY : 0;
  let count = 0;
  for (let at = from; at <= latest; at += 1) {
    const value = medians[at]!;
    if (Number.isNaN(value)) continue;
    count += 1;
    if (aggregate === 'mean') result += value;
    else if (aggregate === 'min' ? value < result : value > result) result = value;
  }
  return aggregate === 'mean' ? result / count : result;
}

/** Ordinary least squares of the medians on the hour, per hour; hours are counted from `from` to keep sums small. */
function slope(medians: readonly number[], from: number, to: number): number {
  let count = 0;
  let sumX = 0;
  let sumY = 0;
  let sumXX = 0;
  let sumXY = 0;
  for (let at = from; at <= to; at += 1) {
    const y = medians[at]!;
    if (Number.isNaN(y)) continue;
    const x = at - from;
    count += 1;
    sumX += x;
    sumY += y;
    sumXX += x * x;
    sumXY += x * y;
  }
  return count < 2 ? Number.NaN : (count * sumXY - sumX * sumY) / (count * sumXX - sumX * sumX);
}
