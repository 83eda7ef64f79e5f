import { BLOCK_SUMS, ROW_BLOCK, WALK, type TrainingState } from './training-state.ts';
import { MISSING_BIN } from './bin-edges.ts';

/*
 * Row-wise operations of a boosting round, each on one block of rows. Index casts say only that an index is in range;
 * these loops run for every row of every round, so they carry no checks.
 *
 * Gradients of the logistic loss at raw score s: p = 1/(1+e^−s), g = w(p − y), h = w·p(1 − p) (Friedman 2001). They are
 * kept as integers, g·2^a and h·2^b, with a and b chosen per round so that no sum over rows can leave 31 bits. Sums of
 * integers do not depend on their order: any number of threads gives the same forest, bit for bit.
 */

/** Probability per row, and the block's Σ|g|, Σh, Σ loss, Σw. */
export function scoreBlock(state: TrainingState, rows: Uint32Array, block: number): void {
  const { scores, probabilities, labels, weights, blockSums } = state;
  const end = Math.min((block + 1) * ROW_BLOCK, rows.length);
  let absoluteGradient = 0;
  let hessian = 0;
  let loss = 0;
  let weightSum = 0;
  for (let at = block * ROW_BLOCK; at < end; at += 1) {
    const row = rows[at] as number;
    const score = scores[row] as number;
    const weight = weights[row] as number;
    const label = labels[row] as number;
    // With t = e^−|s|: loss = log(1 + t) + max(s, 0) − s·y, free of overflow.
    const tail = Math.exp(-Math.abs(score));
    const probability = Math.fround((score >= 0 ? 1 : tail) / (1 + tail));
    probabilities[row] = probability;
    absoluteGradient += weight * Math.abs(probability - label);
    hessian += weight * probability * (1 - probability);
    loss += weight * (Math.log1p(tail) + (score > 0 ? score : 0) - score * label);
    weightSum += weight;
  }
  blockSums.set([absoluteGradient, hessian, loss, weightSum], block * BLOCK_SUMS);
}

/** Fixed-point gradients of a block from its probabilities. args: gradient scale, hessian scale. */
export function quantiseBlock(state: TrainingState, block: number): void {
  const { trainingRows: rows, probabilities, labels, weights, gradients, args } = state;
  const gradientScale = args[0] as number;
  const hessianScale = args[1] as number;
  const end = Math.min((block + 1) * ROW_BLOCK, rows.length);
  for (let at = block * ROW_BLOCK; at < end; at += 1) {
    const row = rows[at] as number;
    const probability = probabilities[row] as number;
    const weight = weights[row] as number;
    gradients[2 * row] = Math.round(weight * (probability - (labels[row] as number)) * gradientScale);
    gradients[2 * row + 1] = Math.round(weight * probability * (1 - probability) * hessianScale);
  }
}

/** Adds a leaf's value to the scores of its rows. */
export function addLeafValue(state: TrainingState, leaf: number): void {
  const { order, scores, leaves, nodeValues } = state;
  const value = nodeValues[leaves[3 * leaf + 2] as number] as number;
  const end = leaves[3 * leaf + 1] as number;
  for (let at = leaves[3 * leaf] as number; at < end; at += 1) {
    const row = order[at] as number;
    scores[row] = (scores[row] as number) + value;
  }
}

/** Walks the tree over the bins of a block of rows and adds what it finds. */
export function walkBlock(state: TrainingState, rows: Uint32Array, block: number): void {
  const { words, walk, nodeValues, scores } = state;
  const end = Math.min((block + 1) * ROW_BLOCK, rows.length);
  for (let at = block * ROW_BLOCK; at < end; at += 1) {
    const row = rows[at] as number;
    let node = 0;
    let child = 0;
    // A leaf has left = 0: no child stands at the root.
    do {
      node = child;
      const base = node * WALK.size;
      const word = words[(walk[base + WALK.group] as number) + row] as number;
      const bin = (word >>> (walk[base + WALK.shift] as number)) & 255;
      const goesLeft = bin === MISSING_BIN ? walk[base + WALK.missingLeft] === 1 : bin <= (walk[base + WALK.bin] as number);
      child = walk[base + (goesLeft ? WALK.left : WALK.right)] as number;
    } while (child !== 0);
    scores[row] = (scores[row] as number) + (nodeValues[node] as number);
  }
}
