import { PrimumError } from '@primum/base';
import { interceptOf, slopeOf, type Tree, type TreeEnsemble } from './tree-ensemble.ts';

/**
 * Calibrated log-odds of every row. `features` is row-major rows × featureCount, NaN = missing.
 * Throws `features.invalid` when its length is not a whole number of rows.
 */
export function predictMargins(ensemble: TreeEnsemble, features: Float32Array): Float64Array {
  const { featureCount, trees, baseScore } = ensemble;
  const rowCount = features.length / featureCount;
  if (!Number.isInteger(rowCount)) {
    throw new PrimumError('features.invalid', `${features.length} values are not rows of ${featureCount}`);
  }
  const margins = new Float64Array(rowCount);
  for (const tree of trees) addLeafValues(tree, features, featureCount, margins);
  const slope = slopeOf(ensemble);
  const intercept = interceptOf(ensemble);
  for (let row = 0; row < rowCount; row += 1) {
    margins[row] = slope * (baseScore + (margins[row] ?? 0)) + intercept;
  }
  return margins;
}

/** Node index of the leaf that a row reaches; `offset` is where the row starts in `features`. */
export function leafOf(tree: Tree, features: Float32Array, offset: number): number {
  const { feature, threshold, left, right, missingLeft } = tree;
  let node = 0;
  // The casts below only say that indices are in range: children of a validated tree are.
  for (let column = feature[0] as number; column >= 0; column = feature[node] as number) {
    const value = features[offset + column] as number;
    const goesLeft = value <= (threshold[node] as number) || (value !== value && missingLeft[node] === 1);
    node = (goesLeft ? left[node] : right[node]) as number;
  }
  return node;
}

export function sigmoid(margin: number): number {
  return 1 / (1 + Math.exp(-margin));
}

function addLeafValues(tree: Tree, features: Float32Array, featureCount: number, sums: Float64Array): void {
  for (let row = 0, offset = 0; row < sums.length; row += 1, offset += featureCount) {
    sums[row] = (sums[row] as number) + (tree.value[leafOf(tree, features, offset)] as number);
  }
}
