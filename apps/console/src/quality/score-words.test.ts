import { expect, it } from 'vitest';
import { isLow, scoreText, trendText } from './score-words.ts';

it('says 100 % of what is whole only, and nothing of no data', () => {
  expect([1, 0.9999, 0.95, 0, null].map((value) => scoreText({ value, n: 9 }))).toEqual(['100 %', '99.9 %', '95.0 %', '0.0 %', 'no data']);
  expect([1, 0.95, 0.949, null].map((value) => isLow({ value, n: 9 }))).toEqual([false, false, true, false]);
});

it('tells a trend without its drawing', () => {
  expect(trendText([{ value: null, n: 0 }])).toBe('No data by day yet');
  expect(trendText([{ value: 1, n: 5 }, { value: null, n: 0 }, { value: 0.5, n: 4 }, { value: 0.9, n: 4 }])).toBe('3 days with data: from 100 % to 90.0 %, lowest 50.0 %');
});
