import { mainDateOf, searchParametersOf, type Parameter, type ParameterType, type Source } from './parameters.ts';
import { rangeOf } from './date-range.ts';
import { quantityRanges, numberRange } from './quantity-ranges.ts';
import { prefixesOf } from './string-keys.ts';
import { targetOf } from './reference-target.ts';
import type { SearchTokens } from './search-tokens.ts';
import { compileWalk, isObject } from './walk.ts';

export type Found = { tokens: bigint[]; ranges: { param: number; lo: number; hi: number }[]; at: { lo: number; hi: number } | null };

/** Adds what a resource is found by at one place. */
export type Collector = (resource: unknown, found: Found) => void;

/** Adds what one value at a place is found by; false where there is nothing in it. */
type Reader = (value: unknown, found: Found) => boolean;

/** Entries of each cache; a full one starts afresh. */
const maxKept = 20_000;

/** How everything that parameters of a type read becomes tokens and ranges: each element once, however many parameters read it. */
export function compileCollectors(type: string, tokens: SearchTokens): Collector[] {
  const parameters = [...searchParametersOf(type).values()];
  const main = mainDateOf(type);
  const collectors = new Map<string, Collector>();
  for (const parameter of parameters) {
    if (parameter.type === 'composite') {
      for (const group of parameter.groups.filter((one) => one !== '')) collectors.set(`${parameter.code} ${group}`, collectGroup(type, parameter, group, tokens));
      continue;
    }
    for (const source of parameter.sources) {
      const key = `${parameter.type} ${source.path} ${source.dataType} ${source.target ?? ''}`;
      const isMain = parameter.code === main;
      if (collectors.has(key) && !isMain) continue;
      if (parameter.type === 'reference' && source.target !== undefined) collectors.set(key, collectPresence(source, tokens));
      else collectors.set(key, collect(parameter.type, source, tokens, isMain));
    }
  }
  return [...collectors.values()];
}

function collect(kind: ParameterType, source: Source, tokens: SearchTokens, isMain: boolean): Collector {
  const walk = compileWalk(source.path);
  const present = tokens.of(source.place, 'present', '');
  const read = readerOf(kind, source, tokens, isMain);
  return (resource, found) => {
    let any = false;
    walk(resource, (value) => { any = read(value, found) || any; });
    if (any) found.tokens.push(present);
  };
}

/** `patient` is found by the tokens of `subject`; that there is one is not the same. */
function collectPresence({ place, path, target = '' }: Source, tokens: SearchTokens): Collector {
  const walk = compileWalk(path);
  const present = tokens.of(place, 'present', target);
  return (resource, found) => {
    walk(resource, (value) => {
      if (isObject(value) && targetOf(value['reference'])?.type === target) found.tokens.push(present);
    });
  };
}

export function readerOf(kind: ParameterType, source: Source, tokens: SearchTokens, isMain = false): Reader {
  switch (kind) {
    case 'token': return tokenReader(source, tokens);
    case 'string': return stringReader(source, tokens);
    case 'reference': return referenceReader(source, tokens);
    case 'date': return dateReader(source, tokens, isMain);
    case 'uri': return uriReader(source, tokens);
    case 'quantity': return (value, found) => pushAll(found.ranges, quantityRanges(tokens, source.place, value, source.dataType));
    case 'number': {
      const param = tokens.rangeParam(source.place, 'number', '');
      return (value, found) => {
        const range = numberRange(value);
        if (range !== null) found.ranges.push({ param, ...range });
        return range !== null;
      };
    }
    case 'composite': return () => false;
  }
}

function tokenReader({ place, dataType, system }: Source, tokens: SearchTokens): Reader {
  const kept = new Map<string, Map<string, readonly bigint[]>>();
  let count = 0;
  const ofCode = (ofSystem: string, code: string): readonly bigint[] => {
    let bySystem = kept.get(code);
    const known = bySystem?.get(ofSystem);
    if (known !== undefined) return known;
    const made = (hasFixedSystem(dataType) ? [['bare', code] as const] : tokenForms(ofSystem, code)).map(([form, text]) => tokens.of(place, form, text));
    if ((count += 1) > maxKept) {
      kept.clear();
      count = 1;
      bySystem = undefined;
    }
    if (bySystem === undefined) kept.set(code, bySystem = new Map());
    bySystem.set(ofSystem, made);
    return made;
  };
  return (value, found) => {
    const before = found.tokens.length;
    if (dataType === 'Identifier') {
      if (!isObject(value) || typeof value['value'] !== 'string') return false;
      const ofSystem = textOf(value['system']);
      // Numbers of people are new each time: nothing to keep.
      for (const [form, text] of tokenForms(ofSystem, value['value'])) found.tokens.push(tokens.of(place, form, text));
      const types = isObject(value['type']) && Array.isArray(value['type']['coding']) ? value['type']['coding'] : [];
      for (const one of types) if (isObject(one)) found.tokens.push(tokens.of(place, 'typed', `${textOf(one['system'])}|${textOf(one['code'])}|${value['value']}`));
      return true;
    }
    for (const { system: ofSystem, code } of codingsOf(value, dataType, system)) for (const token of ofCode(ofSystem, code)) found.tokens.push(token);
    return found.tokens.length > before;
  };
}

