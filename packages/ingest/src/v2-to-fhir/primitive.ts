import { parseTs, toIso8601, type UtcOffset } from '@primum/formats';

export type PrimitiveOptions = { utcOffsetMinutes: UtcOffset };

/** Text → FHIR primitive; undefined where the text is not one, so that no invalid element is ever written. */
type Primitive = (text: string, options: PrimitiveOptions) => unknown;

const tqDuration = /^[SMHDWL]\d{1,6}$/i;
const tqUnits: Readonly<Record<string, string>> = { S: 's', M: 'min', H: 'h', D: 'd', W: 'wk', L: 'mo' };

export const primitives: Readonly<Record<string, Primitive>> = {
  string: (text) => text,
  base64: (text) => Buffer.from(text, 'utf8').toString('base64'),
  lower: (text) => text.toLowerCase(),
  code: (text) => text.trim() || undefined,
  date: (text) => dateTime(text)?.slice(0, 10),
  dateTime: (text, { utcOffsetMinutes }) => dateTime(text, utcOffsetMinutes),
  /** A point in time needs at least the second in FHIR: an hour or a minute gets its zeros, a day its midnight. */
  instant: (text, { utcOffsetMinutes }) => instant(text, utcOffsetMinutes),
  'dateTime-with-time': (text, { utcOffsetMinutes }) => (/^\d{10}/.test(text) ? dateTime(text, utcOffsetMinutes) : undefined),
  time: (text) => (/^\d\d:\d\d(:\d\d)?$/.test(text) ? `${text}${text.length === 5 ? ':00' : ''}` : undefined),
  /** TQ.3 (HL7 2.5.1, section 4.3.3): `H2` is two hours. */
  'tq-duration': (text) => (tqDuration.test(text) ? Number(text.slice(1)) : undefined),
  'tq-unit': (text) => (tqDuration.test(text) ? tqUnits[text.charAt(0).toUpperCase()] : undefined),
  decimal: (text) => decimal(text),
  integer: (text) => (/^-?\d{1,9}$/.test(text.trim()) ? Number(text) : undefined),
  /** Table 0136; some senders write the word. */
  boolean: (text) => (/^\s*(Y|YES)\s*$/i.test(text) ? true : /^\s*(N|NO)\s*$/i.test(text) ? false : undefined),
  /** Whatever the sender calls an ISO identifier and is written like one; test systems number from roots that aren't there. */
  oid: (text) => (/^\d+(\.\d+)+$/.test(text) ? `urn:oid:${text}` : undefined),
  /** `HL70203` is HL7's own table 0203. */
  'v2-table': (text) => { const table = /^HL7(\d{4})$/.exec(text)?.[1]; return table === undefined ? undefined : `http://terminology.hl7.org/CodeSystem/v2-${table}`; },
  narrative: (text) => `<div xmlns="http://www.w3.org/1999/xhtml">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</div>`,
  uuid: (text) => `urn:uuid:${text.toLowerCase()}`,
};

function decimal(text: string): number | undefined {
  const trimmed = text.trim();
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(trimmed) ? Number(trimmed) : undefined;
}

/** FHIR knows no time without seconds: HL7's hour and minute get their zeros. A fraction keeps the digits it came with. */
function dateTime(text: string, defaultOffsetMinutes: UtcOffset = 0): string | undefined {
  const parsed = parseTs(text.trim(), { defaultOffsetMinutes });
  return parsed.ok ? toIso8601(parsed) : undefined;
}

function instant(text: string, defaultOffsetMinutes: UtcOffset): string | undefined {
  const parsed = parseTs(text.trim(), { defaultOffsetMinutes });
  if (!parsed.ok) return undefined;
  return toIso8601({ ...parsed, precision: parsed.precision === 'fraction' ? 'fraction' : 'second' });
}
