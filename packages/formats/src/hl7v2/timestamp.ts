/**
 * HL7 DTM and TS: YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ] (HL7 2.5.1, section 2.A.21).
 */
export type TsPrecision = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'fraction';

/** `instant` is the start of what was given (of the day, for a day), to the millisecond; `offsetMinutes` east of UTC. */
export type Hl7Timestamp = { instant: Date; precision: TsPrecision; offsetMinutes: number };

export type ParsedTs = ({ ok: true } & Hl7Timestamp) | { ok: false; code: 'hl7.field-invalid'; detail: string };

/** Minutes east of UTC: the same all year, or by the local time (as if it were UTC, in milliseconds) of a zone with summer time. */
export type UtcOffset = number | ((localMs: number) => number);

const shape = /^(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?([+-])?(\d{4})?$/;
const precisions: readonly TsPrecision[] = ['year', 'month', 'day', 'hour', 'minute', 'second', 'fraction'];
const widestOffsetMinutes = 14 * 60;

/**
 * Reads one timestamp. A value without an offset is taken in `defaultOffsetMinutes`, the source's. A date that is not
 * in the calendar (30 February) and an hour, minute, second or offset out of range are refused, not carried over.
 */
export function parseTs(value: string, options: { defaultOffsetMinutes: UtcOffset }): ParsedTs {
  const match = shape.exec(value);
  if (match === null) return invalid('not YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]');
  const [, year = '', month, day, hour, minute, second, fraction, sign, zone] = match;
  if ((sign === undefined) !== (zone === undefined)) return invalid('an offset needs sign and four digits');

  const parts = [year, month, day, hour, minute, second, fraction];
  if (Number(year) === 0) return invalid('no such year');
  const precision = precisions[parts.filter((part) => part !== undefined).length - 1] ?? 'year';
  const at = { month: Number(month ?? 1), day: Number(day ?? 1), hour: Number(hour ?? 0), minute: Number(minute ?? 0), second: Number(second ?? 0) };
  const local = new Date(0);
  local.setUTCFullYear(Number(year), at.month - 1, at.day);
  if (local.getUTCMonth() !== at.month - 1 || local.getUTCDate() !== at.day) return invalid('no such day');
  if (at.hour > 23 || at.minute > 59 || at.second > 59) return invalid('no such time of day');
  local.setUTCHours(at.hour, at.minute, at.second, Number((fraction ?? '0').padEnd(3, '0').slice(0, 3)));

  const offsetMinutes = zone !== undefined ? zoneMinutes(sign, zone)
    : typeof options.defaultOffsetMinutes === 'number' ? options.defaultOffsetMinutes : options.defaultOffsetMinutes(local.getTime());
  if (offsetMinutes === undefined) return invalid('no such offset');
  return { ok: true, instant: new Date(local.getTime() - offsetMinutes * 60_000), precision, offsetMinutes };
}

function zoneMinutes(sign: string | undefined, zone: string): number | undefined {
  const minutes = Number(zone.slice(0, 2)) * 60 + Number(zone.slice(2));
  if (Number(zone.slice(2)) > 59 || minutes > widestOffsetMinutes) return undefined;
  return sign === '-' ? 0 - minutes : minutes;
}

function invalid(detail: string): ParsedTs {
  return { ok: false, code: 'hl7.field-invalid', detail };
}

const digits: Readonly<Record<TsPrecision, number>> = { year: 4, month: 6, day: 8, hour: 10, minute: 12, second: 14, fraction: 18 };

/** Writes a timestamp; the offset is written from the hour on. `fraction` is milliseconds. */
export function formatTs(instant: Date, { precision = 'second', offsetMinutes }: { precision?: TsPrecision; offsetMinutes: number }): string {
  const iso = new Date(instant.getTime() + offsetMinutes * 60_000).toISOString();
  const text = iso.replace(/[-:TZ]/g, '').slice(0, digits[precision]);
  return digits[precision] < digits.hour ? text : text + offsetText(offsetMinutes, '');
}

/** The same in ISO 8601, as FHIR's date and dateTime write it: no more precise than was given (an hour gets its :00:00). */
export function toIso8601({ instant, precision, offsetMinutes }: Hl7Timestamp): string {
  const iso = new Date(instant.getTime() + offsetMinutes * 60_000).toISOString();
  if (precision === 'year') return iso.slice(0, 4);
  if (precision === 'month') return iso.slice(0, 7);
  if (precision === 'day') return iso.slice(0, 10);
  return iso.slice(0, precision === 'fraction' ? 23 : 19) + offsetText(offsetMinutes, ':');
}

function offsetText(offsetMinutes: number, separator: string): string {
  const size = Math.abs(offsetMinutes);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`;
}
