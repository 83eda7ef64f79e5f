import { expect, it } from 'vitest';
import { auroc } from './auroc.ts';

const all = Uint32Array.of(0, 1, 2, 3, 4, 5);

it('is the share of pairs in order, ties counted half', () => {
  // Pairs by hand: positives 0.9, 0.5, 0.3; negatives 0.5, 0.2, 0.1: 3 + 2.5 + 2 of 9.
  const labels = Uint8Array.of(1, 0, 1, 0, 1, 0);
  expect(auroc(labels, Float64Array.of(0.9, 0.5, 0.5, 0.2, 0.3, 0.1), all)).toBeCloseTo(7.5 / 9, 12);
  expect(auroc(labels, Float64Array.of(1, 1, 1, 1, 1, 1), all)).toBe(0.5);
  expect(auroc(labels, Float64Array.of(2, 1, 2, 1, 2, 1), all)).toBe(1);
  expect(auroc(new Uint8Array(6), new Float64Array(6), all)).toBeNaN();
});
