import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { predictMargins, type TreeEnsemble } from '@primum/formats';
import { refereeRows, slice } from '../../fixtures/referee-rows.ts';
import { auroc } from './auroc.ts';
import { binDataset } from './bin-dataset.ts';
import { trainGbdt, trainGbdtBinned } from './train-gbdt.ts';

const rows = refereeRows();
const { featureCount, rowCount } = rows;
const half = rowCount / 2;
const training = slice(rows, 0, half);
const held = slice(rows, half, rowCount);
const range = (start: number, end: number): Uint32Array => new Uint32Array(end - start).map((_, at) => start + at);
const firstTrees = (ensemble: TreeEnsemble, count: number): TreeEnsemble => ({ ...ensemble, trees: ensemble.trees.slice(0, count) });

function logloss(margins: Float64Array, labels: Uint8Array): number {
  return margins.reduce((sum, margin, row) => sum + Math.log1p(Math.exp(labels[row] === 1 ? -margin : margin)), 0) / labels.length;
}

describe('gradient boosting', () => {
  it('scores held-out rows as well as XGBoost does', async () => {
    const referee = JSON.parse(readFileSync(new URL('../../fixtures/gbdt-referee.json', import.meta.url), 'utf8')) as {
      positives: number; sum: number; xgboost: { auroc: number; logloss: number };
    }; // written by make-gbdt-referee.py
    expect(rows.labels.reduce((sum, label) => sum + label, 0)).toBe(referee.positives);
    expect(rows.features.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0)).toBe(referee.sum);
    const { ensemble } = await trainGbdt({ ...training, featureCount, config: { trees: 60 } });
    const margins = predictMargins(ensemble, held.features);
    expect(Math.abs(auroc(held.labels, margins, range(0, half)) - referee.xgboost.auroc)).toBeLessThan(0.004);
    expect(Math.abs(logloss(margins, held.labels) - referee.xgboost.logloss)).toBeLessThan(0.003);
  });

  it('grows the same forest, bit for bit, with any number of threads', async () => {
    const config = { trees: 8, featureFraction: 0.6, baggingFraction: 0.7, seed: 42 };
    const train = (workers: number, seed: number): Promise<{ ensemble: TreeEnsemble }> =>
      trainGbdt({ ...training, validation: held, featureCount, workers, config: { ...config, seed } });
    const [one, two, three, other] = await Promise.all([train(1, 42), train(2, 42), train(3, 42), train(1, 43)]);
    expect(two.ensemble).toEqual(one.ensemble);
    expect(three.ensemble).toEqual(one.ensemble);
    expect(other.ensemble).not.toEqual(one.ensemble);
  });

  it.each([{}, { baggingFraction: 0.5 }])('keeps scores during training that the finished forest gives again (%o)', async (sampling) => {
    const { ensemble, history } = await trainGbdt({ ...training, validation: held, featureCount, config: { trees: 6, ...sampling } });
    // The fifth round's loss on the training rows is that of four trees; on validation rows, of five.
    expect(history[4]?.trainingLogloss).toBeCloseTo(logloss(predictMargins(firstTrees(ensemble, 4), training.features), training.labels), 10);
    expect(history[4]?.validationLogloss).toBeCloseTo(logloss(predictMargins(firstTrees(ensemble, 5), held.features), held.labels), 10);
  });

  it('learns from whether a value is missing, and which way missing values go', async () => {
    const count = 4_000;
    const features = new Float32Array(count);
    const labels = new Uint8Array(count);
    for (let row = 0; row < count; row += 1) {
      features[row] = row % 4 === 0 ? NaN : row % 97;
      labels[row] = Number(row % 4 === 0 ? row % 5 !== 0 : row % 97 > 60 && row % 5 !== 0);
    }
    const { ensemble } = await trainGbdt({ features, labels, featureCount: 1, config: { trees: 20, learningRate: 0.3 } });
    const [low = NaN, high = NaN, missing = NaN] = predictMargins(ensemble, Float32Array.of(10, 80, NaN));
    expect(low).toBeLessThan(-3);
    expect(high).toBeGreaterThan(1);
    expect(missing).toBeCloseTo(high, 0);
  });

  it('stops early at the best tree on the validation rows', async () => {
    const config = { trees: 400, learningRate: 0.5, earlyStoppingRounds: 5 };
    const { ensemble, history } = await trainGbdt({ ...training, validation: held, featureCount, config });
    const losses = history.map(({ validationLogloss = NaN }) => validationLogloss);
    expect(ensemble.trees.length).toBe(losses.indexOf(Math.min(...losses)) + 1);
    expect(history.length).toBe(ensemble.trees.length + 5);
    const byAuroc = await trainGbdt({ ...training, validation: held, featureCount, config: { ...config, earlyStoppingMetric: 'auroc' } });
    const aurocs = byAuroc.history.map(({ validationAuroc = NaN }) => validationAuroc);
    expect(byAuroc.ensemble.trees.length).toBe(aurocs.indexOf(Math.max(...aurocs)) + 1);
  });

  it('trains on rows and columns of a matrix that was binned once', async () => {
    const dataset = await binDataset({ features: rows.features, featureCount, edgeRows: range(0, half) });
    const config = { trees: 10 };
    const whole = await trainGbdt({ ...training, featureCount, config });
    const subset = await trainGbdtBinned({ dataset, labels: rows.labels, trainingRows: range(0, half), config });
    expect(subset.ensemble).toEqual(whole.ensemble);
    const some = await trainGbdtBinned({ dataset, labels: rows.labels, trainingRows: range(0, half), columns: [1, 3, 8], config });
    const used = new Set(some.ensemble.trees.flatMap(({ feature }) => [...feature]));
    expect([...used].sort((a, b) => a - b)).toEqual([-1, 1, 3, 8]);
    expect([...some.gains.keys()].filter((column) => (some.gains[column] ?? 0) > 0)).toEqual([1, 3, 8]);
  });

  it('counts a row of weight 3 as three rows', async () => {
    const weights = new Float32Array(half).map((_, row) => (row % 10 === 0 ? 3 : 1));
    const repeated = [...range(0, half)].flatMap((row) => (row % 10 === 0 ? [row, row, row] : [row]));
    const features = new Float32Array(repeated.length * featureCount);
    // Few enough values for a bin each, so that both have the same edges.
    const coarse = training.features.map((value) => Math.floor(value / 2));
    repeated.forEach((row, at) => features.set(coarse.subarray(row * featureCount, (row + 1) * featureCount), at * featureCount));
    const labels = Uint8Array.from(repeated, (row) => training.labels[row] ?? 0);
    const config = { trees: 3, maxLeaves: 8 };
    const weighted = await trainGbdt({ ...training, features: coarse, featureCount, weights, config });
    const written = await trainGbdt({ features, labels, featureCount, config });
    expect(weighted.ensemble.baseScore).toBeCloseTo(written.ensemble.baseScore, 12);
    expect(weighted.ensemble.trees.map(({ cover }) => cover[0])).toEqual([repeated.length, repeated.length, repeated.length]);
    // Fixed-point rounding of 3g is not three times that of g: close, not equal.
    const [a, b] = [predictMargins(weighted.ensemble, held.features), predictMargins(written.ensemble, held.features)];
    expect(a.reduce((sum, margin, row) => sum + Math.abs(margin - (b[row] ?? NaN)), 0) / half).toBeLessThan(1e-5);
  });

  it('keeps to its bounds: leaves, depth, least weight, covers that add up', async () => {
    const config = { trees: 5, maxLeaves: 12, maxDepth: 4, minChildWeight: 20 };
    const { ensemble, history } = await trainGbdt({ ...training, featureCount, config });
    expect(history.every(({ leaves }) => leaves <= 12)).toBe(true);
    for (const { feature, left, right, cover } of ensemble.trees) {
      const depthOf = (node: number): number => ((feature[node] ?? -1) < 0 ? 0 : 1 + Math.max(depthOf(left[node] ?? 0), depthOf(right[node] ?? 0)));
      expect(depthOf(0)).toBeLessThanOrEqual(4);
      feature.forEach((column, node) => {
        // A hessian is at most a quarter of its row's weight.
        if (column < 0) expect(cover[node]).toBeGreaterThanOrEqual(80);
        else expect(cover[node]).toBe((cover[left[node] ?? 0] ?? 0) + (cover[right[node] ?? 0] ?? 0));
      });
    }
  });
});

