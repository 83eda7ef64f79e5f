import { expect, it } from 'vitest';
import type { TreeEnsemble } from '@primum/formats';
import { createExplainer } from './explainer.ts';

const stump: TreeEnsemble = {
  featureCount: 2,
  baseScore: -1,
  trees: [{
    feature: Int32Array.of(1, -1, -1), threshold: Float32Array.of(5, 0, 0), left: Int32Array.of(1, 0, 0), right: Int32Array.of(2, 0, 0),
    missingLeft: Uint8Array.of(1, 0, 0), value: Float32Array.of(0, 1, 3), cover: Float64Array.of(4, 3, 1),
  }],
};

it('explains off the main thread, also rows that are views into a matrix', async () => {
  await using explainer = createExplainer({ workers: 2 });
  await explainer.load('stump', stump);
  const matrix = Float32Array.of(0, 7, 0, NaN);
  const high = await explainer.explain('stump', matrix.subarray(0, 2), 2);
  expect(high).toMatchObject({ expected: 0.5, margin: 2 });
  expect([...high.contributions]).toEqual([0, expect.closeTo(1.5, 12)]);
  const missing = await explainer.explain('stump', matrix.subarray(2, 4));
  expect([...missing.contributions]).toEqual([0, expect.closeTo(-0.5, 12)]);
});

it('says what is wrong: a served margin that the parts do not give, a model that is not there, covers of no sense', async () => {
  await using explainer = createExplainer();
  await explainer.load('stump', stump);
  const row = Float32Array.of(0, 7);
  await expect(explainer.explain('stump', row, 2.001)).rejects.toMatchObject({ code: 'model.additivity-failed' });
  await expect(explainer.explain('other', row)).rejects.toMatchObject({ code: 'model.not-loaded' });
  await expect(explainer.explain('stump', new Float32Array(3))).rejects.toMatchObject({ code: 'features.invalid' });
  const [tree] = stump.trees;
  const broken = { ...stump, trees: tree === undefined ? [] : [{ ...tree, cover: Float64Array.of(4, 0, 1) }] };
  await expect(explainer.load('broken', broken)).rejects.toMatchObject({ code: 'model.package-invalid' });
  await explainer.unload('stump');
  await expect(explainer.explain('stump', row)).rejects.toMatchObject({ code: 'model.not-loaded' });
});
