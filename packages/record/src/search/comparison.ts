import { PrimumError } from '@primum/base';
import { rangeOfDate, type Range } from './date-range.ts';

/** How an ordered value is compared (FHIR R4, section 3.1.1.5). */
export const prefixes = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'] as const;
export type Prefix = (typeof prefixes)[number];

/**
 * What a value is compared with. `lo` and `hi` are what it stands for, by its precision; `hi` belongs to it in dates,
 * which are counted in milliseconds, and not in numbers (`open`).
 */
export type Sought = Range & { prefix: Prefix; open: boolean };

export function prefixOf(text: string): { prefix: Prefix; rest: string } {
  const prefix = prefixes.find((one) => text.startsWith(one));
  return prefix === undefined ? { prefix: 'eq', rest: text } : { prefix, rest: text.slice(2) };
}

/** A date of a query. An approximate one may be off by a tenth of how long ago it is. */
export function soughtDate(code: string, text: string, now: Date): Sought {
  const { prefix, rest } = prefixOf(text.replaceAll(' ', '+')); // a plus in an address that was not encoded
  const range = rangeOfDate(rest);
  if (range === null || rest.startsWith('0000')) throw new PrimumError('fhir.parameter-invalid', `${code}: not a date`);
  if (prefix !== 'ap') return { ...range, prefix, open: false };
  const slack = Math.round(Math.abs(now.getTime() - range.lo) / 10);
  return { lo: Math.max(range.lo - slack, Date.UTC(1, 0, 1)), hi: Math.min(range.hi + slack, Date.UTC(9999, 0, 1)), prefix, open: false };
}

/** A number of a query: what its digits leave open where it shall be equal, exact with any other prefix. */
export function soughtNumber(code: string, text: string): Sought {
  const { prefix, rest } = prefixOf(text);
  const parts = /^[+-]?(\d{1,30})(?:\.(\d{1,30}))?(?:[eE]([+-]?\d{1,3}))?$/.exec(rest);
  const value = Number(rest);
  if (parts === null || !Number.isFinite(value)) throw new PrimumError('fhir.parameter-invalid', `${code}: not a number`);
  if (prefix === 'ap') return { lo: value - Math.abs(value) / 10, hi: value + Math.abs(value) / 10, prefix, open: false };
  if (prefix !== 'eq' && prefix !== 'ne') return { lo: value, hi: value, prefix, open: false };
  const half = 0.5 * 10 ** (Number(parts[3] ?? 0) - (parts[2]?.length ?? 0));
  return { lo: Number((value - half).toPrecision(15)), hi: Number((value + half).toPrecision(15)), prefix, open: true };
}

/** The comparison of a value that reaches from `lo` to `hi` (SQL, never null) with what is sought. */
export function comparisonSql(sought: Sought, lo: string, hi: string, literal: (value: number, end: boolean) => string): string {
  const from = literal(sought.lo, false);
  const to = literal(sought.hi, true);
  const within = `(${lo} >= ${from} and ${hi} ${sought.open ? '<' : '<='} ${to})`;
  switch (sought.prefix) {
    case 'eq': return within;
    case 'ne': return `not ${within}`;
    case 'gt': return `${hi} > ${to}`;
    case 'lt': return `${lo} < ${from}`;
    case 'ge': return `(${hi} > ${to} or ${within})`;
    case 'le': return `(${lo} < ${from} or ${within})`;
    case 'sa': return `${lo} > ${to}`;
    case 'eb': return `${hi} < ${from}`;
    case 'ap': return `(${lo} <= ${to} and ${hi} >= ${from})`;
  }
}
