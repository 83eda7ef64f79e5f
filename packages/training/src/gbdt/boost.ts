import { LEAF, type Tree } from '@primum/formats';
import { auroc } from './auroc.ts';
import { growTree, layOutWalk, type GrownNode, type RoundSums } from './grow-tree.ts';
import { BAG_COUNT_ARG, OPERATION } from './operations.ts';
import { sampleInOrder, seededRandom } from './random.ts';
import type { Team } from './team.ts';
import { BLOCK_SUMS, ROW_BLOCK, type TrainingState } from './training-state.ts';

/** What a round did. Losses are weighted means in nats; `trainingLogloss` is before the round's tree was added. */
export type GbdtRound = {
  /** Trees so far, this one included. */
  tree: number;
  leaves: number;
  trainingLogloss: number;
  validationLogloss?: number;
  validationAuroc?: number;
  seconds: number;
};

export type BoostResult = { baseScore: number; trees: Tree[]; gains: Float64Array };

/** Sums of fixed-point values over any rows stay inside Int32 by this bound. */
const INT32_LIMIT = 2 ** 31 - 1;

/**
 * The boosting loop (Friedman 2001; second-order leaf values as in Chen & Guestrin 2016, eq. 5), run by the
 * coordinator thread. Deterministic under the seed for any team. `edges` turn bins back into thresholds.
 */
export function boost(state: TrainingState, edges: readonly Float32Array[], team: Team, onRound: (round: GbdtRound) => void): BoostResult {
  const { config, trainingRows, validationRows } = state;
  const random = seededRandom(config.seed);
  const columns = [...state.allowed.keys()].filter((column) => state.allowed[column] === 1);
  const baseScore = baseScoreOf(state);
  const gainsByTree: Float64Array[] = [];
  const trees: Tree[] = [];
  let serial = 0;
  let bestMetric = -Infinity;
  let bestCount = 0;
  for (const row of trainingRows) state.scores[row] = baseScore;
  for (const row of validationRows) state.scores[row] = baseScore;

  while (trees.length < config.trees) {
    const startMs = performance.now();
    const { sums, logloss } = prepareRound(state, team, random, columns);
    const nodes = growTree(state, team, sums, () => (serial += 1));
    const tree = toTree(state, nodes, sums, edges);
    trees.push(tree);
    gainsByTree.push(gainsOf(nodes, state.featureCount));
    addTree(state, team, nodes, tree, sums.bagCount);
    const round: GbdtRound = { tree: trees.length, leaves: (nodes.length + 1) / 2, trainingLogloss: logloss, seconds: 0 };
    if (validationRows.length > 0) {
      round.validationLogloss = lossOf(state, team, OPERATION.scoreValidation, validationRows.length).logloss;
      if (config.earlyStoppingMetric === 'auroc') round.validationAuroc = auroc(state.labels, state.scores, validationRows);
    }
    round.seconds = (performance.now() - startMs) / 1000;
    onRound(round);
    if (validationRows.length > 0 && config.earlyStoppingRounds > 0) {
      const metric = round.validationAuroc ?? -(round.validationLogloss ?? 0);
      if (metric > bestMetric) [bestMetric, bestCount] = [metric, trees.length];
      if (trees.length - bestCount >= config.earlyStoppingRounds) break;
    }
    // A lone root means that nothing is left to learn with this setting, unless another draw may find more.
    if (nodes.length === 1 && config.featureFraction === 1 && config.baggingFraction === 1) break;
  }
  const kept = bestCount > 0 ? bestCount : trees.length;
  const gains = new Float64Array(state.featureCount);
  for (const treeGains of gainsByTree.slice(0, kept)) treeGains.forEach((gain, column) => (gains[column] = (gains[column] ?? 0) + gain));
  return { baseScore, trees: trees.slice(0, kept), gains };
}

/** Log-odds of the weighted share of positives. */
function baseScoreOf({ trainingRows, labels, weights }: TrainingState): number {
  let positive = 0;
  let negative = 0;
  for (const row of trainingRows) {
    const weight = weights[row] ?? 0;
    if (labels[row] === 1) positive += weight;
    else negative += weight;
  }
  return Math.log(positive / negative);
}

/** Draws the round's columns and rows, and sets the fixed-point gradients at the present scores. */
function prepareRound(state: TrainingState, team: Team, random: () => number, columns: readonly number[]): { sums: RoundSums; logloss: number } {
  const { config, trainingRows, gradients, order, args } = state;
  if (config.featureFraction < 1) {
    state.allowed.fill(0);
    const take = Math.max(1, Math.round(columns.length * config.featureFraction));
    sampleInOrder(columns, take, random, (column) => (state.allowed[column] = 1));
  }
  const bagCount = fillOrder(state, random);
  const loss = lossOf(state, team, OPERATION.scoreTraining, trainingRows.length);
  const gradientScale = scaleFor(loss.absoluteGradient, trainingRows.length);
  const hessianScale = scaleFor(loss.hessian, trainingRows.length);
  args[0] = gradientScale;
  args[1] = hessianScale;
  team.run(OPERATION.quantise, Math.ceil(trainingRows.length / ROW_BLOCK));
  let gradient = 0;
  let hessian = 0;
  for (let at = 0; at < bagCount; at += 1) {
    const row = order[at] as number; // in range: order holds dataset rows
    gradient += gradients[2 * row] as number;
    hessian += gradients[2 * row + 1] as number;
  }
  const sums = { bagCount, gradient, hessian, gradientUnit: 1 / gradientScale, hessianUnit: 1 / hessianScale };
  return { sums, logloss: loss.logloss };
}

