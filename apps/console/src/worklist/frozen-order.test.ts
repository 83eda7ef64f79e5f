import fc from 'fast-check';
import { expect, it } from 'vitest';
import { frozenOrder, frozenText } from './frozen-order.ts';

it('keeps every place and counts what would move', () => {
  const frozen = frozenOrder(['a', 'b', 'c', 'd'], ['d', 'a', 'b', 'c']);
  expect(frozen.order).toEqual(['a', 'b', 'c', 'd']);
  expect(frozenText(frozen)).toBe('1 moved, press R');
});

it('keeps the place of a row that left and puts newcomers last', () => {
  const frozen = frozenOrder(['a', 'b', 'c'], ['new', 'a', 'c']);
  expect(frozen.order).toEqual(['a', 'b', 'c', 'new']);
  expect([...frozen.gone]).toEqual(['b']);
  expect(frozenText(frozen)).toBe('1 new, 1 left, press R');
});

it('says nothing where nothing would change', () => {
  expect(frozenText(frozenOrder(['a', 'b'], ['a', 'b']))).toBeNull();
});

it('never moves a frozen row, loses one, or counts more moves than rows', () => {
  const ids = fc.uniqueArray(fc.constantFrom(...'abcdefghij'));
  fc.assert(fc.property(ids, ids, (before, now) => {
    const { order, gone, moved } = frozenOrder(before, now);
    expect(order.slice(0, before.length)).toEqual(before);
    expect(new Set(order.filter((id) => !gone.has(id)))).toEqual(new Set(now));
    expect(moved).toBeLessThanOrEqual(Math.max(0, before.length - gone.size - 1));
    expect(moved === 0).toBe(before.filter((id) => now.includes(id)).join() === now.filter((id) => before.includes(id)).join());
  }));
});
