import type { RiskPoint, Series } from '@primum/contract';

/** x in seconds of Unix time and y beside it, as uPlot reads them; null is a gap that stays open. */
export type Line = { x: number[]; y: (number | null)[] };

const secondsOf = (instant: string): number => Date.parse(instant) / 1000;

/**
 * The points of a series with its gaps open: where a value is missing, and where nothing came for three times the
 * usual distance between points (at least `leastGapMinutes`), a line would claim what nobody measured.
 */
export function openGaps(points: Series['points'], leastGapMinutes = 90): Line {
  const line: Line = { x: [], y: [] };
  const longest = Math.max(leastGapMinutes * 60, 3 * usualDistance(points));
  for (const { at, value } of points) {
    const x = secondsOf(at);
    const before = line.x.at(-1);
    if (before !== undefined && x - before > longest) {
      line.x.push(before + 1);
      line.y.push(null);
    }
    line.x.push(x);
    line.y.push(value);
  }
  return line;
}

/** Risk hour by hour: an hour without a score is a gap, whether it was withheld or never made. */
export function riskLine(trend: readonly RiskPoint[]): Line {
  return openGaps(trend.map(({ asOf, status, probability }) => ({ at: asOf, value: status === 'scored' ? probability : null, corrected: false, flag: null })), 100);
}

/** Median distance between neighbours, in seconds. */
function usualDistance(points: Series['points']): number {
  const distances = points.slice(1).map(({ at }, index) => secondsOf(at) - secondsOf(points[index]?.at ?? at)).sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? 0;
}

/** The newest point at or before a moment, for reading a chart under the pointer. */
export function valueAt(line: Line, seconds: number): { x: number; y: number | null } | null {
  const index = line.x.findLastIndex((x) => x <= seconds);
  const x = line.x[index];
  return x === undefined ? null : { x, y: line.y[index] ?? null };
}