/** In-bag rows in front, in dataset order; the others behind. */
function fillOrder({ config, trainingRows, order }: TrainingState, random: () => number): number {
  if (config.baggingFraction === 1) {
    order.set(trainingRows);
    return trainingRows.length;
  }
  const bagCount = Math.max(1, Math.round(trainingRows.length * config.baggingFraction));
  let inBag = 0;
  sampleInOrder(trainingRows, bagCount, random, (row) => (order[inBag++] = row));
  let at = bagCount;
  let bagAt = 0;
  for (const row of trainingRows) {
    if (bagAt < bagCount && order[bagAt] === row) bagAt += 1;
    else order[at++] = row;
  }
  return bagCount;
}

/** Largest power of two by which the sum, and the rounding of every row, stays inside Int32. */
function scaleFor(sum: number, rows: number): number {
  return 2 ** Math.floor(Math.log2((INT32_LIMIT - rows) / Math.max(sum, Number.MIN_VALUE ** 0.5)));
}

function lossOf(state: TrainingState, team: Team, operation: number, rows: number): { absoluteGradient: number; hessian: number; logloss: number } {
  const blocks = Math.ceil(rows / ROW_BLOCK);
  team.run(operation, blocks);
  const totals = [0, 0, 0, 0];
  for (let at = 0; at < blocks * BLOCK_SUMS; at += 1) {
    const field = at % BLOCK_SUMS;
    totals[field] = (totals[field] ?? 0) + (state.blockSums[at] ?? 0);
  }
  const [absoluteGradient = 0, hessian = 0, loss = 0, weight = 1] = totals;
  return { absoluteGradient, hessian, logloss: loss / weight };
}

/** Scores of training rows move by leaf, those of other rows by a walk over their bins. */
function addTree(state: TrainingState, team: Team, nodes: readonly GrownNode[], tree: Tree, bagCount: number): void {
  const { trainingRows, validationRows, leaves, args } = state;
  layOutWalk(state, nodes, [...tree.value]);
  let leafCount = 0;
  nodes.forEach((node, index) => {
    if (node.split === undefined) leaves.set([node.begin, node.end, index], 3 * leafCount++);
  });
  team.run(OPERATION.addLeaves, leafCount);
  if (validationRows.length > 0) team.run(OPERATION.walkValidation, Math.ceil(validationRows.length / ROW_BLOCK));
  if (bagCount === trainingRows.length) return;
  args[BAG_COUNT_ARG] = bagCount;
  team.run(OPERATION.walkOutOfBag, Math.ceil((trainingRows.length - bagCount) / ROW_BLOCK));
}

function toTree(state: TrainingState, nodes: readonly GrownNode[], sums: RoundSums, edges: readonly Float32Array[]): Tree {
  const { learningRate, l2 } = state.config;
  const count = nodes.length;
  const tree: Tree = {
    feature: new Int32Array(count).fill(LEAF),
    threshold: new Float32Array(count),
    left: new Int32Array(count),
    right: new Int32Array(count),
    missingLeft: new Uint8Array(count),
    value: new Float32Array(count),
    cover: new Float64Array(count),
  };
  // Children stand after their parent: going backwards, their covers are known first.
  for (let index = count - 1; index >= 0; index -= 1) {
    const node = nodes[index] as GrownNode; // index < count
    if (node.split === undefined) {
      const denominator = node.hessian * sums.hessianUnit + l2;
      tree.value[index] = denominator > 0 ? (-learningRate * node.gradient * sums.gradientUnit) / denominator : 0;
      for (let at = node.begin; at < node.end; at += 1) {
        tree.cover[index] = (tree.cover[index] ?? 0) + (state.weights[state.order[at] ?? 0] ?? 0);
      }
      continue;
    }
    const { column, bin, left, right, missingLeft } = node.split;
    tree.feature[index] = column;
    tree.threshold[index] = edges[column]?.[bin] ?? 0;
    tree.left[index] = left;
    tree.right[index] = right;
    tree.missingLeft[index] = Number(missingLeft);
    tree.cover[index] = (tree.cover[left] ?? 0) + (tree.cover[right] ?? 0);
  }
  return tree;
}

function gainsOf(nodes: readonly GrownNode[], featureCount: number): Float64Array {
  const gains = new Float64Array(featureCount);
  for (const { split } of nodes) {
    if (split !== undefined) gains[split.column] = (gains[split.column] ?? 0) + split.gain;
  }
  return gains;
}
