import { createHash, type KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PrimumError, asPrimumError, type Clock } from '@primum/base';
import { featureMatrix, physionetSource, physionetStays, type FeatureMatrix, type MatrixStay, type PhysionetStay } from '@primum/datasets';
import { ensembleToJson, predictMargins, sigmoid, treeEnsembleToOnnx, type TreeEnsemble } from '@primum/formats';
import type { InferenceEngine } from '@primum/inference';
import { codeDigest, trainingStaysJson, writePackage, type Manifest } from '@primum/registry';
import { writeCard, type Ablation, type Transport } from './card/write-card.ts';
import { binDataset } from './gbdt/bin-dataset.ts';
import { bootstrapByStay } from './metrics/bootstrap.ts';
import { fitPlatt } from './metrics/platt.ts';
import { rankStatistics } from './metrics/rank-statistics.ts';
import { reportMetrics, type MetricsReport } from './metrics/report-metrics.ts';
import { selectStays } from './metrics/scored-stays.ts';
import { readPack, type Pack } from './pack/read-pack.ts';
import { assignFolds } from './validation/assign-folds.ts';
import { calibrateAcrossFolds, crossValidate, scoreStays, trainOnStays, type TrainingRun } from './validation/cross-validate.ts';

export type TrainDeps = {
  clock: Clock;
  signingKey: KeyObject;
  /** Runs the exported model for the comparison with the trained one. */
  engine: InferenceEngine;
  workers?: number;
  onProgress?: (progress: TrainProgress) => void;
  signal?: AbortSignal;
};

/** `done` of `total` steps of a phase; the phases come in this order. */
export type TrainProgress = {
  phase: 'read' | 'bin' | 'cross-validation' | 'ablations' | 'sites' | 'final' | 'onnx-check' | 'metrics' | 'write';
  done: number;
  /** Null where it is not known beforehand. */
  total: number | null;
};

export type TrainInput = { packDir: string; dataFiles: readonly string[]; outDir: string; seed?: number };

export type TrainResult = { manifest: Manifest; report: MetricsReport; ablations: Ablation[]; transport: Transport[]; largestOnnxDifference: number };

/** ONNX and the trained trees may differ by this much in probability, on every row. */
const onnxTolerance = 1e-6;

/**
 * Trains a pack on stays in the challenge's format and writes a signed package: features by the bedside's evaluator,
 * out-of-fold metrics and ablations by patient-wise cross-validation, calibration on the out-of-fold margins, a final
 * model on all rows, its ONNX form compared on every row, metrics and card.
 */
