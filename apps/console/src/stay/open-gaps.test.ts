import { expect, it } from 'vitest';
import { openGaps, riskLine, valueAt } from './open-gaps.ts';

const point = (minute: number, value: number | null) => ({ at: new Date(minute * 60_000).toISOString(), value, corrected: false, flag: null });

it('opens a gap where nothing came, and where a value is missing', () => {
  const line = openGaps([point(0, 1), point(15, 2), point(30, null), point(45, 3), point(300, 4)]);
  expect(line.y).toEqual([1, 2, null, 3, null, 4]);
  expect(line.x[4]).toBe(45 * 60 + 1);
});

it('does not break a series that is seldom measured by its nature', () => {
  expect(openGaps([point(0, 1), point(240, 2), point(480, 3)]).y).toEqual([1, 2, 3]);
});

it('leaves the hours without a score open, whatever figure they carry', () => {
  const risk = (hour: number, status: 'scored' | 'withheld') => ({ predictionId: '0', asOf: new Date(hour * 3_600_000).toISOString(), status, probability: 0.1, tier: 'none' as const });
  expect(riskLine([risk(0, 'scored'), risk(1, 'withheld'), risk(2, 'scored')]).y).toEqual([0.1, null, 0.1]);
});

it('reads the newest value before a moment, and none before the first', () => {
  const line = openGaps([point(10, 1), point(20, 2)]);
  expect(valueAt(line, 19 * 60)).toEqual({ x: 600, y: 1 });
  expect(valueAt(line, 60)).toBeNull();
});
