import { BINS_PER_FEATURE, GROUP_HISTOGRAM } from './training-state.ts';

/** What one group's histogram is summed from: the rows of a leaf and their gradients in the same order. */
export type LeafRows = {
  words: Uint32Array;
  /** Where the group's words start. */
  wordOffset: number;
  order: Uint32Array;
  begin: number;
  end: number;
  /** (gradient, hessian) per row of the leaf, gathered so that every group reads them in sequence. */
  gathered: Int32Array;
};

const FEATURE_HISTOGRAM = BINS_PER_FEATURE * 2;

/** Sums gradients and hessians by bin for the four columns of a group; `base` is where the histogram starts. */
export function buildHistogram(histograms: Int32Array, base: number, rows: LeafRows): void {
  const { words, wordOffset, order, begin, end, gathered } = rows;
  histograms.fill(0, base, base + GROUP_HISTOGRAM);
  const second = base + FEATURE_HISTOGRAM;
  const third = second + FEATURE_HISTOGRAM;
  const fourth = third + FEATURE_HISTOGRAM;
  // Index casts: all positions are in range by construction; this loop runs rows × columns / 4 times per leaf.
  for (let at = begin, from = 0; at < end; at += 1, from += 2) {
    const word = words[wordOffset + (order[at] as number)] as number;
    const gradient = gathered[from] as number;
    const hessian = gathered[from + 1] as number;
    let bin = base + ((word & 255) << 1);
    histograms[bin] = (histograms[bin] as number) + gradient;
    histograms[bin + 1] = (histograms[bin + 1] as number) + hessian;
    bin = second + ((word >>> 7) & 510);
    histograms[bin] = (histograms[bin] as number) + gradient;
    histograms[bin + 1] = (histograms[bin + 1] as number) + hessian;
    bin = third + ((word >>> 15) & 510);
    histograms[bin] = (histograms[bin] as number) + gradient;
    histograms[bin + 1] = (histograms[bin + 1] as number) + hessian;
    bin = fourth + ((word >>> 23) & 510);
    histograms[bin] = (histograms[bin] as number) + gradient;
    histograms[bin + 1] = (histograms[bin + 1] as number) + hessian;
  }
}

/** Turns the parent's histogram into that of the larger child by taking the smaller child's away. */
export function subtractHistogram(histograms: Int32Array, parentBase: number, childBase: number): void {
  for (let at = 0; at < GROUP_HISTOGRAM; at += 1) {
    histograms[parentBase + at] = (histograms[parentBase + at] as number) - (histograms[childBase + at] as number);
  }
}
