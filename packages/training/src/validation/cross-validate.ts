import type { FeatureMatrix } from '@primum/datasets';
import { predictMargins, type TreeEnsemble } from '@primum/formats';
import type { BinnedDataset } from '../gbdt/binned-dataset.ts';
import type { GbdtConfig } from '../gbdt/gbdt-config.ts';
import { trainGbdtBinned } from '../gbdt/train-gbdt.ts';
import { fitPlatt } from '../metrics/platt.ts';

export type TrainingRun = {
  dataset: BinnedDataset;
  matrix: FeatureMatrix;
  config: Partial<GbdtConfig>;
  /** Columns that may be used; all by default. */
  columns?: readonly number[];
  workers?: number;
  signal?: AbortSignal;
  onTree?: (tree: number) => void;
};

/** Trees on the rows of the stays that `take` accepts. */
export async function trainOnStays(run: TrainingRun, take: (stay: number) => boolean): Promise<TreeEnsemble> {
  const { dataset, matrix, config, columns, workers, signal, onTree } = run;
  const { ensemble } = await trainGbdtBinned({
    dataset, labels: matrix.labels, config, trainingRows: rowsOf(matrix, take),
    ...(columns === undefined ? {} : { columns }),
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
    ...(onTree === undefined ? {} : { onProgress: (round) => onTree(round.tree) }),
  });
  return ensemble;
}

/** Row indices of the stays that `take` accepts, ascending. */
export function rowsOf({ stays, rowCount }: FeatureMatrix, take: (stay: number) => boolean): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let count = 0;
  stays.forEach(({ start, end }, stay) => {
    if (!take(stay)) return;
    for (let row = start; row < end; row += 1) rows[count++] = row;
  });
  return rows.slice(0, count);
}

/** Margins of the stays that `take` accepts, written to their rows of `into`. */
export function scoreStays({ stays, features, featureSet }: FeatureMatrix, ensemble: TreeEnsemble, take: (stay: number) => boolean, into: Float64Array): void {
  const width = featureSet.features.length;
  stays.forEach(({ start, end }, stay) => {
    if (take(stay)) into.set(predictMargins(ensemble, features.subarray(start * width, end * width)), start);
  });
}

/**
 * Out-of-fold margins: each stay is scored by trees that never saw it. Bin edges come from all rows; they see no
 * labels, so that no outcome leaks.
 */
export async function crossValidate(run: TrainingRun, folds: Uint8Array, onFold?: (fold: number) => void): Promise<Float64Array> {
  const margins = new Float64Array(run.matrix.rowCount);
  for (let fold = 0; fold <= Math.max(...folds); fold += 1) {
    const ensemble = await trainOnStays(run, (stay) => folds[stay] !== fold);
    scoreStays(run.matrix, ensemble, (stay) => folds[stay] === fold, margins);
    onFold?.(fold);
  }
  return margins;
}

/** Calibrated out-of-fold probabilities: the Platt scaling of a fold is fitted on the out-of-fold margins of the others. */
export function calibrateAcrossFolds(matrix: FeatureMatrix, folds: Uint8Array, margins: Float64Array): Float64Array {
  const probabilities = new Float64Array(margins.length);
  for (let fold = 0; fold <= Math.max(...folds); fold += 1) {
    const { slope, intercept } = fitPlatt(margins, matrix.labels, rowsOf(matrix, (stay) => folds[stay] !== fold));
    for (const row of rowsOf(matrix, (stay) => folds[stay] === fold)) probabilities[row] = 1 / (1 + Math.exp(-(slope * margins[row]! + intercept)));
  }
  return probabilities;
}
