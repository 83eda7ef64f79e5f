import { availableParallelism } from 'node:os';
import { PrimumError } from '@primum/base';
import { MAX_BINS } from './bin-edges.ts';
import type { BinColumnsMessage, BinColumnsTask } from './bin-columns-worker.ts';
import { groupCountOf, type BinnedDataset } from './binned-dataset.ts';
import { runWorkers } from './run-workers.ts';
import { shareFloat32, sharedInt32, sharedUint32, shareUint32 } from './shared-memory.ts';

export type BinDatasetInput = {
  /** Row-major rows × featureCount, NaN = missing. Not copied where its buffer is a SharedArrayBuffer. */
  features: Float32Array;
  featureCount: number;
  /** Rows that edges are taken from; all by default. Edges never see labels, so using all leaks no outcome. */
  edgeRows?: ArrayLike<number>;
  /** Bins of present values per column, 2 to 255. */
  maxBins?: number;
  workers?: number;
  signal?: AbortSignal;
};

/** Bins a feature matrix in worker threads. Throws `features.invalid` for infinite values or ragged rows. */
export async function binDataset(input: BinDatasetInput): Promise<BinnedDataset> {
  const { features, featureCount, maxBins = MAX_BINS, workers = defaultWorkers(), signal } = input;
  const rowCount = features.length / featureCount;
  if (!Number.isInteger(rowCount) || rowCount < 1) {
    throw new PrimumError('features.invalid', `${features.length} values are not rows of ${featureCount}`);
  }
  if (!(maxBins >= 2 && maxBins <= MAX_BINS)) throw new PrimumError('config.invalid', `maxBins from 2 to ${MAX_BINS}`);
  const groupCount = groupCountOf(featureCount);
  const words = sharedUint32(groupCount * rowCount);
  const task: BinColumnsTask = {
    features: shareFloat32(features),
    rowCount,
    featureCount,
    maxBins,
    edgeRows: input.edgeRows === undefined ? undefined : shareUint32(input.edgeRows),
    words,
    nextGroup: sharedInt32(1),
  };
  const edges: Float32Array[] = Array.from({ length: featureCount }, () => new Float32Array());
  await runWorkers<BinColumnsMessage>({
    entry: new URL('./bin-columns-worker.ts', import.meta.url),
    data: Array.from({ length: Math.max(1, Math.min(workers, groupCount)) }, () => task),
    onMessage: ({ column, edges: columnEdges }) => {
      if (columnEdges === undefined) throw new PrimumError('features.invalid', `column ${column} holds an infinite value`);
      edges[column] = columnEdges;
    },
    signal,
  });
  return { rowCount, featureCount, words, edges };
}

export function defaultWorkers(): number {
  return Math.min(availableParallelism(), 16);
}