/** Under what a code can be asked: with its system, without, and any of its system. */
function tokenForms(system: string, code: string): (readonly ['code' | 'bare' | 'system', string])[] {
  const forms: (readonly ['code' | 'bare' | 'system', string])[] = [];
  if (code !== '') forms.push(['code', `${system}|${code}`], ['bare', code]);
  if (system !== '') forms.push(['system', system]);
  return forms;
}

/** Whose system is given by the element, or which have none: their codes are indexed without. */
export function hasFixedSystem(dataType: string): boolean {
  return !['CodeableConcept', 'Coding', 'Identifier'].includes(dataType);
}

type SystemAndCode = { system: string; code: string };

/** What stands in a value of a token parameter as system and code (FHIR R4, section 3.1.1.4.10). */
export function codingsOf(value: unknown, dataType: string, system = ''): SystemAndCode[] {
  if (dataType === 'deceased') return [{ system: '', code: String(isObject(value) && (value['deceasedBoolean'] === true || value['deceasedDateTime'] !== undefined)) }];
  if (typeof value === 'string') return value === '' ? [] : [{ system, code: value }];
  if (typeof value === 'boolean') return [{ system, code: String(value) }];
  if (!isObject(value)) return [];
  switch (dataType) {
    case 'CodeableConcept': return Array.isArray(value['coding']) ? value['coding'].flatMap((one: unknown) => codingsOf(one, 'Coding')) : [];
    case 'ContactPoint': return typeof value['value'] === 'string' ? [{ system: '', code: normaliseContact(value['value']) }] : [];
    case 'Identifier': return typeof value['value'] === 'string' ? [{ system: textOf(value['system']), code: value['value'] }] : [];
    default: {
      const coding = { system: textOf(value['system']), code: textOf(value['code']) };
      return coding.system === '' && coding.code === '' ? [] : [coding];
    }
  }
}

/** Numbers as they are dialled, addresses without case. */
export function normaliseContact(text: string): string {
  return /^[\d\s()+./-]+$/.test(text) ? text.replace(/[^\d+]/g, '') : text.trim().toLowerCase();
}

const nameParts = ['text', 'family', 'given', 'prefix', 'suffix'] as const;
const addressParts = ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'] as const;

/** The texts that a string parameter looks at in a value. */
export function textsOf(value: unknown, dataType: string): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  if (!isObject(value)) return [];
  const parts = dataType === 'HumanName' ? nameParts : dataType === 'Address' ? addressParts : [];
  return parts.flatMap((part) => {
    const inner = value[part];
    return (Array.isArray(inner) ? inner : [inner]).filter((one): one is string => typeof one === 'string' && one !== '');
  });
}

function stringReader({ place, dataType }: Source, tokens: SearchTokens): Reader {
  const kept = new Map<string, readonly bigint[]>();
  return (value, found) => {
    const texts = textsOf(value, dataType);
    for (const text of texts) {
      let made = kept.get(text);
      if (made === undefined) {
        made = [tokens.of(place, 'exact', text), ...[...prefixesOf(text)].map((prefix) => tokens.of(place, 'prefix', prefix))];
        if (kept.size >= 2_000) kept.clear();
        kept.set(text, made);
      }
      for (const token of made) found.tokens.push(token);
    }
    return texts.length > 0;
  };
}

function referenceReader({ place, dataType }: Source, tokens: SearchTokens): Reader {
  const kept = new Map<string, bigint>();
  const ofUrl = uriReader({ place, path: '', dataType }, tokens);
  return (value, found) => {
    if (typeof value === 'string') return ofUrl(value, found);
    if (!isObject(value)) return false;
    const before = found.tokens.length;
    const { reference, identifier } = value;
    if (typeof reference === 'string') {
      let token = kept.get(reference);
      if (token === undefined) {
        const target = targetOf(reference);
        if (target !== null) {
          token = tokens.reference(place, target.type, target.id);
          if (kept.size >= maxKept) kept.clear();
          kept.set(reference, token);
        }
      }
      if (token !== undefined) found.tokens.push(token);
      if (reference.includes(':')) ofUrl(reference, found);
    }
    if (isObject(identifier) && typeof identifier['value'] === 'string') {
      found.tokens.push(tokens.of(place, 'logical', `${textOf(identifier['system'])}|${identifier['value']}`), tokens.of(place, 'logical', identifier['value']));
    }
    return found.tokens.length > before;
  };
}

