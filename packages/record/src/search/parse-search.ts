import { PrimumError } from '@primum/base';
import { searchableTypes, searchParametersOf, type Parameter, type ParameterType } from './parameters.ts';
import { splitUnescaped, type Criterion, type Include, type SearchQuery, type SortKey, type Summary } from './search-query.ts';

export const defaultCount = 20;
export const maxCount = 1_000;
const maxParameters = 100;
const maxAlternatives = 500;
const maxValueLength = 8_000;
/** References that one criterion may follow. */
const maxDepth = 3;

/** Which modifiers a type of parameter takes, beside `missing` and of a reference the types that it leads to. */
const modifiers: Readonly<Record<ParameterType, readonly string[]>> = {
  token: ['not', 'text', 'of-type'], string: ['exact', 'contains'], reference: ['identifier'], uri: ['below'], date: [], number: [], quantity: [], composite: [],
};

/** How the answer is written; asked of whoever answers. */
const presentation = new Set(['_format', '_pretty']);
const notSupported = new Set(['_text', '_content', '_filter', '_query', '_list', '_contained', '_containedType', '_score']);

/**
 * A FHIR search as data (FHIR R4, section 3.1.1). What is unknown is an error, or listed in `ignored` where handling is
 * lenient; what is known and wrong is an error either way. Errors: fhir.parameter-unknown, fhir.parameter-invalid, fhir.not-supported.
 */
export function parseSearch(type: string, pairs: readonly (readonly [string, string])[], handling: 'strict' | 'lenient' = 'strict'): SearchQuery {
  if (searchParametersOf(type).size === 0) throw new PrimumError('fhir.not-supported', 'a type that is not one of FHIR R4');
  if (pairs.length > maxParameters) throw new PrimumError('fhir.parameter-invalid', `more than ${maxParameters} parameters`);
  const criteria: Criterion[] = [];
  const includes: Include[] = [];
  const ignored: string[] = [];
  const used: (readonly [string, string])[] = [];
  const result: Pick<SearchQuery, 'sort' | 'count' | 'total' | 'elements' | 'summary' | 'cursor'> = { sort: [], count: defaultCount, total: 'none', elements: undefined, summary: 'false', cursor: undefined };
  for (const [name, value] of pairs) {
    if (presentation.has(name)) continue;
    if (value.length > maxValueLength) throw new PrimumError('fhir.parameter-invalid', `${shown(name)}: too long`);
    try {
      if (value === '') throw new PrimumError('fhir.parameter-unknown', `${shown(name)} is empty`);
      switch (name) {
        case '_count': result.count = Math.min(whole(name, value), maxCount); break;
        case '_total': result.total = oneOf(name, value, ['none', 'estimate', 'accurate']); break;
        case '_summary': result.summary = oneOf<Summary>(name, value, ['true', 'text', 'data', 'count', 'false']); break;
        case '_elements': result.elements = splitUnescaped(value, ',').map((one) => one.trim()).filter((one) => /^[A-Za-z]{1,60}$/.test(one)); break;
        case '_sort': result.sort = splitUnescaped(value, ',').map((one) => sortKey(type, one)); break;
        case '_cursor': result.cursor = value; continue;
        case '_include': case '_include:iterate': case '_revinclude': case '_revinclude:iterate':
          includes.push(include(value, name.startsWith('_rev'), name.endsWith(':iterate'))); break;
        default: criteria.push(criterion(type, name, value, 0));
      }
      used.push([name, value]);
    } catch (error) {
      if (handling === 'strict' || !(error instanceof PrimumError) || error.code !== 'fhir.parameter-unknown') throw error;
      ignored.push(shown(name));
    }
  }
  return { type, criteria, includes, ignored, used, ...result };
}

