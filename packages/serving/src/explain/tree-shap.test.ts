import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ensembleFromJson, predictMargins, type TreeEnsemble } from '@primum/formats';
import { leafPathsOf } from './leaf-paths.ts';
import { checkAdditivity, createTreeShap } from './tree-shap.ts';

type Case = { ensemble: unknown; rows: (number | null)[][]; contributions: number[][]; expected: number; tolerance: number };
const referee = JSON.parse(readFileSync(new URL('../../fixtures/tree-shap.json', import.meta.url), 'utf8')) as Record<'xgboost' | 'shap', Case>; // written by make-tree-shap.py

const COLUMNS = 4;

/** A random tree of up to `depth` levels; columns may repeat on a path. */
type Shape = { column: number; threshold: number; missingLeft: boolean; left: Shape; right: Shape } | { value: number; cover: number };
const leafShape = fc.record({ value: fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround), cover: fc.integer({ min: 1, max: 50 }) });
const { shape } = fc.letrec<{ shape: Shape }>((tie) => ({
  shape: fc.oneof(
    { maxDepth: 5, depthSize: 'small', withCrossShrink: true },
    leafShape,
    fc.record({
      column: fc.nat(COLUMNS - 1), threshold: fc.integer({ min: -2, max: 2 }), missingLeft: fc.boolean(),
      left: tie('shape'), right: tie('shape'),
    }),
  ),
}));
const rowOf = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(NaN)), { minLength: COLUMNS, maxLength: COLUMNS });
const calibrationOf = fc.record({ slope: fc.double({ min: 0.5, max: 2, noNaN: true }), intercept: fc.double({ min: -1, max: 1, noNaN: true }) });

function ensembleOf(shapes: Shape[], calibration: { slope: number; intercept: number }): TreeEnsemble {
  const trees = shapes.map((root) => {
    const tree = { feature: [] as number[], threshold: [] as number[], left: [] as number[], right: [] as number[], missingLeft: [] as number[], value: [] as number[], cover: [] as number[] };
    const add = (at: Shape): number => {
      const node = tree.feature.length;
      const inner = 'column' in at;
      tree.feature.push(inner ? at.column : -1);
      tree.threshold.push(inner ? at.threshold : 0);
      tree.missingLeft.push(inner && at.missingLeft ? 1 : 0);
      tree.value.push(inner ? 0 : at.value);
      tree.cover.push(inner ? 0 : at.cover);
      tree.left.push(0);
      tree.right.push(0);
      if (inner) {
        const left = (tree.left[node] = add(at.left));
        const right = (tree.right[node] = add(at.right));
        tree.cover[node] = (tree.cover[left] ?? 0) + (tree.cover[right] ?? 0);
      }
      return node;
    };
    add(root);
    return tree;
  });
  return ensembleFromJson({ featureCount: COLUMNS, baseScore: 0.3, calibration, trees });
}

/** The definition: average the step at `column` over all orders, by subsets of the other columns. */
function shapleyByDefinition(ensemble: TreeEnsemble, row: number[], column: number): number {
  const others = [0, 1, 2, 3].filter((each) => each !== column);
  let total = 0;
  for (let mask = 0; mask < 8; mask += 1) {
    const known = others.filter((_, bit) => (mask >> bit) & 1);
    const weight = [1 / 4, 1 / 12, 1 / 12, 1 / 4][known.length] ?? 0;
    total += weight * (expectation(ensemble, row, [...known, column]) - expectation(ensemble, row, known));
  }
  return total;
}

/** Margin when only some columns are known: at a split on another one, both sides by their cover (Lundberg 2018, Algorithm 1). */
function expectation({ trees, baseScore, calibration }: TreeEnsemble, row: number[], known: number[]): number {
  const { slope, intercept } = calibration ?? { slope: 1, intercept: 0 };
  const raw = trees.reduce((sum, tree) => {
    const at = (node: number): number => {
      const column = tree.feature[node] ?? -1;
      if (column < 0) return tree.value[node] ?? 0;
      const [left, right] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
      const value = row[column] ?? NaN;
      if (known.includes(column)) {
        const goesLeft = Number.isNaN(value) ? tree.missingLeft[node] === 1 : value <= (tree.threshold[node] ?? 0);
        return at(goesLeft ? left : right);
      }
      const [coverLeft, coverRight] = [tree.cover[left] ?? 0, tree.cover[right] ?? 0];
      return (coverLeft * at(left) + coverRight * at(right)) / (coverLeft + coverRight);
    };
    return sum + at(0);
  }, baseScore);
  return slope * raw + intercept;
}

