import type { RiskView } from '@primum/contract';
import { expect, it } from 'vitest';
import { changeWords, percentText, riskWords } from './format-risk.ts';
import { riskPosition, trendSegments } from './risk-scale.ts';

const now = Date.parse('2026-11-24T02:30:00.000Z');
const scored: RiskView = {
  status: 'scored', reasons: [], probability: 0.12, asOf: '2026-11-24T02:00:00.000Z', ageMinutes: 30, stale: false,
  tier: 'high', change4h: 0.05, predictionId: null,
};

it('shows integers, and never 0 % or 100 %', () => {
  expect([0, 0.0004, 0.0099, 0.01, 0.124, 0.126, 0.99, 0.9999, 1].map(percentText))
    .toEqual(['<1 %', '<1 %', '<1 %', '1 %', '12 %', '13 %', '99 %', '>99 %', '>99 %']);
});

it('gives a present score its age on the ward\'s clock', () => {
  expect(riskWords(scored, now)).toEqual({ kind: 'present', probability: 0.12, ageMinutes: 30, stale: false });
});

it('calls a score stale once its age has passed, though no answer came to say so', () => {
  expect(riskWords(scored, now + 91 * 60_000)).toMatchObject({ stale: true });
});

it('says why a score is withheld and what the last one was', () => {
  const withheld: RiskView = { ...scored, status: 'withheld', reasons: ['no BP 3 h'], probability: 0.09, asOf: '2026-11-24T02:10:00.000Z' };
  expect(riskWords(withheld, now)).toEqual({ kind: 'absent', text: '— no BP 3 h; last 9 % at 02:10', last: 0.09 });
  expect(riskWords({ ...withheld, probability: null, asOf: null }, now)).toEqual({ kind: 'absent', text: '— no BP 3 h; never scored', last: null });
});

it('keeps a row short: the first reason and how many more', () => {
  const withheld: RiskView = { ...scored, status: 'withheld', reasons: ['no heart rate for 3 h', 'no blood pressure for 3 h'], probability: null, asOf: null };
  expect(riskWords(withheld, now, true)).toMatchObject({ text: '— no heart rate for 3 h and 1 more; never scored' });
  expect(riskWords(withheld, now)).toMatchObject({ text: '— no heart rate for 3 h; no blood pressure for 3 h; never scored' });
});

it('gives no figure outside the intended use', () => {
  expect(riskWords({ ...scored, status: 'ineligible', reasons: ['comfort care'] }, now)).toEqual({ kind: 'absent', text: '— outside intended use: comfort care', last: null });
});

it('words a change by where it came from, and a withheld one not at all', () => {
  expect(changeWords(scored)).toEqual({ direction: 'up', text: 'from 7 %' });
  expect(changeWords({ ...scored, change4h: -0.2 })).toEqual({ direction: 'down', text: 'from 32 %' });
  expect(changeWords({ ...scored, change4h: -0.004 })).toEqual({ direction: 'same', text: 'no change' });
  expect(changeWords({ ...scored, change4h: null })).toBeNull();
  expect(changeWords({ ...scored, status: 'withheld' })).toBeNull();
});

it('spreads the decades evenly and stays on the scale', () => {
  expect([0, 0.001, 0.01, 0.1, 1].map(riskPosition).map((position) => Number(position.toFixed(3)))).toEqual([0, 0, 0.333, 0.667, 1]);
  expect(riskPosition(Number.NaN)).toBe(0);
});

it('leaves gaps open', () => {
  const segments = trendSegments([[-12, 0.01], [-6, 0.1], [-5, null], [0, 1]], 12);
  expect(segments.map((segment) => segment.map(({ x }) => x))).toEqual([[0, 0.5], [1]]);
});
