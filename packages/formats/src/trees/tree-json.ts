import { PrimumError } from '@primum/base';
import type { Calibration, Tree, TreeEnsemble } from './tree-ensemble.ts';

/** A tree ensemble as JSON: the same fields with number arrays. float32 values survive: they are exact in float64. */
export type TreeEnsembleJson = {
  featureCount: number;
  baseScore: number;
  calibration?: Calibration;
  trees: Record<keyof Tree, number[]>[];
};

/** The largest model that is read; a file beyond it is refused before arrays are made. */
const MAX_TREES = 10_000;
const MAX_NODES = 100_000;

export function ensembleToJson(ensemble: TreeEnsemble): TreeEnsembleJson {
  const { featureCount, baseScore, calibration, trees } = ensemble;
  return {
    featureCount,
    baseScore,
    ...(calibration === undefined ? {} : { calibration }),
    trees: trees.map((tree) => ({
      feature: [...tree.feature],
      threshold: [...tree.threshold],
      left: [...tree.left],
      right: [...tree.right],
      missingLeft: [...tree.missingLeft],
      value: [...tree.value],
      cover: [...tree.cover],
    })),
  };
}

/** Reads what `ensembleToJson` wrote. Throws `model.package-invalid` naming the first thing that is wrong. */
export function ensembleFromJson(json: unknown): TreeEnsemble {
  const source = objectOf(json, 'ensemble');
  const featureCount = numberOf(source['featureCount'], 'featureCount');
  if (!Number.isInteger(featureCount) || featureCount < 1) throw invalid('featureCount');
  const trees = source['trees'];
  if (!Array.isArray(trees) || trees.length > MAX_TREES) throw invalid('trees');
  const ensemble: TreeEnsemble = {
    featureCount,
    baseScore: numberOf(source['baseScore'], 'baseScore'),
    trees: trees.map((tree, index) => treeFromJson(tree, `trees[${index}]`, featureCount)),
  };
  if (source['calibration'] !== undefined) {
    const calibration = objectOf(source['calibration'], 'calibration');
    ensemble.calibration = {
      slope: numberOf(calibration['slope'], 'calibration.slope'),
      intercept: numberOf(calibration['intercept'], 'calibration.intercept'),
    };
  }
  return ensemble;
}

function treeFromJson(json: unknown, where: string, featureCount: number): Tree {
  const source = objectOf(json, where);
  const numbers = (name: keyof Tree): number[] => numbersOf(source[name], `${where}.${name}`);
  const tree: Tree = {
    feature: Int32Array.from(numbers('feature')),
    threshold: Float32Array.from(numbers('threshold')),
    left: Int32Array.from(numbers('left')),
    right: Int32Array.from(numbers('right')),
    missingLeft: Uint8Array.from(numbers('missingLeft')),
    value: Float32Array.from(numbers('value')),
    cover: Float64Array.from(numbers('cover')),
  };
  checkTree(tree, where, featureCount);
  return tree;
}

/** Children after their parent and each node reached once: so every walk ends, and at a leaf. */
function checkTree(tree: Tree, where: string, featureCount: number): void {
  const count = tree.feature.length;
  if (count === 0 || Object.values(tree).some((array) => array.length !== count)) throw invalid(where);
  const parents = new Uint8Array(count);
  for (let node = 0; node < count; node += 1) {
    const feature = tree.feature[node] ?? 0;
    if (feature < -1 || feature >= featureCount) throw invalid(`${where}.feature`);
    if (feature === -1) continue;
    for (const child of [tree.left[node] ?? 0, tree.right[node] ?? 0]) {
      if (child <= node || child >= count || parents[child] === 1) throw invalid(`${where} node ${node}`);
      parents[child] = 1;
    }
  }
  if (parents.subarray(1).some((seen) => seen === 0)) throw invalid(`${where}: a node has no parent`);
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(where);
  return value as Record<string, unknown>; // narrowed to a non-null object above
}

function numberOf(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw invalid(where);
  return value;
}

function numbersOf(value: unknown, where: string): number[] {
  if (!Array.isArray(value) || value.length > MAX_NODES) throw invalid(where);
  return value.map((item) => numberOf(item, where));
}

function invalid(where: string): PrimumError {
  return new PrimumError('model.package-invalid', `tree ensemble: ${where}`);
}
