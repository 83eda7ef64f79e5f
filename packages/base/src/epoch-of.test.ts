import { expect, it } from 'vitest';
import { epochOf } from './epoch-of.ts';

it.each([
  ['2026-11-25', Date.UTC(2026, 10, 25)], ['2026-11-25T10:00:59.5+01:00', Date.UTC(2026, 10, 25, 9, 0, 59, 500)],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)], ['2016-12-31T23:59:60.250Z', Date.UTC(2017, 0, 1, 0, 0, 0, 250)], ['', NaN], ['soon', NaN],
])('reads %s', (text, expected) => { expect(epochOf(text)).toBe(expected); });
