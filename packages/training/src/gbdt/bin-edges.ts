import { MAX_THRESHOLD } from '@primum/formats';

/** Bins of present values; one more, MISSING_BIN, holds the missing ones, so that a bin fits a byte. */
export const MAX_BINS = 255;
export const MISSING_BIN = 255;

/**
 * Upper edges of a column's bins: value x lies in the first bin whose edge is ≥ x. Ascending float32 values; the last
 * is the largest float32, so every finite value has a bin.
 *
 * Rule: up to `maxBins` distinct values each have a bin of their own. Beyond that, values are taken in ascending order
 * and a bin is closed once it holds its share of the rows that are left; a value that alone holds a mean share gets a
 * bin of its own. An edge is the float32 nearest to the middle of the neighbouring values, or the lower value where
 * rounding would reach the upper one.
 *
 * `sorted`: the present values, ascending.
 */
export function binEdges(sorted: Float32Array, maxBins: number): Float32Array {
  const { values, counts } = distinct(sorted);
  const edges: number[] = [];
  const close = (index: number): void => {
    edges.push(edgeBetween(values[index] ?? 0, values[index + 1] ?? 0));
  };
  if (values.length <= maxBins) {
    for (let index = 0; index + 1 < values.length; index += 1) close(index);
  } else {
    const meanShare = sorted.length / maxBins;
    let left = sorted.length;
    let held = 0;
    for (let index = 0; index + 1 < values.length && edges.length + 1 < maxBins; index += 1) {
      const count = counts[index] ?? 0;
      held += count;
      left -= count;
      const share = (left + held) / (maxBins - edges.length);
      if (held >= share || (counts[index + 1] ?? 0) >= meanShare) {
        close(index);
        held = 0;
      }
    }
  }
  return Float32Array.of(...edges, MAX_THRESHOLD);
}

/** Bin of a present value: the count of edges below it. */
export function binOf(value: number, edges: Float32Array): number {
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (edges[middle] as number)) high = middle; // middle < length
    else low = middle + 1;
  }
  return low;
}

function distinct(sorted: Float32Array): { values: number[]; counts: number[] } {
  const values: number[] = [];
  const counts: number[] = [];
  let start = 0;
  for (let index = 1; index <= sorted.length; index += 1) {
    if (index < sorted.length && sorted[index] === sorted[start]) continue;
    values.push(sorted[start] ?? 0);
    counts.push(index - start);
    start = index;
  }
  return { values, counts };
}

function edgeBetween(lower: number, upper: number): number {
  const middle = Math.fround(lower + (upper - lower) / 2);
  return middle < upper ? middle : lower;
}
