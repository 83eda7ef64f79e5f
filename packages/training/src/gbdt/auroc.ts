/**
 * Area under the ROC curve of the given rows, by the Mann–Whitney statistic with ties counted half
 * (Hanley & McNeil 1982). NaN where a class is absent.
 */
export function auroc(labels: Uint8Array, scores: Float64Array, rows: Uint32Array): number {
  const positives: number[] = [];
  const negatives: number[] = [];
  for (const row of rows) (labels[row] === 1 ? positives : negatives).push(scores[row] ?? NaN);
  const up = Float64Array.from(positives).sort();
  const down = Float64Array.from(negatives).sort();
  let below = 0;
  let upTo = 0;
  let pairs = 0;
  for (const score of up) {
    while (below < down.length && (down[below] ?? 0) < score) below += 1;
    upTo = Math.max(upTo, below);
    while (upTo < down.length && (down[upTo] ?? 0) <= score) upTo += 1;
    pairs += (below + upTo) / 2;
  }
  return pairs / (up.length * down.length);
}
