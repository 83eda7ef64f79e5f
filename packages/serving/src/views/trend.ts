/** One outcome on the risk trend: the last that was made for its hour. */
export type TrendPoint = { asOf: number; status: string; probability: number | null };

const hourMs = 3_600_000;

/** Odds that at least doubled (halved) over the span, for a risk that is not negligible. */
const oddsFactor = 2;
const negligible = 0.01;

export type Direction = 'rising' | 'steady' | 'falling';

/**
 * [hours before now, probability or null] over the last `hours`, oldest first. An hour without a score — withheld,
 * ineligible or never computed — is a gap (null), never a line drawn across.
 */
export function trendBefore(points: readonly TrendPoint[], now: number, hours: number): [number, number | null][] {
  const from = now - hours * hourMs;
  const result: [number, number | null][] = [];
  let previous: number | null = null;
  for (const point of points) {
    if (point.asOf < from || point.asOf > now) continue;
    if (previous !== null && point.asOf - previous > 1.5 * hourMs) result.push([hoursBefore(previous + hourMs, now), null]);
    result.push([hoursBefore(point.asOf, now), point.status === 'scored' ? point.probability : null]);
    previous = point.asOf;
  }
  return result;
}

/** Probability now minus that of `hours` earlier; null where either hour has no score. */
export function changeOver(points: readonly TrendPoint[], asOf: number, hours: number): number | null {
  const then = scoreAt(points, asOf - hours * hourMs);
  const now = scoreAt(points, asOf);
  return then === null || now === null ? null : now - then;
}

/** Judged by odds, since most risks are small: 1 % to 3 % is rising, 40 % to 42 % is not. */
export function directionOf(points: readonly TrendPoint[], asOf: number, hours: number): Direction {
  const then = scoreAt(points, asOf - hours * hourMs);
  const now = scoreAt(points, asOf);
  if (then === null || now === null) return 'steady';
  const ratio = odds(now) / odds(then);
  if (ratio >= oddsFactor && now >= negligible) return 'rising';
  return ratio <= 1 / oddsFactor && then >= negligible ? 'falling' : 'steady';
}

function scoreAt(points: readonly TrendPoint[], at: number): number | null {
  const point = points.findLast((candidate) => Math.abs(candidate.asOf - at) < 1_000 && candidate.status === 'scored');
  return point?.probability ?? null;
}

function odds(probability: number): number {
  const p = Math.min(Math.max(probability, 1e-6), 1 - 1e-6);
  return p / (1 - p);
}

function hoursBefore(at: number, now: number): number {
  return Math.round(((at - now) / hourMs) * 100) / 100;
}
