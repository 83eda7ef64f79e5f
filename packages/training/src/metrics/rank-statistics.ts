import type { Statistic } from './bootstrap.ts';
import { stayOfRows, type ScoredStays } from './scored-stays.ts';

/**
 * Area under the ROC curve (Mann–Whitney, ties half: Hanley & McNeil 1982) and average precision, the area under the
 * precision–recall steps without interpolation (as sklearn's `average_precision_score`). Rows are sorted once; a
 * replicate costs one pass.
 */
export function rankStatistics(scored: ScoredStays): Statistic<'auroc' | 'auprc'> {
  const { probabilities, labels } = scored;
  const count = labels.length;
  const order = descendingOrder(probabilities);
  const stayOf = stayOfRows(scored);
  const stays = new Uint32Array(count);
  const classes = new Uint8Array(count);
  const endsTie = new Uint8Array(count);
  for (let at = 0; at < count; at += 1) {
    const row = order[at]!;
    stays[at] = stayOf[row]!;
    classes[at] = labels[row]!;
    endsTie[at] = at + 1 === count || probabilities[order[at + 1]!] !== probabilities[row] ? 1 : 0;
  }
  return (weights) => {
    let positives = 0;
    let negatives = 0;
    let tiedPositives = 0;
    let tiedNegatives = 0;
    let pairs = 0;
    let precision = 0;
    for (let at = 0; at < count; at += 1) {
      const weight = weights[stays[at]!]!;
      if (classes[at] === 1) tiedPositives += weight;
      else tiedNegatives += weight;
      if (endsTie[at] === 0) continue;
      pairs += tiedNegatives * (positives + tiedPositives / 2);
      positives += tiedPositives;
      negatives += tiedNegatives;
      if (tiedPositives > 0) precision += (tiedPositives * positives) / (positives + negatives);
      tiedPositives = tiedNegatives = 0;
    }
    return { auroc: pairs / (positives * negatives), auprc: precision / positives };
  };
}

/** Row indices by descending value; equal values in row order. */
export function descendingOrder(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b);
}
