/**
 * A feature matrix whose values are replaced by their bins, in memory that worker threads share. Four columns stand in
 * one 32-bit word per row (column c: group ⌊c/4⌋, byte c mod 4), and the words of a group are contiguous over rows:
 * one load then serves four histograms. A matrix is binned once and trained on many times with row and column subsets.
 */
export type BinnedDataset = {
  rowCount: number;
  featureCount: number;
  /** Length groupCount × rowCount; word of group q and row r at q · rowCount + r. */
  words: Uint32Array<SharedArrayBuffer>;
  /** Per column the bins' upper edges, see `binEdges`. */
  edges: Float32Array[];
};

export const GROUP_FEATURES = 4;

export function groupCountOf(featureCount: number): number {
  return Math.ceil(featureCount / GROUP_FEATURES);
}
