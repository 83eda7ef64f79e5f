import { PrimumError } from '@primum/base';
import { compilePath, isObject } from './element-path.ts';
import { primitives } from './primitive.ts';
import type { MappingTables, Rule } from './rule.ts';

const place = /^\d{1,2}(\.\d{1,2}){0,2}$/;
const keptPlace = /^(\*|@visit|identifier(:\w+)?|\w+(\.\w+)*)$/;
const conditionKinds = new Set(['valued', 'repeats', 'is', 'in', 'after', 'event', 'open', 'not', 'all', 'any']);
const builtIn = new Set([...Object.keys(primitives), 'local-system', 'local-namespace']);

/** Checks that every rule can be carried out: places, paths, types, concept maps, conditions, names. Throws `config.invalid`. */
export function checkTables(tables: MappingTables): void {
  const fault = (file: string, id: string, what: string): never => {
    throw new PrimumError('config.invalid', `mappings/v2: ${file}: ${id}: ${what}`);
  };
  const checkRules = (file: string, rules: unknown, isSegment: boolean): void => {
    if (!Array.isArray(rules)) { fault(file, 'rules', 'not a list'); return; }
    const ids = new Set<string>();
    for (const rule of rules as unknown[]) {
      if (!isObject(rule) || typeof rule['id'] !== 'string' || typeof rule['to'] !== 'string') { fault(file, 'rules', 'a rule needs id and to'); continue; }
      const id = rule['id'];
      if (ids.has(id)) fault(file, id, 'stands twice');
      ids.add(id);
      const { field, to, at, type, map, when, value, copy } = rule as Partial<Rule>; // each is looked at below
      for (const one of [field ?? []].flat()) if (one !== '' && !place.test(one)) fault(file, id, `field ${one}`);
      if (field === undefined && value === undefined && copy === undefined) fault(file, id, 'neither field, value nor copy');
      if (copy !== undefined && !/^\w+\.\w+$/.test(copy)) fault(file, id, `copy ${copy}`);
      if (to !== undefined && to !== '' && compilePath(to) === undefined) fault(file, id, `to ${to}`);
      if (at !== undefined && compilePath(at) === undefined) fault(file, id, `at ${at}`);
      if (isSegment && to === '') fault(file, id, 'to names no resource');
      if (type !== undefined && !builtIn.has(type) && !tables.datatypes.has(type)) fault(file, id, `no datatype ${type}`);
      if (map !== undefined && map !== '$map' && !tables.concepts.has(map)) fault(file, id, `no concept map ${map}`);
      if (when !== undefined && !isCondition(when)) fault(file, id, 'when');
      if (rule['with'] !== undefined) checkRules(`${file} ${id}`, rule['with'], false);
    }
  };
  for (const [name, map] of tables.segments) {
    if (!Array.isArray(map.opens)) fault(name, 'opens', 'not a list');
    for (const { id, resource, element, when } of map.opens) {
      if (resource === undefined && element === undefined) fault(name, id, 'opens neither a resource nor an element');
      if (element !== undefined && compilePath(element) === undefined) fault(name, id, `element ${element}`);
      if (when !== undefined && !isCondition(when)) fault(name, id, 'when');
    }
    checkRules(name, map.rules, true);
  }
  for (const [name, map] of tables.datatypes) checkRules(name, map.rules, false);
  for (const [name, map] of tables.concepts) if (!isObject(map.codes)) fault(name, 'codes', 'missing');
  for (const { events, segments } of tables.messages) {
    if (!isTextList(events)) fault('messages', 'events', 'not a list');
    if (!isObject(segments)) fault('messages', events.join(), 'segments');
    for (const file of Object.values(segments)) if (file !== null && !tables.segments.has(file)) fault('messages', events.join(), `no segment file ${file}`);
  }
  for (const [type, { of, by, needs }] of tables.kept) {
    if (of !== 'patient' && of !== 'shared') fault('kept', type, 'of is neither patient nor shared');
    if (!Array.isArray(by) || !by.every((identity: unknown) => isTextList(identity) && identity.every((one) => keptPlace.test(one)))) fault('kept', type, 'by');
    if (needs !== undefined && !isTextList(needs)) fault('kept', type, 'needs is not a list');
  }
  for (const { segment, before, file } of tables.details) {
    if (!isTextList(before)) fault('details', segment, 'before is not a list');
    if (!tables.segments.has(file)) fault('details', segment, `no segment file ${file}`);
  }
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

function isCondition(value: unknown): boolean {
  if (!isObject(value)) return false;
  const [kind = '', ...more] = Object.keys(value);
  if (more.length > 0 || !conditionKinds.has(kind)) return false;
  const inner = value[kind];
  if (kind === 'not') return isCondition(inner);
  if (kind === 'all' || kind === 'any') return Array.isArray(inner) && inner.every(isCondition);
  if (kind === 'valued' || kind === 'repeats') return typeof inner === 'string' && place.test(inner);
  if (kind === 'open') return typeof inner === 'string';
  if (kind === 'is' || kind === 'in') return Array.isArray(inner) && inner.length === 2 && typeof inner[0] === 'string' && place.test(inner[0]) && (kind === 'is' ? typeof inner[1] === 'string' : Array.isArray(inner[1]));
  return Array.isArray(inner) && inner.every((item) => typeof item === 'string');
}
