import { component, componentOf, field, hl7Null, locationOf, parseTs, repetitions, toIso8601, type Hl7Problem, type Hl7Segment } from '@primum/formats';
import type { IdentifierReading, ReadingSource } from './message-reading.ts';

/** Thrown inside a reader and turned into its outcome: the way out of deeply nested fields. Never leaves `readMessage`. */
export class ReadingFault extends Error {
  readonly problem: Hl7Problem & { hl70357?: string };
  constructor(problem: Hl7Problem & { hl70357?: string }) {
    super(problem.code);
    this.problem = problem;
  }
}

/** The time in a field in milliseconds; undefined when it is empty or null. An unreadable one is a fault. */
export function readTime(segment: Hl7Segment, number: number, source: ReadingSource): number | undefined {
  const value = component(segment, number);
  if (value === '' || value === hl7Null) return undefined;
  const parsed = parseTs(value, { defaultOffsetMinutes: source.utcOffset });
  if (!parsed.ok) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(segment, number), detail: parsed.detail });
  return parsed.instant.getTime();
}

/** A date as FHIR writes it, no more precise than the day; null for the HL7 null value. */
export function readDate(segment: Hl7Segment, number: number, source: ReadingSource): string | null | undefined {
  const value = component(segment, number);
  if (value === '') return undefined;
  if (value === hl7Null) return null;
  const parsed = parseTs(value, { defaultOffsetMinutes: source.utcOffset });
  if (!parsed.ok) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(segment, number), detail: parsed.detail });
  return toIso8601(parsed).slice(0, 10);
}

/** CX repetitions that hold a value, in order; the source's own authority where component 4 is empty. */
export function readIdentifiers(segment: Hl7Segment, number: number, source: ReadingSource): IdentifierReading[] {
  const identifiers: IdentifierReading[] = [];
  for (const repetition of repetitions(segment, number).slice(0, maxIdentifiers)) {
    const part = (comp: number, sub = 1): string => componentOf(repetition, segment.encoding, { comp, sub });
    const value = part(1).trim();
    if (value === '' || value === hl7Null) continue;
    identifiers.push({ value, authority: part(4, 1) || part(4, 2) || source.defaultAuthority, type: part(5) });
  }
  return identifiers;
}

const maxIdentifiers = 32;

/** A field that says nothing (undefined), deletes (null), or holds something. */
export function readNullable<T>(segment: Hl7Segment, number: number, read: () => T): T | null | undefined {
  const raw = field(segment, number);
  if (raw === '') return undefined;
  return raw === hl7Null ? null : read();
}

export function requireField(segment: Hl7Segment, number: number): string {
  const value = component(segment, number);
  if (value === '' || value === hl7Null) throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(segment, number) });
  return value;
}
