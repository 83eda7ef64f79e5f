import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rankRows, type Rankable } from './rank.ts';

const row = (bed: string, change: Partial<Rankable> = {}): Rankable => ({ stayId: bed, bed, waitingSince: null, rising: false, probability: null, ...change });
const order = (rows: Rankable[]): string[] => [...rankRows(rows)].toSorted((a, b) => a[1] - b[1]).map(([id]) => id);

describe('rankRows', () => {
  it('puts unacknowledged alerts first, the oldest on top, then rising, then by risk', () => {
    expect(order([
      row('B1', { probability: 0.9 }),
      row('B2', { probability: 0.02, rising: true }),
      row('B3', { probability: 0.1, waitingSince: 2_000 }),
      row('B4', { probability: 0.05, waitingSince: 1_000 }),
      row('B5'),
      row('B10', { probability: 0.5 }),
    ])).toEqual(['B4', 'B3', 'B2', 'B1', 'B10', 'B5']);
  });

  it('is a total order that does not depend on the order of the rows', () => {
    const rows = fc.uniqueArray(fc.record({
      bed: fc.string(), stayId: fc.uuid(), waitingSince: fc.option(fc.nat()), rising: fc.boolean(), probability: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    }), { selector: ({ stayId }) => stayId, maxLength: 12 });
    fc.assert(fc.property(rows, (given) => {
      expect(order(given)).toEqual(order(given.toReversed()));
    }));
  });
});
