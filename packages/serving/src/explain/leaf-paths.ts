import { PrimumError } from '@primum/base';
import { LEAF, slopeOf, type Tree, type TreeEnsemble } from '@primum/formats';

/**
 * Every leaf of an ensemble as the conditions on its path, one term per distinct column: several splits on a column
 * merge into one interval. Flat arrays; the terms of leaf l are those from `termStart[l]` to `termStart[l + 1]`.
 */
export type LeafPaths = {
  leafCount: number;
  /** Leaf value times the calibration's slope: log-odds as served. */
  value: Float64Array;
  termStart: Int32Array;
  column: Int32Array;
  /** A present value meets the term where above < value ≤ upTo. */
  above: Float32Array;
  upTo: Float32Array;
  /** 1 where a missing value meets the term. */
  missingMeets: Uint8Array;
  /** Share of training weight that goes this way at the column's splits on the path: product of cover ratios. */
  share: Float64Array;
};

type Term = { column: number; above: number; upTo: number; missingMeets: boolean; share: number };

/** Deeper paths than this are refused; they would need a larger quadrature than is kept. */
export const MAX_TERMS = 64;

export function leafPathsOf(ensemble: TreeEnsemble): LeafPaths {
  const slope = slopeOf(ensemble);
  const values: number[] = [];
  const starts: number[] = [0];
  const terms: Term[] = [];
  for (const tree of ensemble.trees) {
    walk(tree, 0, [], (value, path) => {
      if (path.length > MAX_TERMS) throw new PrimumError('model.package-invalid', `a path asks about more than ${MAX_TERMS} columns`);
      values.push(slope * value);
      terms.push(...path);
      starts.push(terms.length);
    });
  }
  return {
    leafCount: values.length,
    value: Float64Array.from(values),
    termStart: Int32Array.from(starts),
    column: Int32Array.from(terms, ({ column }) => column),
    above: Float32Array.from(terms, ({ above }) => above),
    upTo: Float32Array.from(terms, ({ upTo }) => upTo),
    missingMeets: Uint8Array.from(terms, ({ missingMeets }) => Number(missingMeets)),
    share: Float64Array.from(terms, ({ share }) => share),
  };
}

/** Mean of the served log-odds over the training weights: base score and each tree's cover-weighted leaves. */
export function expectedMargin(ensemble: TreeEnsemble): number {
  let expected = ensemble.baseScore;
  for (const { feature, value, cover } of ensemble.trees) {
    let sum = 0;
    feature.forEach((column, node) => {
      if (column === LEAF) sum += (value[node] ?? 0) * (cover[node] ?? 0);
    });
    expected += sum / (cover[0] ?? NaN);
  }
  return slopeOf(ensemble) * expected + (ensemble.calibration?.intercept ?? 0);
}

function walk(tree: Tree, node: number, path: readonly Term[], onLeaf: (value: number, path: readonly Term[]) => void): void {
  const column = tree.feature[node] ?? LEAF;
  if (column === LEAF) {
    onLeaf(tree.value[node] ?? 0, path);
    return;
  }
  const threshold = tree.threshold[node] ?? 0;
  const missingLeft = tree.missingLeft[node] === 1;
  const [left, right] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
  const shareOf = (child: number): number => (tree.cover[child] ?? 0) / (tree.cover[node] ?? 0);
  const [leftShare, rightShare] = [shareOf(left), shareOf(right)];
  // Shares that do not sum to 1 would make the expectation mean nothing; other trainers keep covers as float32.
  if (!(leftShare > 0 && rightShare > 0 && Math.abs(leftShare + rightShare - 1) < 1e-4)) {
    throw new PrimumError('model.package-invalid', `covers of node ${node} and its children`);
  }
  walk(tree, left, narrowed(path, { column, above: -Infinity, upTo: threshold, missingMeets: missingLeft, share: leftShare }), onLeaf);
  walk(tree, right, narrowed(path, { column, above: threshold, upTo: Infinity, missingMeets: !missingLeft, share: rightShare }), onLeaf);
}

function narrowed(path: readonly Term[], term: Term): Term[] {
  if (!path.some(({ column }) => column === term.column)) return [...path, term];
  return path.map((old) =>
    old.column !== term.column
      ? old
      : {
          column: old.column,
          above: Math.max(old.above, term.above),
          upTo: Math.min(old.upTo, term.upTo),
          missingMeets: old.missingMeets && term.missingMeets,
          share: old.share * term.share,
        },
  );
}
