import { isObject } from './element-path.ts';
import type { ConceptMap } from './rule.ts';

/**
 * A code, or a Coding, through a concept map. A bare code that the map does not list is left out, since the element is
 * bound; a Coding keeps what was sent. The version that the sender named stays.
 */
export function applyConcept(value: unknown, map: ConceptMap): unknown {
  if (typeof value === 'string') {
    const entry = map.codes[value];
    if (entry === undefined) return map.otherwise === 'keep' ? value : undefined;
    return entry.value ?? entry.code ?? value;
  }
  if (!isObject(value) || typeof value['code'] !== 'string') return value;
  const entry = map.codes[value['code']];
  if (entry === undefined) return value;
  const system = entry.system ?? map.system;
  return { ...value, code: entry.code ?? value['code'], ...(entry.display === undefined ? {} : { display: entry.display }), ...(system === undefined ? {} : { system }) };
}
