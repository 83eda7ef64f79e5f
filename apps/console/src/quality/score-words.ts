import type { QualityPage } from '@primum/contract';

export type Score = QualityPage['sources'][number]['scores']['validity'];

/** Below this a score asks to be looked at: one value in twenty. */
export const lowScore = 0.95;

/** Rounded down, so that 100 % is said of what is whole only. */
export function scoreText({ value }: Score): string {
  if (value === null) return 'no data';
  return value === 1 ? '100 %' : `${(Math.floor(value * 1_000) / 10).toFixed(1)} %`;
}

export const isLow = ({ value }: Score): boolean => value !== null && value < lowScore;

/** The days of a trend in words: where it began, where it stands, its worst. */
export function trendText(days: readonly Score[]): string {
  const known = days.filter(({ value }) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return 'No data by day yet';
  const worst = known.reduce((least, each) => ((each.value ?? 1) < (least.value ?? 1) ? each : least));
  return `${known.length} days with data: from ${scoreText(first)} to ${scoreText(last)}, lowest ${scoreText(worst)}`;
}
