import { hl7Null, unescapeText, type Hl7Encoding, type Hl7Segment } from '@primum/formats';

/**
 * One repetition of a field, or one component of it, cut when first looked at. `seen` collects the leaf places that a
 * rule read, so that the trace can name the ones that none did.
 */
export type FieldValue = { parts: readonly (readonly string[])[]; base: string; seen: Set<string>; encoding: Hl7Encoding };

export function cutRepetition(raw: string, encoding: Hl7Encoding): FieldValue {
  const parts = raw.split(encoding.component).map((part) => part.split(encoding.subcomponent));
  return { parts, base: '', seen: new Set(), encoding };
}

/** The repetitions of a field; MSH-1 and MSH-2 are their own value. */
export function cutField(segment: Hl7Segment, field: number): FieldValue[] {
  const raw = segment.fields[field] ?? '';
  if (raw === '') return [];
  if (segment.name === 'MSH' && field <= 2) return [{ parts: [[raw]], base: '', seen: new Set(), encoding: { ...segment.encoding, escape: '\0' } }];
  return raw.split(segment.encoding.repetition).map((repetition) => cutRepetition(repetition, segment.encoding));
}

/** Component `number` as a value of its own: its subcomponents are what a datatype calls components. */
export function childOf(value: FieldValue, number: number): FieldValue | undefined {
  const subs = value.parts[number - 1];
  if (subs === undefined || subs.every((sub) => sub === '')) return undefined;
  return { parts: subs.map((sub) => [sub]), base: value.base === '' ? `${number}` : `${value.base}.${number}`, seen: value.seen, encoding: value.encoding };
}

/** The text at a place, escapes read; '' where nothing or null stands. */
export function textAt(value: FieldValue, component = 1, subcomponent = 1): string {
  const raw = value.parts[component - 1]?.[subcomponent - 1] ?? '';
  return raw === '' || raw === hl7Null ? '' : unescapeText(raw, value.encoding);
}

/** Notes that a rule took what stands at a place. */
export function markSeen(value: FieldValue, component = 1, subcomponent = 1): void {
  value.seen.add(value.base === '' ? `${component}.${subcomponent}` : `${value.base}.${component}`);
}

export function isEmptyValue(value: FieldValue): boolean {
  return value.parts.every((subs) => subs.every((sub) => sub === ''));
}

export function isNullValue(value: FieldValue): boolean {
  return value.parts.length === 1 && value.parts[0]?.length === 1 && value.parts[0][0] === hl7Null;
}

/** Places that hold something and that no rule read: `4.2` is component 4, subcomponent 2. */
export function unseenPlaces(value: FieldValue): string[] {
  const places: string[] = [];
  for (const [component, subs] of value.parts.entries()) {
    for (const [sub, text] of subs.entries()) {
      const place = `${component + 1}.${sub + 1}`;
      if (text !== '' && !value.seen.has(place)) places.push(subs.length === 1 ? `${component + 1}` : place);
    }
  }
  return places;
}
