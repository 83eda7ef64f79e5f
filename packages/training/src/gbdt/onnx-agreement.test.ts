import { expect, it } from 'vitest';
import { MAX_THRESHOLD, predictMargins, sigmoid, treeEnsembleToOnnx, type TreeEnsemble } from '@primum/formats';
import { createOnnxEngine } from '@primum/inference';
import { refereeRows } from '../../fixtures/referee-rows.ts';
import { trainGbdt } from './train-gbdt.ts';

const rows = refereeRows();
const { featureCount } = rows;

async function largestGaps(ensemble: TreeEnsemble, features: Float32Array): Promise<{ margin: number; probability: number }> {
  await using engine = createOnnxEngine();
  expect(await engine.load('model', treeEnsembleToOnnx(ensemble, { graphName: 'test', metadata: { purpose: 'test' } }))).toEqual({ featureCount });
  const ours = predictMargins(ensemble, features);
  const served = await engine.run('model', features, ours.length);
  const gaps = { margin: 0, probability: 0 };
  ours.forEach((margin, row) => {
    gaps.margin = Math.max(gaps.margin, Math.abs(margin - (served.margin[row] ?? NaN)));
    gaps.probability = Math.max(gaps.probability, Math.abs(sigmoid(margin) - (served.probability[row] ?? NaN)));
  });
  return gaps;
}

it('ONNX Runtime gives every row our score to 1e-6, at thresholds and with missing values too', async () => {
  const { ensemble } = await trainGbdt({ ...rows, config: { trees: 200, learningRate: 0.2 } });
  ensemble.calibration = { slope: 1.17, intercept: -0.21 };
  const features = rows.features.slice();
  // The first rows stand exactly on thresholds, and on both neighbours of them.
  const bits = new Int32Array(1);
  const single = new Float32Array(bits.buffer);
  let at = 0;
  for (const { feature, threshold } of ensemble.trees.slice(0, 30)) {
    feature.forEach((column, node) => {
      if (column < 0 || threshold[node] === MAX_THRESHOLD) return;
      for (const step of [-1, 0, 1]) {
        single[0] = threshold[node] ?? 0;
        bits[0] = (bits[0] ?? 0) + step;
        features[at * featureCount + column] = single[0];
        at = (at + 1) % rows.rowCount;
      }
    });
  }
  const gaps = await largestGaps(ensemble, features);
  expect(gaps.probability).toBeLessThan(1e-6);
  expect(gaps.margin).toBeLessThan(2e-6);
});

it('agrees on forests of single leaves and without calibration', async () => {
  const { ensemble } = await trainGbdt({ ...rows, config: { trees: 2, minChildWeight: 1e6, featureFraction: 0.5 } });
  expect(ensemble.trees.map(({ feature }) => feature.length)).toEqual([1, 1]);
  expect((await largestGaps(ensemble, rows.features.slice(0, 20 * featureCount))).probability).toBeLessThan(1e-6);
});
