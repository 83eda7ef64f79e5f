import type { Resource } from '@medplum/fhirtypes';
import { codingsOf, textsOf } from './collectors.ts';
import { rangeOf } from './date-range.ts';
import type { Parameter, Source } from './parameters.ts';
import { unescapeValue, type Criterion, type SortKey } from './search-query.ts';
import { normaliseString } from './string-keys.ts';
import { compileWalk, isObject } from './walk.ts';

/** Whether an opened resource meets a criterion that its row can't decide: `:contains` of strings, `:text` of tokens. */
export function meetsOpened(criterion: Criterion, resource: Resource): boolean {
  if (criterion.kind !== 'parameter') return true;
  const texts = criterion.parameter.sources.flatMap((source) => (criterion.modifier === 'text' ? displaysAt(resource, source) : valuesAt(resource, source).flatMap((value) => textsOf(value, source.dataType))).map(normaliseString));
  return criterion.alternatives.map((one) => normaliseString(unescapeValue(one))).some((sought) => texts.some((text) => (criterion.modifier === 'text' ? text.startsWith(sought) : text.includes(sought))));
}

export function valuesAt(resource: unknown, { path }: Pick<Source, 'path'>): unknown[] {
  const values: unknown[] = [];
  compileWalk(path)(resource, (value) => values.push(value));
  return values;
}

/** The words beside a code: CodeableConcept.text, Coding.display, Identifier.type.text (FHIR R4, section 3.1.1.4.10). */
function displaysAt(resource: unknown, source: Source): string[] {
  return valuesAt(resource, source).filter(isObject).flatMap((value) => {
    const inner = isObject(value['type']) ? [value['type']['text']] : [];
    const codings = Array.isArray(value['coding']) ? value['coding'].map((one: unknown) => (isObject(one) ? one['display'] : undefined)) : [];
    return [value['text'], value['display'], ...inner, ...codings].filter((text): text is string => typeof text === 'string');
  });
}

/** By what an opened resource is sorted: the first text, code, date or amount; null where there is none. */
export function sortValueOf(resource: Resource, { sources, type }: Parameter): string | number | null {
  for (const source of sources) {
    for (const value of valuesAt(resource, source)) {
      if (type === 'date') {
        const range = rangeOf(value);
        if (range !== null) return range.lo;
      } else if (type === 'quantity' || type === 'number') {
        const amount = isObject(value) ? value['value'] : value;
        if (typeof amount === 'number') return amount;
      } else if (type === 'token') {
        const [first] = codingsOf(value, source.dataType, source.system);
        if (first !== undefined) return first.code;
      } else if (type === 'reference' && isObject(value) && typeof value['reference'] === 'string') return value['reference'];
      else {
        const [first] = textsOf(value, source.dataType);
        if (first !== undefined) return type === 'string' ? normaliseString(first) : first;
      }
    }
  }
  return null;
}

/** Compares what was opened, value by value; what has none comes last. */
export function compareValues(keys: readonly SortKey[], a: readonly (string | number | null)[], b: readonly (string | number | null)[]): number {
  for (const [n, { descending }] of keys.entries()) {
    const [one, other] = [a[n] ?? null, b[n] ?? null];
    if (one === other) continue;
    if (one === null || other === null) return one === null ? 1 : -1;
    return (one < other ? -1 : 1) * (descending ? -1 : 1);
  }
  return 0;
}
