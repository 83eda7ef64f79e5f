import { applyConcept } from './apply-concept.ts';
import { cloneOf, isObject, putElement, type Json } from './element-path.ts';
import { childOf, isEmptyValue, markSeen, textAt, type FieldValue } from './field-value.ts';
import { helpers, mergeEqual } from './merge-equal.ts';
import { pathOf } from './place.ts';
import { primitives, type PrimitiveOptions } from './primitive.ts';
import { decidingPlaces, holds, type Surroundings } from './condition.ts';
import { placesOf, type DatatypeMap, type MappingTables, type Rule } from './rule.ts';

export type Builder = {
  add(resource: Json): { url: string; resource: Json };
  fromSegment(rule: Rule, valuesOf: (field: number) => readonly FieldValue[]): unknown[];
  instant(text: string): string | undefined;
  entries(): { fullUrl: string; resource: Json }[];
  size(): number;
  /** URLs of what was made since there were `size` resources. */
  since(size: number): string[];
};

type Settings = PrimitiveOptions & { namespaceBase: string };

/** Deepest nesting of datatypes; the tables are checked for cycles by this bound rather than by hand. */
const deepest = 8;

/** Builds FHIR values by the datatype files and keeps the resources that they make on the way. */
export function createBuilder(tables: MappingTables, settings: Settings): Builder {
  const entries: { fullUrl: string; resource: Json }[] = [];
  const urlOf = new Map<string, string>();

  function add(resource: Json): { url: string; resource: Json } {
    const url = `urn:uuid:00000000-0000-4000-8000-${(entries.length + 1).toString(16).padStart(12, '0')}`;
    entries.push({ fullUrl: url, resource });
    return { url, resource };
  }

  /** A value's own resource, whole when it is made: who and where it says is made once, however often a message says it. */
  function addOnce(resource: Json): string {
    if (!helpers.has(String(resource['resourceType']))) return add(resource).url;
    const key = JSON.stringify(resource);
    const url = urlOf.get(key) ?? add(resource).url;
    urlOf.set(key, url);
    return url;
  }

  /** One value at `[component, subcomponent]` of `value` ([] is the value itself) by a rule's type and concept map. */
  function convert(rule: Rule, value: FieldValue, path: readonly number[], map: string | undefined, depth: number): unknown {
    const type = rule.type ?? 'string';
    const concept = tables.concepts.get((rule.map === '$map' ? map : rule.map) ?? '');
    const primitive = primitives[type];
    if (primitive !== undefined || type === 'local-system' || type === 'local-namespace') {
      const text = textAt(value, path[0], path[1]);
      if (text === '') return undefined;
      const mapped = concept === undefined ? text : applyConcept(text, concept);
      const made = typeof mapped !== 'string' ? mapped : primitive !== undefined ? primitive(mapped, settings) : localUri(type, mapped);
      if (made !== undefined) markSeen(value, path[0], path[1]);
      return typeof made === 'number' && rule.factor !== undefined ? made * rule.factor : made;
    }
    const datatype = tables.datatypes.get(type);
    const part = path[0] === undefined ? value : childOf(value, path[0]);
    if (datatype === undefined || part === undefined || depth > deepest) return undefined;
    const made = build(datatype, part, rule.map === '$map' ? map : rule.map, depth + 1);
    const result = concept === undefined ? made : applyConcept(made, concept);
    return isObject(result) && rule.defaults !== undefined ? { ...rule.defaults, ...result } : result;
  }

  function localUri(kind: string, name: string): string {
    const slug = encodeURIComponent(name.trim());
    return `${settings.namespaceBase}:${kind === 'local-system' ? 'code-system' : 'namespace'}:${slug}`;
  }

  function build(datatype: DatatypeMap, value: FieldValue, map: string | undefined, depth: number): unknown {
    if (isEmptyValue(value)) return undefined;
    if (datatype.levels !== undefined) return buildLevels(datatype, value, depth);
    const made = fill({}, datatype.rules, value, map, depth);
    if (made === undefined) return undefined;
    return datatype.creates === undefined ? made : { reference: addOnce({ resourceType: datatype.creates, ...(isObject(made) ? made : {}) }) };
  }

  /** Undefined when no rule with a field gave anything: constants alone are no value. */
  function fill(target: Json, rules: readonly Rule[], value: FieldValue, map: string | undefined, depth: number): unknown {
    const around: Surroundings = { valuesOf: (number) => componentValues(value, number), event: '', anchor: '', isOpen: () => false };
    let filled = false;
    const constants: Rule[] = [];
    for (const rule of rules) {
      const places = placesOf(rule);
      // Most components of most values are empty: that is found out before anything else is.
      if (places.length > 0 && !places.some((place) => stands(value, pathOf(place)))) continue;
      if (rule.when !== undefined && !holds(rule.when, around)) continue;
      if (places.length === 0) { constants.push(rule); continue; }
      const parts: unknown[] = [];
      for (const place of places) {
        const part = convert(rule, value, pathOf(place), map, depth);
        if (part !== undefined) parts.push(part);
      }
      if (parts.length === 0) continue;
      const text = parts.length > 1 ? parts.join(rule.join ?? ' ') : parts[0];
      const made = rule.prefix === undefined ? text : `${rule.prefix}${String(text)}`;
      filled = true;
      for (const place of decidingPlaces(rule.when)) { const [component, subcomponent] = pathOf(place); markSeen(value, component, subcomponent); }
      if (rule.to === '') return made;
      if (rule.at === undefined && rule.set === undefined) putElement(target, rule.to, made, rule.ifEmpty);
      else putElement(target, rule.to, { ...rule.set, ...(rule.at === undefined ? (isObject(made) ? made : {}) : { [rule.at]: made }) });
    }
    if (!filled) return undefined;
    for (const rule of constants) putElement(target, rule.to, cloneOf(rule.value), rule.ifEmpty);
    return target;
  }

  function buildLevels(datatype: DatatypeMap, value: FieldValue, depth: number): unknown {
    const made: Json[] = [];
    for (const level of datatype.levels ?? []) {
      const number = Number(level.field);
      const part = childOf(value, number);
      const filled = part === undefined ? undefined : convert({ id: level.id, to: '', type: datatype.levelType ?? 'string' }, value, [number], undefined, depth);
      if (isObject(filled)) made.push({ resourceType: datatype.creates ?? '', ...cloneOf(level.set), ...filled });
    }
    const [finest] = made;
    if (finest === undefined) return undefined;
    fill(finest, datatype.rules, value, undefined, depth);
    // The widest first: a place is known by the place that it is part of.
    let url: string | undefined;
    for (const place of made.reverse()) url = addOnce(url === undefined ? place : { ...place, partOf: { reference: url } });
    return { reference: url };
  }

  return {
    add,
    fromSegment(rule, valuesOf) {
      const [field = 0, ...path] = pathOf(placesOf(rule)[0] ?? '');
      const made: unknown[] = [];
      for (const value of valuesOf(field)) {
        const one = convert(rule, value, path, undefined, 0);
        if (one === undefined) continue;
        made.push(one);
        if (rule.first === true) break;
      }
      return made;
    },
    instant: (text) => (text === '' ? undefined : primitives['instant']?.(text, settings) as string | undefined), // an instant is text
    entries: () => mergeEqual(entries),
    size: () => entries.length,
    since: (size) => entries.slice(size).map(({ fullUrl }) => fullUrl),
  };
}

function stands(value: FieldValue, [component, subcomponent]: readonly number[]): boolean {
  if (component === undefined) return true;
  const subs = value.parts[component - 1];
  if (subs === undefined) return false;
  return subcomponent === undefined ? subs.some((sub) => sub !== '') : (subs[subcomponent - 1] ?? '') !== '';
}

/** For conditions: component `number` as if it were a field of its own. */
function componentValues(value: FieldValue, number: number): FieldValue[] {
  const part = childOf(value, number);
  return part === undefined ? [] : [part];
}
