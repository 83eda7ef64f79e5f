import { expect, it } from 'vitest';
import { createCallBudget } from './call-budget.ts';

it('lets a burst pass and then so many a second, each caller by itself', () => {
  let now = 0;
  const may = createCallBudget({ perSecond: 10, burst: 20 }, () => now);
  const passed = (caller: string, calls: number): number => Array.from({ length: calls }, () => may(caller)).filter(({ allowed }) => allowed).length;
  expect([passed('a', 100), passed('b', 5)]).toEqual([20, 5]);
  expect(may('a')).toEqual({ allowed: false, left: 0, burst: 20, windowS: 2, fullInS: 2 });
  now = 1_000;
  expect([passed('a', 100), passed('b', 100)]).toEqual([10, 20]);
  now = 3_600_000;
  expect(passed('a', 100)).toBe(20);
  for (let i = 0; i < 20_000; i += 1) may(`stranger ${i}`);
  expect(passed('a', 100)).toBe(20); // forgotten, so full
});
