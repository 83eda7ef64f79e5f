import { GROUP_FEATURES } from './binned-dataset.ts';
import { MISSING_BIN } from './bin-edges.ts';
import { OPERATION, SPLIT_ARG } from './operations.ts';
import type { Team } from './team.ts';
import { CANDIDATE, WALK, type TrainingState } from './training-state.ts';

/** A node while its tree grows; sums are fixed-point integers. */
export type GrownNode = {
  /** Rows of the node in `order`. */
  begin: number;
  end: number;
  depth: number;
  gradient: number;
  hessian: number;
  split?: { column: number; bin: number; missingLeft: boolean; gain: number; left: number; right: number };
};

type OpenLeaf = { node: number; slot: number; best: Split | undefined };
type Split = { column: number; bin: number; missingLeft: boolean; gain: number; gradientLeft: number; hessianLeft: number };

/** Real units of the fixed-point sums, and the total over the in-bag rows, which stand first in `order`. */
export type RoundSums = { bagCount: number; gradient: number; hessian: number; gradientUnit: number; hessianUnit: number };

/**
 * Grows one tree leaf by leaf, always splitting the leaf with the largest gain (ties: the older leaf). Of two children
 * only the smaller one's histogram is summed; the other is the parent's less that. Leaves the rows of every leaf
 * together in `order`. `serial` counts operations over the whole run.
 */
export function growTree(state: TrainingState, team: Team, sums: RoundSums, nextSerial: () => number): GrownNode[] {
  const { maxLeaves, maxDepth, minGain } = state.config;
  const root: GrownNode = { begin: 0, end: sums.bagCount, depth: 0, gradient: sums.gradient, hessian: sums.hessian };
  const nodes = [root];
  const leaves: OpenLeaf[] = [{ node: 0, slot: 0, best: undefined }];
  const spare = new Uint32Array(state.order.length);
  announce(state, sums, nextSerial(), root, 0);
  team.run(OPERATION.split, state.groups.length);
  if (leaves[0] !== undefined) leaves[0].best = bestOf(state, 0);

  while (leaves.length < maxLeaves) {
    const leaf = widest(leaves, minGain);
    if (leaf?.best === undefined) break;
    const parent = nodes[leaf.node] as GrownNode; // leaves name nodes that exist
    const { best } = leaf;
    const middle = partition(state, parent, best, spare);
    const depth = parent.depth + 1;
    const left: GrownNode = { begin: parent.begin, end: middle, depth, gradient: best.gradientLeft, hessian: best.hessianLeft };
    const right: GrownNode = {
      begin: middle, end: parent.end, depth,
      gradient: parent.gradient - best.gradientLeft, hessian: parent.hessian - best.hessianLeft,
    };
    const { column, bin, missingLeft, gain } = best;
    parent.split = { column, bin, missingLeft, gain, left: nodes.length, right: nodes.length + 1 };
    const [leftSmaller, newSlot] = [left.end - left.begin <= right.end - right.begin, leaves.length];
    const leftLeaf: OpenLeaf = { node: nodes.length, slot: leftSmaller ? newSlot : leaf.slot, best: undefined };
    const rightLeaf: OpenLeaf = { node: nodes.length + 1, slot: leftSmaller ? leaf.slot : newSlot, best: undefined };
    nodes.push(left, right);
    leaves.splice(leaves.indexOf(leaf), 1, leftLeaf);
    leaves.push(rightLeaf);
    // The last split needs no histograms, nor do leaves at the depth limit.
    if (leaves.length === maxLeaves || (maxDepth > 0 && depth >= maxDepth)) continue;
    const [small, large] = leftSmaller ? [left, right] : [right, left];
    announce(state, sums, nextSerial(), small, newSlot, { node: large, slot: leaf.slot });
    team.run(OPERATION.split, state.groups.length);
    leftLeaf.best = bestOf(state, leftSmaller ? 0 : 1);
    rightLeaf.best = bestOf(state, leftSmaller ? 1 : 0);
  }
  return nodes;
}

