import { assert, PrimumError } from '@primum/base';
import type { TreeEnsemble } from '@primum/formats';
import { binDataset, defaultWorkers } from './bin-dataset.ts';
import type { BinnedDataset } from './binned-dataset.ts';
import type { BoostMessage, BoostTask } from './boost-worker.ts';
import type { BoostResult, GbdtRound } from './boost.ts';
import { gbdtConfig, type GbdtConfig } from './gbdt-config.ts';
import { runWorkers } from './run-workers.ts';
import { sharedFloat32, shareUint32, shareUint8 } from './shared-memory.ts';
import { createTeamMemory } from './team.ts';
import { createTrainingState } from './training-state.ts';

type Common = {
  config?: Partial<GbdtConfig>;
  /** Columns that may be used, ascending; all by default. The forest still reads rows of all columns. */
  columns?: readonly number[];
  /** Threads; the forest is the same for any number. Default: the machine's cores, at most 16. */
  workers?: number;
  onProgress?: (round: GbdtRound) => void;
  signal?: AbortSignal;
};

export type BinnedTrainingInput = Common & {
  dataset: BinnedDataset;
  /** 0 or 1 per row of the dataset. */
  labels: Uint8Array;
  /** Positive weight per row of the dataset; 1 by default. */
  weights?: Float32Array;
  /** Dataset rows to train on; all by default. */
  trainingRows?: ArrayLike<number>;
  /** Dataset rows for early stopping; none by default. */
  validationRows?: ArrayLike<number>;
};

export type LabelledRows = {
  /** Row-major rows × columns, NaN = missing. */
  features: Float32Array;
  labels: Uint8Array;
  weights?: Float32Array;
};

export type GbdtTrainingInput = Common & LabelledRows & { featureCount: number; validation?: LabelledRows; maxBins?: number };

export type GbdtResult = {
  ensemble: TreeEnsemble;
  history: GbdtRound[];
  /** Sum of split gains per column. */
  gains: Float64Array;
};

/**
 * Trains gradient-boosted trees with logistic loss. Bins the features first (edges from the training rows only); to
 * train several times on one matrix call `binDataset` once and `trainGbdtBinned` for each subset.
 * Errors: `config.invalid`, `features.invalid`, `training.data-invalid`; an abort rejects with the signal's reason.
 */
export async function trainGbdt(input: GbdtTrainingInput): Promise<GbdtResult> {
  const { features, labels, weights, validation, featureCount, maxBins, ...common } = input;
  const { workers, signal } = common;
  const rowCount = labels.length;
  const validationCount = validation?.labels.length ?? 0;
  const all = validation === undefined ? features : sharedFloat32(features.length + validation.features.length);
  if (validation !== undefined) {
    all.set(features);
    all.set(validation.features, features.length);
  }
  const dataset = await binDataset({
    features: all,
    featureCount,
    ...(validation === undefined ? {} : { edgeRows: range(0, rowCount) }),
    ...(maxBins === undefined ? {} : { maxBins }),
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
  });
  const allLabels = new Uint8Array(rowCount + validationCount);
  allLabels.set(labels);
  allLabels.set(validation?.labels ?? [], rowCount);
  const weighted = weights !== undefined || validation?.weights !== undefined;
  const allWeights = new Float32Array(rowCount + validationCount).fill(1);
  if (weights !== undefined) allWeights.set(weights);
  if (validation?.weights !== undefined) allWeights.set(validation.weights, rowCount);
  return trainGbdtBinned({
    ...common,
    dataset,
    labels: allLabels,
    ...(weighted ? { weights: allWeights } : {}),
    trainingRows: range(0, rowCount),
    validationRows: range(rowCount, rowCount + validationCount),
  });
}

/** Trains on rows and columns of a binned dataset. Errors as `trainGbdt`. */
export async function trainGbdtBinned(input: BinnedTrainingInput): Promise<GbdtResult> {
  const { dataset, labels, onProgress, signal } = input;
  const { rowCount, featureCount } = dataset;
  const config = gbdtConfig(input.config);
  const trainingRows = shareUint32(input.trainingRows ?? range(0, rowCount));
  const validationRows = shareUint32(input.validationRows ?? []);
  const columns = [...(input.columns ?? range(0, featureCount))];
  if (labels.length !== rowCount) throw invalid(`${labels.length} labels for ${rowCount} rows`);
  checkRows(trainingRows, rowCount);
  checkRows(validationRows, rowCount);
  if (columns.length === 0 || columns.some((column, at) => !(column > (columns[at - 1] ?? -1) && column < featureCount))) {
    throw invalid('columns must be ascending and among the dataset\'s');
  }
  const state = createTrainingState({
    dataset,
    config,
    labels: shareUint8(labels),
    weights: weightsOf(input, trainingRows, config.positiveWeight),
    trainingRows,
    validationRows,
    columns,
  });
  const memory = createTeamMemory();
  const members = Math.max(1, input.workers ?? defaultWorkers());
  const history: GbdtRound[] = [];
  let result: BoostResult | undefined;
  await runWorkers<BoostMessage>({
    entry: new URL('./boost-worker.ts', import.meta.url),
    data: Array.from({ length: members }, (_, member): BoostTask => ({ member, members, memory, state, edges: dataset.edges })),
    onMessage: (message) => {
      if ('result' in message) {
        result = message.result;
        return;
      }
      history.push(message.round);
      onProgress?.(message.round);
    },
    signal,
  });
  assert(result !== undefined, 'training ended without a result');
  const { baseScore, trees, gains } = result;
  return { ensemble: { featureCount, baseScore, trees }, history, gains };
}

/** Row weights with the class weight in them. Throws unless both classes are among the training rows. */
function weightsOf({ weights, labels, dataset }: BinnedTrainingInput, trainingRows: Uint32Array, positiveWeight: number): Float32Array<SharedArrayBuffer> {
  if (weights !== undefined && weights.length !== dataset.rowCount) throw invalid(`${weights.length} weights for ${dataset.rowCount} rows`);
  const shared = sharedFloat32(dataset.rowCount);
  for (let row = 0; row < shared.length; row += 1) {
    const weight = weights?.[row] ?? 1;
    const label = labels[row] ?? 0;
    if (!(weight > 0 && weight < Infinity)) throw invalid(`the weight of row ${row} is not a positive number`);
    if (label > 1) throw invalid(`the label of row ${row} is neither 0 nor 1`);
    shared[row] = label === 1 ? weight * positiveWeight : weight;
  }
  let positives = 0;
  for (const row of trainingRows) positives += labels[row] ?? 0;
  if (positives === 0 || positives === trainingRows.length) throw invalid('the training rows hold one class only');
  return shared;
}

function checkRows(rows: Uint32Array, rowCount: number): void {
  for (const row of rows) if (row >= rowCount) throw invalid(`row ${row} is outside the dataset's ${rowCount}`);
}

function range(start: number, end: number): Uint32Array {
  return new Uint32Array(end - start).map((_, index) => start + index);
}

function invalid(detail: string): PrimumError {
  return new PrimumError('training.data-invalid', detail);
}