function criterion(type: string, name: string, value: string, depth: number): Criterion {
  if (depth > maxDepth) throw new PrimumError('fhir.parameter-invalid', `more than ${maxDepth} references in a row`);
  if (name.startsWith('_has:')) return hasCriterion(name, value, depth);
  const dot = name.indexOf('.');
  const [code = '', modifier] = (dot < 0 ? name : name.slice(0, dot)).split(':');
  const alternatives = splitUnescaped(value, ',').filter((one) => one !== '');
  if (alternatives.length === 0) throw new PrimumError('fhir.parameter-invalid', `${shown(name)} has no value`);
  if (alternatives.length > maxAlternatives) throw new PrimumError('fhir.parameter-invalid', `${shown(name)}: more than ${maxAlternatives} values`);
  if (notSupported.has(code)) throw new PrimumError('fhir.parameter-unknown', `${code} is not supported`);
  if (dot < 0 && (code === '_id' || code === '_lastUpdated')) {
    if (modifier !== undefined) throw new PrimumError('fhir.not-supported', `${shown(name)}: that modifier`);
    return { kind: code === '_id' ? 'id' : 'last-updated', alternatives };
  }
  const parameter = searchParametersOf(type).get(code);
  if (parameter === undefined) throw new PrimumError('fhir.parameter-unknown', `${type} has none of that name: ${shown(name)}`);
  if (dot >= 0) return chainCriterion(parameter, modifier, name.slice(dot + 1), value, depth);
  if (modifier !== undefined && modifier !== 'missing' && !modifiers[parameter.type].includes(modifier) && !(parameter.type === 'reference' && leadsTo(parameter).includes(modifier))) {
    throw new PrimumError('fhir.not-supported', `${shown(name)}: that modifier`);
  }
  if (depth > 0 && (modifier === 'text' || modifier === 'contains')) throw new PrimumError('fhir.not-supported', `${shown(name)}: that modifier behind a reference`);
  if (modifier === 'missing') oneOf(name, value, ['true', 'false']);
  return { kind: 'parameter', parameter, modifier, alternatives };
}

/** Types that a reference may lead to. */
export function leadsTo({ targets }: Parameter): readonly string[] {
  return targets.includes('Any') ? searchableTypes() : targets;
}

/** Of several types that a reference may lead to those that know the next parameter count. */
function chainCriterion(parameter: Parameter, target: string | undefined, rest: string, value: string, depth: number): Criterion {
  if (parameter.type !== 'reference') throw new PrimumError('fhir.parameter-invalid', `${parameter.code} is no reference`);
  if (target !== undefined && !leadsTo(parameter).includes(target)) throw new PrimumError('fhir.parameter-invalid', `${parameter.code} does not lead to that type`);
  const types = target === undefined ? leadsTo(parameter) : [target];
  const inner = types.flatMap((type): { type: string; criterion: Criterion }[] => {
    try {
      return [{ type, criterion: criterion(type, rest, value, depth + 1) }];
    } catch (error) {
      if (types.length > 1 && error instanceof PrimumError && error.code === 'fhir.parameter-unknown') return [];
      throw error;
    }
  });
  if (inner.length === 0) throw new PrimumError('fhir.parameter-unknown', `no type that ${parameter.code} leads to has it: ${shown(rest)}`);
  return { kind: 'chain', parameter, inner };
}

function hasCriterion(name: string, value: string, depth: number): Criterion {
  const [, type = '', code = '', rest = ''] = /^_has:([A-Za-z]{1,60}):([A-Za-z0-9_-]{1,60}):(.+)$/.exec(name) ?? [];
  const parameter = searchParametersOf(type).get(code);
  if (parameter === undefined || parameter.type !== 'reference') throw new PrimumError('fhir.parameter-unknown', shown(name));
  return { kind: 'has', type, parameter, criterion: criterion(type, rest, value, depth + 1) };
}

function include(value: string, reverse: boolean, iterate: boolean): Include {
  const [type = '', code = '', target] = value.split(':');
  const parameter = searchParametersOf(type).get(code);
  if (parameter === undefined || parameter.type !== 'reference') throw new PrimumError('fhir.parameter-unknown', `${reverse ? '_revinclude' : '_include'}: no such reference`);
  if (target !== undefined && !leadsTo(parameter).includes(target)) throw new PrimumError('fhir.parameter-invalid', `${type}:${code} does not lead to that type`);
  return { type, parameter, target, reverse, iterate };
}

function sortKey(type: string, text: string): SortKey {
  const descending = text.startsWith('-');
  const code = descending ? text.slice(1) : text;
  if (code === '_id' || code === '_lastUpdated') return { code, descending };
  const parameter = searchParametersOf(type).get(code);
  if (parameter === undefined) throw new PrimumError('fhir.parameter-unknown', `_sort: ${type} has none of that name: ${shown(code)}`);
  if (parameter.type === 'composite') throw new PrimumError('fhir.not-supported', `_sort by a composite`);
  return { code, descending, parameter };
}

function whole(name: string, value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new PrimumError('fhir.parameter-invalid', `${name}: not a number`);
  return Number(value);
}

function oneOf<T extends string>(name: string, value: string, words: readonly T[]): T {
  const word = words.find((one) => one === value);
  if (word === undefined) throw new PrimumError('fhir.parameter-invalid', `${shown(name)}: one of ${words.join(', ')}`);
  return word;
}

/** A parameter's name as an error may show it: somebody may have put a value where a name belongs. */
function shown(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_:.-]{0,99}$/.test(name) ? name : 'a name that is none';
}
