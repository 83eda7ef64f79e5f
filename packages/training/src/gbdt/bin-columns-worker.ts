import { parentPort, workerData } from 'node:worker_threads';
import { binEdges, binOf, MISSING_BIN } from './bin-edges.ts';
import { GROUP_FEATURES, groupCountOf } from './binned-dataset.ts';

export type BinColumnsTask = {
  features: Float32Array<SharedArrayBuffer>;
  rowCount: number;
  featureCount: number;
  maxBins: number;
  edgeRows: Uint32Array<SharedArrayBuffer> | undefined;
  words: Uint32Array<SharedArrayBuffer>;
  /** The next group of columns that nobody has taken. */
  nextGroup: Int32Array<SharedArrayBuffer>;
};

/** Edges of a finished column; none where the column holds an infinite value. */
export type BinColumnsMessage = { column: number; edges: Float32Array | undefined };

const task = workerData as BinColumnsTask; // only `binDataset` starts this file
const groups = groupCountOf(task.featureCount);
for (let group = Atomics.add(task.nextGroup, 0, 1); group < groups; group = Atomics.add(task.nextGroup, 0, 1)) {
  const end = Math.min((group + 1) * GROUP_FEATURES, task.featureCount);
  for (let column = group * GROUP_FEATURES; column < end; column += 1) {
    const edges = binColumn(task, group, column);
    parentPort?.postMessage({ column, edges } satisfies BinColumnsMessage);
  }
}

function binColumn({ features, rowCount, featureCount, maxBins, edgeRows, words }: BinColumnsTask, group: number, column: number): Float32Array | undefined {
  const values = new Float32Array(rowCount);
  for (let row = 0, at = column; row < rowCount; row += 1, at += featureCount) {
    const value = features[at] as number; // at < length
    if (value === Infinity || value === -Infinity) return undefined;
    values[row] = value;
  }
  const edges = binEdges(presentSorted(values, edgeRows), maxBins);
  const shift = (column % GROUP_FEATURES) * 8;
  const start = group * rowCount;
  for (let row = 0; row < rowCount; row += 1) {
    const value = values[row] as number; // row < length
    const bin = value !== value ? MISSING_BIN : binOf(value, edges);
    words[start + row] = (words[start + row] as number) | (bin << shift);
  }
  return edges;
}

function presentSorted(values: Float32Array, edgeRows: Uint32Array | undefined): Float32Array {
  const chosen = edgeRows === undefined ? values : Float32Array.from(edgeRows, (row) => values[row] ?? NaN);
  return chosen.filter((value) => value === value).sort();
}
