import { pathOf } from './place.ts';
import { textAt, type FieldValue } from './field-value.ts';
import type { Condition } from './rule.ts';

export type Surroundings = { valuesOf: (field: number) => readonly FieldValue[]; event: string; anchor: string; isOpen: (name: string) => boolean };

/** Whether a condition holds of a segment's first repetitions; total: a place that isn't there is not valued. */
export function holds(condition: Condition, around: Surroundings): boolean {
  if ('valued' in condition) return textOf(condition.valued, around) !== '';
  if ('repeats' in condition) return around.valuesOf(Number(condition.repeats)).length > 1;
  if ('is' in condition) return textOf(condition.is[0], around) === condition.is[1];
  if ('in' in condition) return condition.in[1].includes(textOf(condition.in[0], around));
  if ('after' in condition) return condition.after.includes(around.anchor);
  if ('event' in condition) return condition.event.includes(around.event);
  if ('open' in condition) return around.isOpen(condition.open);
  if ('not' in condition) return !holds(condition.not, around);
  if ('all' in condition) return condition.all.every((part) => holds(part, around));
  return condition.any.some((part) => holds(part, around));
}

/** Places whose value decides a condition (`is`, `in`): when the rule is applied they have been made use of. */
export function decidingPlaces(condition: Condition | undefined): readonly string[] {
  if (condition === undefined) return none;
  if ('is' in condition) return [condition.is[0]];
  if ('in' in condition) return [condition.in[0]];
  if ('all' in condition) return condition.all.flatMap(decidingPlaces);
  if ('any' in condition) return condition.any.flatMap(decidingPlaces);
  return none;
}

const none: readonly string[] = [];

function textOf(place: string, around: Surroundings): string {
  const [field = 0, component, subcomponent] = pathOf(place);
  const value = around.valuesOf(field)[0];
  if (value === undefined) return '';
  if (component !== undefined) return textAt(value, component, subcomponent);
  for (const [index, subs] of value.parts.entries()) {
    for (const sub of subs.keys()) {
      const text = textAt(value, index + 1, sub + 1);
      if (text !== '') return text;
    }
  }
  return '';
}
