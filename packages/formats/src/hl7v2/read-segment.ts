import type { Hl7Encoding } from './encoding.ts';
import { unescapeText } from './escape.ts';
import type { Hl7Message, Hl7Segment } from './parse-message.ts';

/** Which part of a field; all count from 1, and 1 is the default. */
export type Hl7Part = { rep?: number; comp?: number; sub?: number };

/** The HL7 null value: "delete what you hold", where an empty field says nothing (HL7 2.5.1, section 2.5.3). */
export const hl7Null = '""';

/** The first segment of a name. */
export function segmentNamed(message: Hl7Message, name: string): Hl7Segment | undefined {
  return message.segments.find((segment) => segment.name === name);
}

export function segmentsNamed(message: Hl7Message, name: string): Hl7Segment[] {
  return message.segments.filter((segment) => segment.name === name);
}

/** Field `number` as it was sent, `''` when empty or absent, `hl7Null` when it is the null value. */
export function field(segment: Hl7Segment, number: number): string {
  return segment.fields[number] ?? '';
}

/** The repetitions of a field as they were sent, for `componentOf`; none when the field is empty. */
export function repetitions(segment: Hl7Segment, number: number): string[] {
  const raw = field(segment, number);
  if (raw === '') return [];
  return isDelimiterField(segment, number) ? [raw] : raw.split(segment.encoding.repetition);
}

/**
 * One part of a field with its escapes read: `''` when absent, `hl7Null` for the null value. A part that has
 * finer parts than were asked for gives the first of them, as the standard lets a receiver of an older version do.
 */
export function component(segment: Hl7Segment, number: number, part: Hl7Part = {}): string {
  const raw = field(segment, number);
  if (raw === '' || isDelimiterField(segment, number)) return raw;
  const { encoding } = segment;
  return componentOf(piece(raw, encoding.repetition, part.rep ?? 1), encoding, part);
}

/** The same of one repetition: in a loop over `repetitions` each is cut once, however many a sender sends. */
export function componentOf(repetition: string, encoding: Hl7Encoding, { comp = 1, sub = 1 }: { comp?: number; sub?: number } = {}): string {
  return unescapeText(piece(piece(repetition, encoding.component, comp), encoding.subcomponent, sub), encoding);
}

/** A field, or one repetition of it, read as one text: for TX and FT values, whose delimiters are sometimes not escaped. */
export function wholeText(segment: Hl7Segment, number: number, rep?: number): string {
  const raw = field(segment, number);
  return unescapeText(rep === undefined ? raw : piece(raw, segment.encoding.repetition, rep), segment.encoding);
}

/** ERL of a place in the message: `PID^1^3^2^1` (HL7 2.5.1, section 2.A.28). */
export function locationOf(segment: Hl7Segment, number?: number, part: Hl7Part = {}): string {
  const places: (string | number)[] = [segment.name, segment.sequence];
  if (number !== undefined) places.push(number);
  if (number !== undefined && (part.rep ?? part.comp ?? part.sub) !== undefined) places.push(part.rep ?? 1);
  if (number !== undefined && (part.comp ?? part.sub) !== undefined) places.push(part.comp ?? 1);
  if (number !== undefined && part.sub !== undefined) places.push(part.sub);
  return places.join('^');
}

function isDelimiterField(segment: Hl7Segment, number: number): boolean {
  return segment.name === 'MSH' && number <= 2;
}

function piece(text: string, separator: string, number: number): string {
  let start = 0;
  for (let count = 1; count < number; count += 1) {
    const at = text.indexOf(separator, start);
    if (at === -1) return '';
    start = at + 1;
  }
  const end = text.indexOf(separator, start);
  return end === -1 ? text.slice(start) : text.slice(start, end);
}
