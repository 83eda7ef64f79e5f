import { encodingCharacters, defaultEncoding, type Hl7Encoding } from './encoding.ts';
import { escapeText } from './escape.ts';

/** A component: a value, or the values of its subcomponents. */
export type ComponentInput = string | readonly string[] | undefined;

/** A field: a value, its components, or its repetitions. Undefined and `''` are empty; `hl7Null` is the null value. */
export type FieldInput = string | readonly ComponentInput[] | { repeat: readonly (string | readonly ComponentInput[])[] } | undefined;

/**
 * A segment: its name and its fields from field 1; for MSH from field 3, as the writer puts MSH-1 and MSH-2 in.
 * Values are plain text: the writer escapes them.
 */
export type SegmentInput = readonly [name: string, ...fields: FieldInput[]];

/** Writes a message: each segment ends with CR; empty fields at a segment's end are left out. */
export function buildMessage(segments: readonly SegmentInput[], encoding: Hl7Encoding = defaultEncoding): string {
  return segments.map((segment) => `${buildSegment(segment, encoding)}\r`).join('');
}

export function buildSegment([name, ...fields]: SegmentInput, encoding: Hl7Encoding = defaultEncoding): string {
  const written = fields.map((value) => writeField(value, encoding));
  while (written.at(-1) === '') written.pop();
  const lead = name === 'MSH' ? [name + encoding.field + encodingCharacters(encoding)] : [name];
  return [...lead, ...written].join(encoding.field);
}

/** One field with its escapes, without separators around it. */
export function writeField(value: FieldInput, encoding: Hl7Encoding): string {
  if (value !== undefined && typeof value === 'object' && 'repeat' in value) {
    return value.repeat.map((repetition) => writeRepetition(repetition, encoding)).join(encoding.repetition);
  }
  return writeRepetition(value, encoding);
}

function writeRepetition(value: string | readonly ComponentInput[] | undefined, encoding: Hl7Encoding): string {
  if (value === undefined || typeof value === 'string') return escapeText(value ?? '', encoding);
  const written = value.map((item) => writeComponent(item, encoding));
  while (written.at(-1) === '') written.pop();
  return written.join(encoding.component);
}

function writeComponent(value: ComponentInput, encoding: Hl7Encoding): string {
  if (value === undefined || typeof value === 'string') return escapeText(value ?? '', encoding);
  return value.map((item) => escapeText(item, encoding)).join(encoding.subcomponent);
}
