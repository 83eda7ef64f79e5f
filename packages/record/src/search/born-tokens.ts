import type { Sought } from './comparison.ts';
import { rangeOfDate } from './date-range.ts';

/** The oldest year of birth that is told apart from older ones. */
const firstYear = 1850;

/**
 * The years, months and days that together are all that a comparison with a date of birth lets pass: birth dates stand in
 * no ordered column. `whole`: dates that are known to their year or month only and count as such.
 */
export function bornWithin(sought: Sought, now: Date): { born: string[]; whole: string[] } {
  const { lo, hi, prefix } = sought;
  const last = now.getUTCFullYear() + 1;
  const start = Date.UTC(firstYear, 0, 1);
  const end = Date.UTC(last + 1, 0, 1) - 1;
  switch (prefix) {
    case 'eq': return { born: covering(lo, hi), whole: [] };
    case 'ne': return either(inside(start, lo - 1), inside(hi + 1, end), partial((range) => range.lo < lo || range.hi > hi, lo, hi));
    case 'gt': return either(inside(hi + 1, end), partial((range) => range.hi > hi, lo, hi));
    case 'lt': return either(inside(start, lo - 1), partial((range) => range.lo < lo, lo, hi));
    case 'ge': return either(inside(hi + 1, end), partial((range) => range.hi > hi, lo, hi), inside(lo, hi));
    case 'le': return either(inside(start, lo - 1), partial((range) => range.lo < lo, lo, hi), inside(lo, hi));
    case 'sa': return inside(hi + 1, end);
    case 'eb': return inside(start, lo - 1);
    case 'ap': return either(inside(Math.max(lo, start), Math.min(hi, end)), partial((range) => range.lo <= hi && range.hi >= lo, lo, hi));
  }
}

type Born = { born: string[]; whole: string[] };
const inside = (from: number, to: number): Born => ({ born: covering(from, to), whole: [] });
const either = (...parts: Born[]): Born => ({ born: [...new Set(parts.flatMap(({ born }) => born))], whole: [...new Set(parts.flatMap(({ whole }) => whole))] });

/** Years and months around both ends that are known to no more than that, where they pass. */
function partial(passes: (range: { lo: number; hi: number }) => boolean, lo: number, hi: number): Born {
  const candidates = [lo, hi].filter(Number.isFinite).flatMap((at) => [new Date(at).toISOString().slice(0, 4), new Date(at).toISOString().slice(0, 7)]);
  return { born: [], whole: [...new Set(candidates)].filter((text) => { const range = rangeOfDate(text); return range !== null && passes(range); }) };
}

/** Years that have four digits only: whole years, else whole months, else days of an interval; what begins or ends inside of a day counts for none of it. */
function covering(from: number, to: number): string[] {
  const parts: string[] = [];
  let at = ceilDay(from);
  while (at <= to) {
    const text = new Date(at).toISOString();
    const fit = [text.slice(0, 4), text.slice(0, 7), text.slice(0, 10)].map((part) => ({ part, range: rangeOfDate(part) })).find(({ range }) => range !== null && range.lo === at && range.hi <= to);
    if (fit === undefined) break;
    parts.push(fit.part);
    at = fit.range!.hi + 1; // it was compared
  }
  return parts;
}

const dayMs = 86_400_000;
const ceilDay = (ms: number): number => Math.ceil(ms / dayMs) * dayMs;
