import type { GbdtConfig } from './gbdt-config.ts';
import { GROUP_FEATURES, type BinnedDataset } from './binned-dataset.ts';
import { sharedFloat32, sharedFloat64, sharedInt32, sharedUint32, sharedUint8 } from './shared-memory.ts';

/** Everything that the threads of one training run see, in shared memory; built once by `trainGbdt`. */
export type TrainingState = {
  config: GbdtConfig;
  /** Rows of the dataset; every per-row array below is indexed by dataset row. */
  rowCount: number;
  featureCount: number;
  words: Uint32Array<SharedArrayBuffer>;
  /** Bins of present values per column. */
  binCounts: Int32Array<SharedArrayBuffer>;
  /** Column groups that hold a used column, ascending; histograms exist for these only. */
  groups: Int32Array<SharedArrayBuffer>;
  /** 1 where the present tree may split on the column. */
  allowed: Uint8Array<SharedArrayBuffer>;
  labels: Uint8Array<SharedArrayBuffer>;
  /** Row weights, positiveWeight included. */
  weights: Float32Array<SharedArrayBuffer>;
  trainingRows: Uint32Array<SharedArrayBuffer>;
  validationRows: Uint32Array<SharedArrayBuffer>;
  /** Raw score of each row so far. */
  scores: Float64Array<SharedArrayBuffer>;
  probabilities: Float32Array<SharedArrayBuffer>;
  /** Gradient and hessian per row as fixed-point integers, interleaved. */
  gradients: Int32Array<SharedArrayBuffer>;
  /** Training rows in leaf order: in-bag rows in front, the others behind. */
  order: Uint32Array<SharedArrayBuffer>;
  /** Per leaf slot and group: 4 columns × 256 bins × (gradient, hessian). */
  histograms: Int32Array<SharedArrayBuffer>;
  /** Per side (small, large) and column the best split found, CANDIDATE numbers each. */
  candidates: Float64Array<SharedArrayBuffer>;
  /** Per row block: Σ|gradient|, Σ hessian, Σ loss, Σ weight. */
  blockSums: Float64Array<SharedArrayBuffer>;
  /** The tree being grown, for walking over bins; node fields interleaved, see WALK. */
  walk: Int32Array<SharedArrayBuffer>;
  /** Value per node of that tree. */
  nodeValues: Float64Array<SharedArrayBuffer>;
  /** Leaves of that tree: start and end in `order`, and node. */
  leaves: Int32Array<SharedArrayBuffer>;
  /** Numbers that the coordinator hands to the operation at hand. */
  args: Float64Array<SharedArrayBuffer>;
};

/** Rows that one task of a row-wise operation covers. Sums are kept per block and added in block order. */
export const ROW_BLOCK = 16_384;
/** Fields of a candidate split. */
export const CANDIDATE = { gain: 0, bin: 1, missingLeft: 2, gradientLeft: 3, hessianLeft: 4, size: 5 } as const;
/** Fields of a node of `walk`: word offset of the column group, shift inside the word, last bin to the left, … */
export const WALK = { group: 0, shift: 1, bin: 2, missingLeft: 3, left: 4, right: 5, size: 6 } as const;
export const BINS_PER_FEATURE = 256;
/** Int32 elements of one group's histogram. */
export const GROUP_HISTOGRAM = GROUP_FEATURES * BINS_PER_FEATURE * 2;
export const BLOCK_SUMS = 4;

export type TrainingInput = {
  dataset: BinnedDataset;
  config: GbdtConfig;
  labels: Uint8Array<SharedArrayBuffer>;
  weights: Float32Array<SharedArrayBuffer>;
  trainingRows: Uint32Array<SharedArrayBuffer>;
  validationRows: Uint32Array<SharedArrayBuffer>;
  /** Used columns, ascending. */
  columns: readonly number[];
};

export function createTrainingState(input: TrainingInput): TrainingState {
  const { dataset, config, columns, trainingRows, validationRows } = input;
  const { rowCount, featureCount } = dataset;
  const groups = [...new Set(columns.map((column) => Math.floor(column / GROUP_FEATURES)))];
  const maxNodes = 2 * config.maxLeaves - 1;
  const blocks = Math.ceil(Math.max(trainingRows.length, validationRows.length, 1) / ROW_BLOCK);
  const state: TrainingState = {
    config,
    rowCount,
    featureCount,
    words: dataset.words,
    binCounts: sharedInt32(featureCount),
    groups: sharedInt32(groups.length),
    allowed: sharedUint8(featureCount),
    labels: input.labels,
    weights: input.weights,
    trainingRows,
    validationRows,
    scores: sharedFloat64(rowCount),
    probabilities: sharedFloat32(rowCount),
    gradients: sharedInt32(rowCount * 2),
    order: sharedUint32(trainingRows.length),
    histograms: sharedInt32(config.maxLeaves * groups.length * GROUP_HISTOGRAM),
    candidates: sharedFloat64(2 * featureCount * CANDIDATE.size),
    blockSums: sharedFloat64(blocks * BLOCK_SUMS),
    walk: sharedInt32(maxNodes * WALK.size),
    nodeValues: sharedFloat64(maxNodes),
    leaves: sharedInt32(config.maxLeaves * 3),
    args: sharedFloat64(16),
  };
  state.binCounts.set(dataset.edges.map((edges) => edges.length));
  state.groups.set(groups);
  for (const column of columns) state.allowed[column] = 1;
  return state;
}