function announce(
  { args }: TrainingState, sums: RoundSums, serial: number,
  small: GrownNode, smallSlot: number, large?: { node: GrownNode; slot: number },
): void {
  args[SPLIT_ARG.begin] = small.begin;
  args[SPLIT_ARG.end] = small.end;
  args[SPLIT_ARG.smallSlot] = smallSlot;
  args[SPLIT_ARG.smallGradient] = small.gradient;
  args[SPLIT_ARG.smallHessian] = small.hessian;
  args[SPLIT_ARG.largeSlot] = large?.slot ?? -1;
  args[SPLIT_ARG.largeGradient] = large?.node.gradient ?? 0;
  args[SPLIT_ARG.largeHessian] = large?.node.hessian ?? 0;
  args[SPLIT_ARG.gradientUnit] = sums.gradientUnit;
  args[SPLIT_ARG.hessianUnit] = sums.hessianUnit;
  args[SPLIT_ARG.serial] = serial;
}

/** Best candidate over the allowed columns; ties go to the lower column. */
function bestOf({ allowed, candidates, featureCount }: TrainingState, side: number): Split | undefined {
  let best: Split | undefined;
  for (let column = 0; column < featureCount; column += 1) {
    if (allowed[column] !== 1) continue;
    const base = (side * featureCount + column) * CANDIDATE.size;
    const field = (offset: number): number => candidates[base + offset] as number; // in range by construction
    const gain = field(CANDIDATE.gain);
    if (gain === -Infinity || (best !== undefined && gain <= best.gain)) continue;
    best = {
      column, gain, bin: field(CANDIDATE.bin), missingLeft: field(CANDIDATE.missingLeft) === 1,
      gradientLeft: field(CANDIDATE.gradientLeft), hessianLeft: field(CANDIDATE.hessianLeft),
    };
  }
  return best;
}

function widest(leaves: readonly OpenLeaf[], minGain: number): OpenLeaf | undefined {
  let widestLeaf: OpenLeaf | undefined;
  for (const leaf of leaves) {
    if (leaf.best === undefined || leaf.best.gain <= minGain) continue;
    const record = widestLeaf?.best;
    if (record === undefined || leaf.best.gain > record.gain || (leaf.best.gain === record.gain && leaf.node < (widestLeaf?.node ?? 0))) {
      widestLeaf = leaf;
    }
  }
  return widestLeaf;
}

/** Sorts a node's rows into left and right, keeping their order; returns where the right ones start. */
function partition({ order, words, rowCount }: TrainingState, node: GrownNode, split: Split, spare: Uint32Array): number {
  const goesLeft = new Uint8Array(256);
  goesLeft.fill(1, 0, split.bin + 1);
  goesLeft[MISSING_BIN] = Number(split.missingLeft);
  const offset = Math.floor(split.column / GROUP_FEATURES) * rowCount;
  const shift = (split.column % GROUP_FEATURES) * 8;
  let lefts = node.begin;
  let rights = 0;
  for (let at = node.begin; at < node.end; at += 1) {
    const row = order[at] as number; // in range: order holds dataset rows
    const left = goesLeft[((words[offset + row] as number) >>> shift) & 255] as number;
    // Both are written, only one counts: no branch to mispredict. `lefts` never passes `at`.
    order[lefts] = row;
    spare[rights] = row;
    lefts += left;
    rights += 1 - left;
  }
  order.set(spare.subarray(0, rights), lefts);
  return lefts;
}

/** Lays the grown tree out for `walkBlock`, with the value of each node. */
export function layOutWalk(state: TrainingState, nodes: readonly GrownNode[], values: readonly number[]): void {
  const { walk, nodeValues, rowCount } = state;
  nodeValues.set(values);
  nodes.forEach(({ split }, index) => {
    const base = index * WALK.size;
    walk.fill(0, base, base + WALK.size);
    if (split === undefined) return;
    walk[base + WALK.group] = Math.floor(split.column / GROUP_FEATURES) * rowCount;
    walk[base + WALK.shift] = (split.column % GROUP_FEATURES) * 8;
    walk[base + WALK.bin] = split.bin;
    walk[base + WALK.missingLeft] = Number(split.missingLeft);
    walk[base + WALK.left] = split.left;
    walk[base + WALK.right] = split.right;
  });
}
