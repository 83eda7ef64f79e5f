import { describe, expect, it } from 'vitest';
import { changeOver, directionOf, trendBefore, type TrendPoint } from './trend.ts';

const hour = 3_600_000;
const t0 = Date.UTC(2026, 0, 1);
const scored = (hours: number, probability: number): TrendPoint => ({ asOf: t0 + hours * hour, status: 'scored', probability });

describe('trend', () => {
  it('leaves gaps open for withheld hours and for hours that were never computed', () => {
    const points = [scored(1, 0.02), { asOf: t0 + 2 * hour, status: 'withheld', probability: null }, scored(3, 0.03), scored(6, 0.05)];
    expect(trendBefore(points, t0 + 6.5 * hour, 12)).toEqual([[-5.5, 0.02], [-4.5, null], [-3.5, 0.03], [-2.5, null], [-0.5, 0.05]]);
  });

  it('takes only the span that is asked for', () => {
    expect(trendBefore([scored(1, 0.02), scored(13.5, 0.03)], t0 + 14 * hour, 12)).toEqual([[-0.5, 0.03]]);
  });

  it('has no change where either end has no score', () => {
    const points = [scored(1, 0.02), scored(5, 0.08), { asOf: t0 + 6 * hour, status: 'withheld', probability: null }];
    expect(changeOver(points, t0 + 5 * hour, 4)).toBeCloseTo(0.06);
    expect(changeOver(points, t0 + 6 * hour, 4)).toBeNull();
    expect(changeOver(points, t0 + 4 * hour, 4)).toBeNull();
  });

  it('judges the direction by odds', () => {
    expect(directionOf([scored(1, 0.01), scored(5, 0.03)], t0 + 5 * hour, 4)).toBe('rising');
    expect(directionOf([scored(1, 0.4), scored(5, 0.42)], t0 + 5 * hour, 4)).toBe('steady');
    expect(directionOf([scored(1, 0.2), scored(5, 0.05)], t0 + 5 * hour, 4)).toBe('falling');
    expect(directionOf([scored(1, 0.001), scored(5, 0.004)], t0 + 5 * hour, 4)).toBe('steady');
  });
});
