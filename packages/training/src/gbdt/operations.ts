import { GROUP_FEATURES } from './binned-dataset.ts';
import { findBestSplit, type LeafSums } from './best-split.ts';
import { buildHistogram, subtractHistogram } from './histogram.ts';
import { addLeafValue, quantiseBlock, scoreBlock, walkBlock } from './row-operations.ts';
import type { Perform } from './team.ts';
import { BINS_PER_FEATURE, CANDIDATE, GROUP_HISTOGRAM, type TrainingState } from './training-state.ts';

/** What a team can be asked to do; tasks are row blocks, leaves or column groups. */
export const OPERATION = {
  scoreTraining: 0,
  scoreValidation: 1,
  quantise: 2,
  split: 3,
  addLeaves: 4,
  walkValidation: 5,
  walkOutOfBag: 6,
} as const;

/**
 * args of `split`: where the smaller child's rows start and end in `order`, its histogram slot, its sums; the slot of
 * the parent (which becomes the larger child's; −1 at the root) and the larger child's sums; units of the sums.
 */
export const SPLIT_ARG = {
  begin: 0, end: 1, smallSlot: 2, smallGradient: 3, smallHessian: 4,
  largeSlot: 5, largeGradient: 6, largeHessian: 7, gradientUnit: 8, hessianUnit: 9, serial: 10,
} as const;
/** arg of `walkOutOfBag`: rows in the bag. */
export const BAG_COUNT_ARG = 0;

export function createPerform(state: TrainingState): Perform {
  const splitGroup = createSplitGroup(state);
  return (operation, task) => {
    switch (operation) {
      case OPERATION.scoreTraining:
        return scoreBlock(state, state.trainingRows, task);
      case OPERATION.scoreValidation:
        return scoreBlock(state, state.validationRows, task);
      case OPERATION.quantise:
        return quantiseBlock(state, task);
      case OPERATION.split:
        return splitGroup(task);
      case OPERATION.addLeaves:
        return addLeafValue(state, task);
      case OPERATION.walkValidation:
        return walkBlock(state, state.validationRows, task);
      default:
        return walkBlock(state, state.order.subarray(state.args[BAG_COUNT_ARG]), task);
    }
  };
}

/** Histogram and split search of one column group for two sibling leaves, or for the root alone. */
function createSplitGroup(state: TrainingState): (task: number) => void {
  const { args, groups, words, order, histograms, rowCount } = state;
  const gathered = new Int32Array(order.length * 2);
  const slotSize = groups.length * GROUP_HISTOGRAM;
  let gatheredSerial = -1;
  const arg = (index: number): number => args[index] as number; // args has 16 numbers

  return (task) => {
    const begin = arg(SPLIT_ARG.begin);
    const end = arg(SPLIT_ARG.end);
    if (gatheredSerial !== arg(SPLIT_ARG.serial)) {
      gatheredSerial = arg(SPLIT_ARG.serial);
      gather(state, begin, end, gathered);
    }
    const group = groups[task] as number; // tasks are numbered by groups
    const smallBase = arg(SPLIT_ARG.smallSlot) * slotSize + task * GROUP_HISTOGRAM;
    buildHistogram(histograms, smallBase, { words, wordOffset: group * rowCount, order, begin, end, gathered });
    searchGroup(state, group, smallBase, 0, sumsOf(arg(SPLIT_ARG.smallGradient), arg(SPLIT_ARG.smallHessian)));
    const largeSlot = arg(SPLIT_ARG.largeSlot);
    if (largeSlot < 0) return;
    const largeBase = largeSlot * slotSize + task * GROUP_HISTOGRAM;
    subtractHistogram(histograms, largeBase, smallBase);
    searchGroup(state, group, largeBase, 1, sumsOf(arg(SPLIT_ARG.largeGradient), arg(SPLIT_ARG.largeHessian)));
  };

  function sumsOf(gradient: number, hessian: number): LeafSums {
    const { l2, minChildWeight } = state.config;
    const gradientUnit = arg(SPLIT_ARG.gradientUnit);
    const hessianUnit = arg(SPLIT_ARG.hessianUnit);
    return { gradient, hessian, gradientUnit, hessianUnit, l2, minChildWeight };
  }
}

function gather({ order, gradients }: TrainingState, begin: number, end: number, gathered: Int32Array): void {
  for (let at = begin, to = 0; at < end; at += 1, to += 2) {
    const from = 2 * (order[at] as number); // in range: order holds dataset rows
    gathered[to] = gradients[from] as number;
    gathered[to + 1] = gradients[from + 1] as number;
  }
}

function searchGroup(state: TrainingState, group: number, base: number, side: number, sums: LeafSums): void {
  const { allowed, binCounts, candidates, featureCount, histograms } = state;
  for (let member = 0; member < GROUP_FEATURES; member += 1) {
    const column = group * GROUP_FEATURES + member;
    if (column >= featureCount || allowed[column] !== 1) continue;
    const out = (side * featureCount + column) * CANDIDATE.size;
    findBestSplit(histograms, base + member * BINS_PER_FEATURE * 2, binCounts[column] ?? 0, sums, candidates, out);
  }
}