export async function trainPack(deps: TrainDeps, { packDir, dataFiles, outDir, seed = 1 }: TrainInput): Promise<TrainResult> {
  const progress = (phase: TrainProgress['phase'], done: number, total: number | null): void => deps.onProgress?.({ phase, done, total });
  const pack = await readPack(packDir);
  const matrix = await readMatrix(deps, pack, dataFiles);
  const trainingDataDigest = await digestOfFiles(dataFiles);
  progress('bin', 0, 1);
  const shared = { ...(deps.workers === undefined ? {} : { workers: deps.workers }), ...(deps.signal === undefined ? {} : { signal: deps.signal }) };
  const width = pack.featureSet.features.length;
  const dataset = await binDataset({ features: matrix.features, featureCount: width, ...shared });
  progress('bin', 1, 1);
  const run: TrainingRun = { dataset, matrix, config: { ...pack.gbdt, seed }, ...shared };
  const folds = assignFolds(matrix.stays.map((stay) => `${siteOf(stay)}/${stay.septic}`), pack.folds, seed);

  const margins = await crossValidate({ ...run, onTree: acrossFolds(progress, 'cross-validation', pack) }, folds);
  const calibration = fitPlatt(margins, matrix.labels);
  const probabilities = calibrateAcrossFolds(matrix, folds, margins);
  const ablations = await runAblations(run, pack, folds, margins, seed, progress);
  const transport = await runTransport(run, seed, progress);

  progress('final', 0, pack.gbdt.trees);
  const trained = await trainOnStays({ ...run, onTree: (tree) => progress('final', tree, pack.gbdt.trees) }, () => true);
  const ensemble: TreeEnsemble = { ...trained, calibration };
  const onnx = treeEnsembleToOnnx(ensemble, { graphName: pack.id, metadata: { feature_set: pack.featureSet.digest, training_data: trainingDataDigest } });
  const largestOnnxDifference = await compareOnnx(deps, matrix, ensemble, onnx, progress);

  progress('metrics', 0, 1);
  const report = reportMetrics({ matrix, probabilities, folds, policy: pack.alertPolicy, siteOf, seed });
  progress('metrics', 1, 1);
  const createdAt = deps.clock.now().toISOString();
  const card = writeCard(pack, report, {
    createdAt, trees: ensemble.trees.length, trainingDataDigest, seed, excludedStays: matrix.excludedStays, ablations, transport,
    onnx: { rows: matrix.rowCount, largestDifference: largestOnnxDifference },
  });
  const { auroc, auprc, utility, calibrationSlope, calibrationIntercept } = report.all;
  const manifest = await writePackage(deps, outDir, {
    id: pack.id, version: pack.version, title: pack.title, intendedUse: pack.featureSet.intendedUse, createdAt,
    digests: { featureSet: pack.featureSet.digest, alertPolicy: pack.alertPolicy.digest, trainingData: trainingDataDigest, code: await sourceDigest() },
    training: { rows: matrix.rowCount, stays: matrix.stays.length, septicStays: report.septicStays, seed, trees: ensemble.trees.length },
    summary: { auroc, auprc, utility, calibrationSlope, calibrationIntercept },
    files: {
      ...pack.files,
      'model.onnx': onnx,
      'trees.json': JSON.stringify(ensembleToJson(ensemble)),
      'metrics.json': `${JSON.stringify({ ...report, ablations, transport, calibration, gbdt: { ...pack.gbdt, seed }, folds: pack.folds }, null, 1)}\n`,
      'training-stays.json': JSON.stringify(trainingStaysJson(matrix.stays.map(({ id }) => id), trainingDataDigest.slice(0, 32))),
      'MODEL_CARD.md': card,
    },
  });
  progress('write', 1, 1);
  return { manifest, report, ablations, transport, largestOnnxDifference };
}

type Progress = (phase: TrainProgress['phase'], done: number, total: number | null) => void;

const siteOf = ({ id }: MatrixStay): string => physionetSource(id);

async function readMatrix({ onProgress, signal }: TrainDeps, { featureSet, codes }: Pack, dataFiles: readonly string[]): Promise<FeatureMatrix & { excludedStays: number }> {
  async function* stays(): AsyncGenerator<PhysionetStay> {
    for (const file of dataFiles) yield* physionetStays(file);
  }
  const report = (done: number): void => onProgress?.({ phase: 'read', done, total: null });
  const matrix = await featureMatrix({ featureSet, codes, onProgress: report, ...(signal === undefined ? {} : { signal }) }, stays());
  if (matrix.stays.filter(({ septic }) => septic).length < 2) throw new PrimumError('training.data-invalid', 'fewer than two septic stays');
  return matrix;
}

/** Counts trees over all folds: a fold starts again at tree 1. */
function acrossFolds(progress: Progress, phase: TrainProgress['phase'], { folds, gbdt }: Pack): () => void {
  let done = 0;
  return () => progress(phase, (done += 1), folds * gbdt.trees);
}

