import { expect, it } from 'vitest';
import { ageText, anchorOf, minutesSince, shortAgeText, timeText, wardTimeAt, whenText } from './ward-clock.ts';

const at = (text: string): number => Date.parse(text);

it('goes on at the ward\'s own rate', () => {
  const anchor = anchorOf({ now: '2026-11-24T02:00:00.000Z', clockRate: 60 }, 1_000_000);
  expect(timeText(wardTimeAt(anchor, 1_000_000))).toBe('02:00');
  expect(timeText(wardTimeAt(anchor, 1_010_000))).toBe('02:10');
});

it('rounds ages down', () => {
  expect([0, 0.99, 1, 59.9, 60, 119.99, 185, 1440, 3061].map(ageText))
    .toEqual(['now', 'now', '1 min', '59 min', '1 h 00', '1 h 59', '3 h 05', '1 d 0 h', '2 d 3 h']);
  expect([5, 185, 3061].map(shortAgeText)).toEqual(['5m', '3h05', '2d3h']);
});

it('never shows a negative age', () => {
  expect(minutesSince('2026-11-24T02:00:00.000Z', at('2026-11-24T01:59:00.000Z'))).toBe(0);
});

it('adds the date where the time alone could be read as today\'s', () => {
  const now = at('2026-11-24T03:00:00.000Z');
  expect(whenText('2026-11-24T02:10:00.000Z', now)).toBe('02:10');
  expect(whenText('2026-11-23T02:10:00.000Z', now)).toBe('23 Nov 02:10');
});