describe('TreeSHAP', () => {
  it.each(['xgboost', 'shap'] as const)('gives what %s gives', (name) => {
    const { ensemble: json, rows, contributions, expected, tolerance } = referee[name];
    const explain = createTreeShap(ensembleFromJson(json));
    rows.forEach((row, index) => {
      const explanation = explain(Float32Array.from(row, (value) => value ?? NaN));
      expect(Math.abs(explanation.expected - expected)).toBeLessThan(tolerance);
      explanation.contributions.forEach((part, column) => {
        expect(Math.abs(part - (contributions[index]?.[column] ?? NaN))).toBeLessThan(tolerance);
      });
    });
  });

  it('is the Shapley value by its definition, with missing values and columns that repeat on a path', () => {
    fc.assert(
      fc.property(fc.array(shape, { minLength: 1, maxLength: 3 }), rowOf, calibrationOf, (shapes, row, calibration) => {
        const ensemble = ensembleOf(shapes, calibration);
        const { contributions, expected } = createTreeShap(ensemble)(Float32Array.from(row));
        expect(expected).toBeCloseTo(expectation(ensemble, row, []), 10);
        for (let column = 0; column < COLUMNS; column += 1) {
          expect(contributions[column]).toBeCloseTo(shapleyByDefinition(ensemble, row, column), 10);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('sums to the margin on a path of more columns than one quadrature pass holds', () => {
    const depth = 40;
    const featureCount = depth;
    const nodes = 2 * depth + 1;
    const chain = { feature: [] as number[], threshold: [] as number[], left: [] as number[], right: [] as number[], missingLeft: [] as number[], value: [] as number[], cover: [] as number[] };
    for (let node = 0; node < nodes; node += 1) {
      const inner = node % 2 === 0 && node < nodes - 1;
      chain.feature.push(inner ? node / 2 : -1);
      chain.threshold.push(0);
      chain.left.push(inner ? node + 1 : 0);
      chain.right.push(inner ? node + 2 : 0);
      chain.missingLeft.push(0);
      chain.value.push(inner ? 0 : Math.fround(Math.sin(node)));
      chain.cover.push(node % 2 === 0 ? depth + 1 - node / 2 : 1);
    }
    const ensemble = ensembleFromJson({ featureCount, baseScore: 0, trees: [chain] });
    const row = new Float32Array(featureCount).fill(1);
    const { contributions, expected } = createTreeShap(ensemble)(row);
    const sum = contributions.reduce((total, part) => total + part, expected);
    expect(sum).toBeCloseTo(predictMargins(ensemble, row)[0] ?? NaN, 12);
  });

  it('refuses parts that do not sum to the margin', () => {
    const explanation = { contributions: Float64Array.of(0.5, -0.2), expected: -3, margin: -2.7 };
    expect(() => checkAdditivity(explanation, -2.7, 1e-9)).not.toThrow();
    expect(() => checkAdditivity(explanation, -2.6999, 1e-5)).toThrow(expect.objectContaining({ code: 'model.additivity-failed' }));
    expect(() => checkAdditivity(explanation, NaN, 1)).toThrow(expect.objectContaining({ code: 'model.additivity-failed' }));
  });

  it('refuses covers that are not shares, and rows of another width', () => {
    const ensemble = ensembleOf([{ column: 0, threshold: 0, missingLeft: true, left: { value: 1, cover: 3 }, right: { value: 2, cover: 5 } }], { slope: 1, intercept: 0 });
    expect(() => createTreeShap(ensemble)(new Float32Array(3))).toThrow(expect.objectContaining({ code: 'features.invalid' }));
    ensemble.trees[0]?.cover.set([9]);
    expect(() => leafPathsOf(ensemble)).toThrow(expect.objectContaining({ code: 'model.package-invalid' }));
  });
});
