import { epochOf } from '@primum/base';

/** FHIRPath's order of two values: negative, zero, positive; undefined where it can't be told (FHIRPath 2.0, section 6.2). */
export function compareValues(left: unknown, right: unknown): number | undefined {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left === 'string' && typeof right === 'string') return compareMoments(left, right);
  return isQuantity(left) && isQuantity(right) ? compareQuantities(left, right) : undefined;
}

type Quantity = { value: number; unit?: unknown; code?: unknown; system?: unknown };
const isQuantity = (value: unknown): value is Quantity => typeof value === 'object' && value !== null && typeof (value as Quantity).value === 'number';

/** Of one unit only: what is in other units is not wrong by that. */
function compareQuantities(left: Quantity, right: Quantity): number | undefined {
  const same = left.system === right.system && (left.code ?? left.unit) === (right.code ?? right.unit);
  return same ? left.value - right.value : undefined;
}

const moment = /^(\d{4}(?:-\d\d(?:-\d\d)?)?)(?:T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/;

/** Dates of other precisions are compared as far as both go; where that does not decide it, nothing does. */
function compareMoments(left: string, right: string): number | undefined {
  const [a, b] = [moment.exec(left), moment.exec(right)];
  if (a === null || b === null) return undefined;
  if (a[3] !== undefined && b[3] !== undefined) return epochOf(left) - epochOf(right);
  // A date of the calendar is that of any offset: a day before or after decides nothing where the other has a time.
  const length = Math.min(a[1]!.length, b[1]!.length);
  const [x, y] = [a[1]!.slice(0, length), b[1]!.slice(0, length)];
  if (x !== y) return x < y ? -1 : 1;
  return left === right ? 0 : undefined;
}

export function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null || Array.isArray(left) !== Array.isArray(right)) return false;
  const [a, b] = [left as Record<string, unknown>, right as Record<string, unknown>];
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => sameValue(a[name], b[name]));
}
