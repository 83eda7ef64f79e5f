import type { SnoopingRules } from './snooping-rules.ts';

/** Makes the median absolute deviation an estimate of a normal distribution's standard deviation. */
const madToDeviation = 1.4826;

/**
 * The number of patients in an hour above which it is unusual.
 * `own` and `role` are earlier hours' numbers; each gives median + deviations × 1.4826 × MAD (Leys et al., "Detecting
 * outliers: Do not use standard deviation around the mean, use absolute deviation around the median", Journal of
 * Experimental Social Psychology 49 (2013) 764–766), MAD at least 1: the snooping of the past does not lift the bar as it
 * would with a mean. What is usual for the person or for the role is usual, so the higher of the two counts.
 */
export function volumeLimit(rule: SnoopingRules['unusualVolume'], own: readonly number[], role: readonly number[]): number {
  const limits = [own, role].filter(({ length }) => length >= rule.minHours).map((hours) => {
    const middle = median(hours);
    const deviation = Math.max(1, median(hours.map((patients) => Math.abs(patients - middle))));
    return middle + rule.deviations * madToDeviation * deviation;
  });
  return limits.length === 0 ? rule.limitWithoutBaseline : Math.max(rule.minPatients, ...limits);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
