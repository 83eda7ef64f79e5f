import { PrimumError } from '@primum/base';
import type { Concept, Filter } from './concepts.ts';

/** What a concept's ancestors are asked of; itself is not among them. */
export type Hierarchy = { ancestors(code: string): ReadonlySet<string> };

const longestPattern = 200;
/** A repeated group that holds a repetition can take a time that grows with a power of two; so can a look around or back. */
const costly = /\([^)]*[*+}][^)]*\)\s*[*+{]|\(\?|\\[1-9]/;

/** A filter of a value set as a test (FHIR R4, valueset filter-operator). Throws terminology.filter for what is not done here. */
export function compileFilter({ property, op, value }: Filter, hierarchy: Hierarchy): (concept: Concept) => boolean {
  const onCode = property === 'concept' || property === 'code';
  const valuesOf = (concept: Concept): readonly string[] => (onCode ? [concept.code] : property === 'display' ? [concept.display] : property === 'parent' ? concept.parents : concept.properties?.get(property) ?? []);
  const isBelow = (concept: Concept): boolean => hierarchy.ancestors(concept.code).has(value);
  switch (op) {
    case 'is-a':
      if (onCode) return (concept) => concept.code === value || isBelow(concept);
      break;
    case 'descendent-of':
      if (onCode) return isBelow;
      break;
    case 'is-not-a':
      if (onCode) return (concept) => concept.code !== value && !isBelow(concept);
      break;
    case '=':
      return (concept) => valuesOf(concept).includes(value);
    case 'in':
    case 'not-in': {
      const listed = new Set(value.split(',').map((one) => one.trim()));
      return (concept) => valuesOf(concept).some((one) => listed.has(one)) === (op === 'in');
    }
    case 'exists':
      return (concept) => (valuesOf(concept).length > 0) === (value === 'true');
    case 'regex': {
      const pattern = patternOf(value);
      return (concept) => valuesOf(concept).some((one) => one.length <= 1_000 && pattern.test(one));
    }
  }
  throw new PrimumError('terminology.filter-unknown', `${/^[a-z-]{1,20}$/.test(op) ? op : '?'} of ${/^[A-Za-z_-]{1,40}$/.test(property) ? property : '?'}`);
}

/** The whole value has to match (FHIR R4, filter-operator regex). */
function patternOf(value: string): RegExp {
  if (value.length > longestPattern || costly.test(value)) throw new PrimumError('terminology.filter-unknown', 'a pattern that is too long, or that repeats what repeats');
  try {
    return new RegExp(`^(?:${value})$`, 'u');
  } catch (cause) {
    throw new PrimumError('terminology.filter-unknown', 'not a regular expression', { cause });
  }
}
