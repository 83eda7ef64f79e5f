import { describe, expect, it } from 'vitest';
import { predictMargins, sigmoid } from './predict-margins.ts';
import { ensembleFromJson, ensembleToJson } from './tree-json.ts';
import type { TreeEnsemble } from './tree-ensemble.ts';

/** x₀ ≤ 2 ? (x₁ ≤ −1, missing left ? 0.5 : −0.25) : 1, missing x₀ right; and a tree that is one leaf. */
const ensemble: TreeEnsemble = {
  featureCount: 2,
  baseScore: -1,
  calibration: { slope: 2, intercept: 0.125 },
  trees: [
    {
      feature: Int32Array.of(0, 1, -1, -1, -1),
      threshold: Float32Array.of(2, -1, 0, 0, 0),
      left: Int32Array.of(1, 3, 0, 0, 0),
      right: Int32Array.of(2, 4, 0, 0, 0),
      missingLeft: Uint8Array.of(0, 1, 0, 0, 0),
      value: Float32Array.of(0, 0, 1, 0.5, -0.25),
      cover: Float64Array.of(10, 6, 4, 2, 4),
    },
    {
      feature: Int32Array.of(-1), threshold: new Float32Array(1), left: new Int32Array(1), right: new Int32Array(1),
      missingLeft: new Uint8Array(1), value: Float32Array.of(0.25), cover: Float64Array.of(10),
    },
  ],
};

describe('a tree ensemble', () => {
  it('sends a value at the threshold left, a missing one its own way, and calibrates the sum', () => {
    const rows = Float32Array.of(2, -1, 2, -0.5, 2, NaN, 2.5, 0, NaN, NaN);
    const raw = [0.5, -0.25, 0.5, 1, 1].map((leaf) => -1 + leaf + 0.25);
    expect([...predictMargins(ensemble, rows)]).toEqual(raw.map((score) => 2 * score + 0.125));
    expect(sigmoid(0)).toBe(0.5);
    expect(() => predictMargins(ensemble, new Float32Array(3))).toThrow(expect.objectContaining({ code: 'features.invalid' }));
  });

  it('survives JSON', () => {
    expect(ensembleFromJson(JSON.parse(JSON.stringify(ensembleToJson(ensemble))))).toEqual(ensemble);
  });

  it.each([
    ['a child before its parent', (tree: Record<string, number[]>) => tree['left']?.fill(0)],
    ['two parents of a node', (tree: Record<string, number[]>) => tree['right']?.splice(1, 1, 3)],
    ['a column that there is not', (tree: Record<string, number[]>) => tree['feature']?.splice(1, 1, 2)],
    ['arrays of different lengths', (tree: Record<string, number[]>) => tree['value']?.pop()],
    ['a number that is none', (tree: Record<string, number[]>) => tree['cover']?.splice(0, 1, NaN)],
  ])('is refused with %s', (_, spoil) => {
    const json = ensembleToJson(ensemble);
    spoil(json.trees[0] ?? {});
    expect(() => ensembleFromJson(json)).toThrow(expect.objectContaining({ code: 'model.package-invalid' }));
  });
});
