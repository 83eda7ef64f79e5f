import { seededRandom } from '../gbdt/random.ts';

/** A statistic with its 95 % interval. */
export type Interval = { estimate: number; low: number; high: number };

/** One value per named statistic, from how often each stay was drawn. */
export type Statistic<Name extends string> = (weights: Uint8Array) => Record<Name, number>;

/**
 * 95 % percentile intervals by the bootstrap over stays (Efron & Tibshirani 1993, chapter 13): hours of one patient
 * are not independent, so whole stays are drawn with replacement. The estimate is that of the sample itself.
 * A replicate in which a statistic is not defined (one class only) is left out of its interval.
 */
export function bootstrapByStay<Name extends string>(
  statistic: Statistic<Name>, stayCount: number, { replicates = 200, seed = 1 }: { replicates?: number; seed?: number } = {},
): Record<Name, Interval> {
  const weights = new Uint8Array(stayCount).fill(1);
  const estimate = statistic(weights);
  const names = Object.keys(estimate) as Name[]; // a record's keys are its names
  const drawn = new Map<Name, number[]>(names.map((name) => [name, []]));
  const random = seededRandom(seed);
  for (let replicate = 0; replicate < replicates; replicate += 1) {
    weights.fill(0);
    for (let draw = 0; draw < stayCount; draw += 1) weights[Math.floor(random() * stayCount)]! += 1;
    const values = statistic(weights);
    for (const name of names) if (Number.isFinite(values[name])) drawn.get(name)!.push(values[name]);
  }
  return Object.fromEntries(names.map((name) => {
    const sorted = Float64Array.from(drawn.get(name)!).sort();
    return [name, { estimate: estimate[name], low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }];
  })) as Record<Name, Interval>; // one entry per name
}

/** Quantile of a sorted sample by linear interpolation (type 7 of Hyndman & Fan 1996, numpy's default); NaN if empty. */
export function quantile(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * fraction;
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (at - below);
}
