import { availableParallelism } from 'node:os';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import { featureMatrix, parseCodeTable, parseFeatureSet, physionetStays, type FeatureMatrix } from '@primum/datasets';
import { predictMargins, type TreeEnsemble } from '@primum/formats';
import { binDataset, rankStatistics, trainGbdtBinned } from '@primum/training';
import { sharedData } from '../tests/support/available.ts';

/**
 * Histogram trees on real hours: trains on 80 % of hospital A's stays with the sepsis pack's features and 31 leaves,
 * tests on the other 20 % (every fifth stay in file order) and on all of hospital B. `--trees N` (default 100).
 */
export async function runGbdt(options: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const data = sharedData();
  if (data === undefined) throw new PrimumError('import.file-unreadable', 'this bench needs ../shared/data (or PRIMUM_DATA)');
  const pack = async (name: string): Promise<unknown> => JSON.parse(await readFile(fileURLToPath(new URL(`../packs/sepsis/${name}`, import.meta.url)), 'utf8'));
  const featureSet = parseFeatureSet(await pack('features.json'));
  const codes = parseCodeTable(await pack('codes.json'));
  const matrixOf = (hospital: string): Promise<FeatureMatrix> => featureMatrix({ featureSet, codes }, physionetStays(`${data}/sepsis2019/hospital-${hospital}.csv.gz`));
  console.error('reading hospital A and B');
  const a = await matrixOf('a');
  const b = await matrixOf('b');
  const dataset = await binDataset({ features: a.features, featureCount: featureSet.features.length });
  const rowsOf = (take: (stay: number) => boolean): number[] => a.stays.flatMap(({ start, end }, stay) => (take(stay) ? Array.from({ length: end - start }, (_, at) => start + at) : []));
  const config = { trees: Number(options['trees'] ?? 100), maxLeaves: 31, learningRate: 0.06, l2: 10, minChildWeight: 20, featureFraction: 0.4, baggingFraction: 0.7, seed: 1 };
  const train = async (change: Partial<typeof config>, rows: number[]): Promise<{ ensemble: TreeEnsemble; secondsPerTree: number }> => {
    const { ensemble, history } = await trainGbdtBinned({ dataset, labels: a.labels, trainingRows: rows, config: { ...config, ...change } });
    return { ensemble, secondsPerTree: history.reduce((sum, { seconds }) => sum + seconds, 0) / history.length };
  };
  console.error(`timing on ${a.rowCount} hours × ${featureSet.features.length} features, all rows and columns`);
  const timed = await train({ trees: 10, featureFraction: 1, baggingFraction: 1 }, rowsOf(() => true));
  console.error(`training ${config.trees} trees on 80 % of hospital A`);
  const { ensemble, secondsPerTree } = await train({}, rowsOf((stay) => stay % 5 !== 0));
  return {
    seconds_per_tree: timed.secondsPerTree,
    seconds_per_tree_sampled: secondsPerTree,
    auroc_aa: aurocOf(ensemble, a, (stay) => stay % 5 === 0),
    auroc_ab: aurocOf(ensemble, b, () => true),
    rows: a.rowCount, features: featureSet.features.length, leaves: config.maxLeaves, trees: config.trees, threads: availableParallelism(),
  };
}

function aurocOf(ensemble: TreeEnsemble, { stays, features, labels, featureSet }: FeatureMatrix, take: (stay: number) => boolean): number {
  const width = featureSet.features.length;
  const margins: number[] = [];
  const truth: number[] = [];
  stays.forEach(({ start, end }, stay) => {
    if (!take(stay)) return;
    for (const margin of predictMargins(ensemble, features.subarray(start * width, end * width))) margins.push(margin);
    for (let row = start; row < end; row += 1) truth.push(labels[row]!);
  });
  const scored = { probabilities: Float64Array.from(margins), labels: Uint8Array.from(truth), stays: [{ start: 0, end: truth.length }] };
  return rankStatistics(scored)(Uint8Array.of(1)).auroc;
}