describe('what cannot be trained on', () => {
  it('is named', async () => {
    const train = (change: object): Promise<unknown> => trainGbdt({ ...training, featureCount, ...change });
    await expect(train({ labels: new Uint8Array(half) })).rejects.toMatchObject({ code: 'training.data-invalid' });
    await expect(train({ labels: new Uint8Array(half).fill(2) })).rejects.toMatchObject({ code: 'training.data-invalid' });
    await expect(train({ weights: new Float32Array(half) })).rejects.toMatchObject({ code: 'training.data-invalid' });
    await expect(train({ features: training.features.map((value, at) => (at === 5 ? Infinity : value)) })).rejects.toMatchObject({ code: 'features.invalid' });
    await expect(train({ featureCount: 7 })).rejects.toMatchObject({ code: 'features.invalid' });
    await expect(train({ config: { maxLeaves: 1 } })).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(train({ config: { learningRate: NaN } })).rejects.toMatchObject({ code: 'config.invalid' });
    await expect(train({ columns: [3, 3] })).rejects.toMatchObject({ code: 'training.data-invalid' });
  });

  it('an abort ends the threads and rejects with its reason', async () => {
    const stop = new AbortController();
    const run = trainGbdt({ ...training, featureCount, config: { trees: 10_000 }, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(run).rejects.toThrow('enough');
  });
});
