import { expect, it, vi } from 'vitest';
import { canonicalQuantity } from './quantities.ts';

it('converts units, and tells nobody what was no unit', () => {
  const written = vi.spyOn(console, 'log');
  expect(canonicalQuantity(1, 'g/L')).toEqual(canonicalQuantity(100, 'mg/dL'));
  expect(canonicalQuantity(37, 'Cel')).toEqual(canonicalQuantity(98.6, '[degF]'));
  for (const code of ['Cel())', '{abc}22', 'Mr Winter of ward 7', '<div>', 'mg/']) expect(canonicalQuantity(1, code)).toBeNull();
  expect(written).not.toHaveBeenCalled();
  expect(console.log).toBe(written);
});