function uriReader({ place }: Pick<Source, 'place' | 'path' | 'dataType'>, tokens: SearchTokens): Reader {
  const kept = new Map<string, readonly bigint[]>();
  return (value, found) => {
    if (typeof value !== 'string' || value === '') return false;
    let made = kept.get(value);
    if (made === undefined) {
      const bare = value.split('|')[0]!;
      made = [...new Set([value, bare])].map((one) => tokens.of(place, 'uri', one)).concat(beginningsOf(bare).map((one) => tokens.of(place, 'below', one)));
      if (kept.size >= 2_000) kept.clear();
      kept.set(value, made);
    }
    for (const token of made) found.tokens.push(token);
    return true;
  };
}

/** A URI and everything above it, by segments of its path; URNs by their colons. At most sixteen. */
export function beginningsOf(uri: string): string[] {
  const beginnings = [uri];
  for (let at = uri.length; beginnings.length < 16;) {
    at = Math.max(uri.lastIndexOf('/', at - 1), uri.startsWith('urn:') ? uri.lastIndexOf(':', at - 1) : -1);
    if (at <= uri.indexOf(':') + 2) break;
    beginnings.push(uri.slice(0, at));
  }
  return beginnings;
}

function dateReader({ place, path }: Source, tokens: SearchTokens, isMain: boolean): Reader {
  if (path === 'birthDate') return birthDateReader(place, tokens);
  const param = tokens.rangeParam(place, 'date', '');
  return (value, found) => {
    const range = rangeOf(value);
    if (range === null) return false;
    if (isMain) found.at = range;
    else found.ranges.push({ param, ...range });
    return true;
  };
}

/** A date of birth stands in no range and no column: tokens of its year, month and day, and of which of them it ends with. */
function birthDateReader(place: string, tokens: SearchTokens): Reader {
  return (value, found) => {
    if (typeof value !== 'string' || !/^\d{4}(-\d{2}(-\d{2})?)?$/.test(value)) return false;
    for (const length of [4, 7, 10].filter((one) => one <= value.length)) found.tokens.push(tokens.of(place, 'born', value.slice(0, length)));
    if (value.length < 10) found.tokens.push(tokens.of(place, 'whole', value));
    return true;
  };
}

/** Components that stand together in one element: a code with a code is one token, a code with a quantity or date a range of its own. */
function collectGroup(type: string, { components: [first, second] }: Parameter, group: string, tokens: SearchTokens): Collector {
  const walk = compileWalk(group);
  const place = `${type}.${group}`;
  const firsts = first!.sources.map((source) => ({ ...source, walk: compileWalk(source.path) }));
  const seconds = second!.sources.map((source) => ({ ...source, walk: compileWalk(source.path) }));
  const kept = new Map<string, bigint>();
  const pair = (text: string): bigint => {
    let token = kept.get(text);
    if (token === undefined) {
      token = tokens.of(place, 'group', text);
      if (kept.size >= maxKept) kept.clear();
      kept.set(text, token);
    }
    return token;
  };
  return (resource, found) => walk(resource, (element) => {
    const codes = firsts.flatMap((source) => formsAt(element, source));
    if (codes.length === 0) return;
    for (const source of seconds) {
      source.walk(element, (value) => {
        if (second!.type === 'quantity') {
          for (const code of codes) found.ranges.push(...quantityRanges(tokens, `${place}|${code}|${source.path}`, value, source.dataType));
        } else for (const form of second!.type === 'reference' ? referenceForms(value) : formsOf(value, source.dataType, source.system)) for (const code of codes) found.tokens.push(pair(`${code}$${form}`));
      });
    }
  });
}

type Walked = Omit<Source, 'place'> & { walk: ReturnType<typeof compileWalk> };

function formsAt(element: unknown, { walk, dataType, system }: Walked): string[] {
  const forms: string[] = [];
  walk(element, (value) => forms.push(...formsOf(value, dataType, system)));
  return forms;
}

/** `system|code` and `code`: the ways to ask for one component. */
function formsOf(value: unknown, dataType: string, system?: string): string[] {
  return codingsOf(value, dataType, system).flatMap(({ system: ofSystem, code }) => (code === '' ? [] : [`${ofSystem}|${code}`, code]));
}

function referenceForms(value: unknown): string[] {
  const target = isObject(value) ? targetOf(value['reference']) : null;
  return target === null ? [] : [`${target.type}/${target.id}`];
}

function pushAll<T>(to: T[], values: readonly T[]): boolean {
  for (const value of values) to.push(value);
  return values.length > 0;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