/** Physiology alone and care process alone, cross-validated on the same folds. AUROC and AUPRC are ranks within all folds. */
async function runAblations(run: TrainingRun, pack: Pack, folds: Uint8Array, fullMargins: Float64Array, seed: number, progress: Progress): Promise<Ablation[]> {
  const { matrix } = run;
  const describe = (name: string, columns: number, margins: Float64Array): Ablation => {
    const probabilities = calibrateAcrossFolds(matrix, folds, margins);
    return { name, columns, ...bootstrapByStay(rankStatistics({ probabilities, labels: matrix.labels, stays: matrix.stays }), matrix.stays.length, { seed }) };
  };
  const columnsOf = (group: string): number[] => pack.featureSet.features.flatMap((feature, column) => (feature.group === group ? [column] : []));
  const groups = [['physiology alone', columnsOf('physiology')], ['care process alone (when things were measured)', columnsOf('process')]] as const;
  const ablations = [describe('all', pack.featureSet.features.length, fullMargins)];
  const total = groups.length * pack.folds;
  let done = 0;
  for (const [name, columns] of groups) {
    if (columns.length === 0) continue;
    const margins = await crossValidate({ ...run, columns }, folds, () => progress('ablations', (done += 1), total));
    ablations.push(describe(name, columns.length, margins));
  }
  return ablations;
}

/** Trained on each whole site, tested on each other one. */
async function runTransport(run: TrainingRun, seed: number, progress: Progress): Promise<Transport[]> {
  const { matrix } = run;
  const sites = matrix.stays.map(siteOf);
  const names = [...new Set(sites)].sort();
  const results: Transport[] = [];
  if (names.length < 2) return results;
  for (const [index, trainedOn] of names.entries()) {
    progress('sites', index, names.length);
    const ensemble = await trainOnStays(run, (stay) => sites[stay] === trainedOn);
    const margins = new Float64Array(matrix.rowCount);
    scoreStays(matrix, ensemble, (stay) => sites[stay] !== trainedOn, margins);
    for (const testedOn of names.filter((name) => name !== trainedOn)) {
      const members = [...sites.keys()].filter((stay) => sites[stay] === testedOn);
      const part = selectStays({ probabilities: margins, labels: matrix.labels, stays: matrix.stays }, members);
      results.push({ trainedOn, testedOn, ...bootstrapByStay(rankStatistics(part), members.length, { seed }) });
    }
  }
  progress('sites', names.length, names.length);
  return results;
}

/** Largest difference in probability between ONNX Runtime and the trees over all rows; throws beyond the tolerance. */
async function compareOnnx({ engine, signal }: TrainDeps, { features, rowCount }: FeatureMatrix, ensemble: TreeEnsemble, onnx: Uint8Array, progress: Progress): Promise<number> {
  const digest = createHash('sha256').update(onnx).digest('hex');
  await engine.load(digest, onnx);
  const width = ensemble.featureCount;
  const batch = 16_384;
  let largest = 0;
  for (let start = 0; start < rowCount; start += batch) {
    signal?.throwIfAborted();
    const end = Math.min(start + batch, rowCount);
    const rows = new Float32Array(features.subarray(start * width, end * width)); // a copy in memory of its own
    const { probability } = await engine.run(digest, rows, end - start);
    predictMargins(ensemble, rows).forEach((margin, row) => {
      const difference = Math.abs(sigmoid(margin) - probability[row]!);
      if (!(difference <= largest)) largest = difference; // NaN must not pass as small
    });
    if (!(largest <= onnxTolerance)) throw new PrimumError('model.onnx-mismatch', `by ${largest} within the first ${end} rows`);
    progress('onnx-check', end, rowCount);
  }
  await engine.unload(digest);
  return largest;
}

async function digestOfFiles(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  try {
    for (const file of files) for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer); // no encoding is set
  } catch (error) {
    throw asPrimumError(error, 'import.file-unreadable');
  }
  return hash.digest('hex');
}

/** Of what turns facts into features and features into trees. */
function sourceDigest(): Promise<string> {
  const here = new URL('.', import.meta.url);
  const evaluator = new URL('.', import.meta.resolve('@primum/datasets'));
  const trees = new URL('./trees/', import.meta.resolve('@primum/formats'));
  return codeDigest([here, evaluator, trees].map((folder) => fileURLToPath(folder)));
}
