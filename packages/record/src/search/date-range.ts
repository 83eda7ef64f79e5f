import { epochOf } from '@primum/base';
import { isObject } from './walk.ts';

/** Both ends belong to it; epoch milliseconds, ±Infinity where it is open. */
export type Range = { lo: number; hi: number };

const dayMs = 86_400_000;
const pattern = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?)?)?$/;

/**
 * The time that a FHIR date, dateTime or instant stands for: as wide as its precision (FHIR R4, section 3.1.1.5.1). A day
 * without a zone is one of UTC. Null where it is none.
 */
export function rangeOfDate(text: string): Range | null {
  if (dayOf.test(text) && !isDay(text)) return null;
  if (text.length === 10) { // the most frequent one, without the pattern's groups
    const lo = Date.parse(`${text}T00:00:00Z`);
    return Number.isNaN(lo) || !pattern.test(text) ? null : { lo, hi: lo + dayMs - 1 };
  }
  const parts = pattern.exec(text);
  if (parts === null) return null;
  const [, year = '', month, day, hour, minute, second, fraction, zone = 'Z'] = parts;
  if (month === undefined) return between(utc(year, '01', '01'), utc(yearAfter(year), '01', '01'));
  if (day === undefined) return between(utc(year, month, '01'), month === '12' ? utc(yearAfter(year), '01', '01') : utc(year, String(Number(month) + 1).padStart(2, '0'), '01'));
  const lo = epochOf(`${year}-${month}-${day}T${hour}:${minute}:${second ?? '00'}.${(fraction ?? '').slice(0, 3).padEnd(3, '0')}${zone}`);
  if (Number.isNaN(lo)) return null;
  return { lo, hi: lo + (second === undefined ? 60_000 : fraction === undefined ? 1_000 : 10 ** Math.max(0, 3 - fraction.length)) - 1 };
}

const dayOf = /^\d{4}-\d{2}-(?:29|3\d)/;
/** Date.parse takes the 30th of February for the 2nd of March. */
const isDay = (text: string): boolean => new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(text.slice(8, 10));

/** As Date.parse reads it: of more than four digits with a sign. */
const yearAfter = (year: string): string => (year === '9999' ? '+010000' : String(Number(year) + 1).padStart(4, '0'));
const utc = (year: string, month: string, day: string): number => Date.parse(`${year}-${month}-${day}T00:00:00Z`);
const between = (lo: number, next: number): Range | null => (Number.isNaN(lo) || Number.isNaN(next) ? null : { lo, hi: next - 1 });

/** What a date, Period or Timing covers; of a Timing its outer limits alone (section 3.1.1.4.7). */
export function rangeOf(value: unknown): Range | null {
  if (typeof value === 'string') return rangeOfDate(value);
  if (!isObject(value)) return null;
  if ('start' in value || 'end' in value) return periodRange(value);
  const ranges = (Array.isArray(value['event']) ? value['event'] : []).flatMap((event: unknown) => rangeOf(event) ?? []);
  const bounds = isObject(value['repeat']) && isObject(value['repeat']['boundsPeriod']) ? periodRange(value['repeat']['boundsPeriod']) : null;
  if (bounds !== null) ranges.push(bounds);
  return ranges.length === 0 ? null : { lo: Math.min(...ranges.map(({ lo }) => lo)), hi: Math.max(...ranges.map(({ hi }) => hi)) };
}

function periodRange({ start, end }: Record<string, unknown>): Range | null {
  const from = typeof start === 'string' ? rangeOfDate(start) : null;
  const to = typeof end === 'string' ? rangeOfDate(end) : null;
  return from === null && to === null ? null : { lo: from?.lo ?? -Infinity, hi: to?.hi ?? Infinity };
}
