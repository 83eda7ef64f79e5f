import type { CodeSystem, CodeSystemConcept } from '@medplum/fhirtypes';
import { holdsText, type CodeSystemSource, type Concept } from './concepts.ts';
import { compileFilter, type Hierarchy } from './filters.ts';

/** A code system whose concepts are in memory. */
export function memorySystem(about: Pick<CodeSystemSource, 'url' | 'version' | 'name' | 'ignoreCase'>, concepts: readonly Concept[]): CodeSystemSource {
  const key = (code: string): string => (about.ignoreCase ? code.toLowerCase() : code);
  const byCode = new Map(concepts.map((concept) => [key(concept.code), concept]));
  const children = new Map<string, string[]>();
  for (const { code, parents } of concepts) for (const parent of parents) children.set(parent, [...(children.get(parent) ?? []), code]);
  const hierarchy: Hierarchy = {
    ancestors: (code) => {
      const found = new Set<string>();
      const waiting = [...(byCode.get(key(code))?.parents ?? [])];
      for (let parent = waiting.pop(); parent !== undefined; parent = waiting.pop()) {
        if (found.has(parent)) continue;
        found.add(parent);
        waiting.push(...(byCode.get(key(parent))?.parents ?? []));
      }
      return found;
    },
  };
  return {
    ...about, held: concepts,
    find: async (codes) => codes.flatMap((code) => byCode.get(key(code)) ?? []),
    list: async ({ filters, text, limit }) => {
      const tests = filters.map((filter) => compileFilter(filter, hierarchy));
      const found: Concept[] = [];
      for (const concept of concepts) {
        if (!holdsText(concept, text) || !tests.every((test) => test(concept))) continue;
        found.push(concept);
        if (found.length >= limit) break;
      }
      return found;
    },
    meets: async (code, filters) => {
      const concept = byCode.get(key(code));
      return concept !== undefined && filters.every((filter) => compileFilter(filter, hierarchy)(concept));
    },
    childrenOf: async (code) => children.get(code) ?? [],
  };
}

const maxConcepts = 50_000;

/** Of a CodeSystem resource; one that does not bring its concepts, or too many, has none here. */
export function systemOfResource({ url, version, name, caseSensitive, concept = [] }: CodeSystem): CodeSystemSource | undefined {
  if (url === undefined || concept.length === 0) return undefined;
  const rows = new Map<string, { display: string; parents: string[]; properties: Map<string, string[]> }>();
  const visit = (one: CodeSystemConcept, parent: string | undefined): void => {
    if (one.code === undefined || rows.size > maxConcepts) return;
    const row = rows.get(one.code) ?? { display: one.display ?? one.code, parents: [] as string[], properties: new Map<string, string[]>() };
    rows.set(one.code, row);
    if (parent !== undefined) row.parents.push(parent);
    for (const { code = '', ...value } of one.property ?? []) {
      const [said] = Object.values(value).filter((part) => ['string', 'number', 'boolean'].includes(typeof part));
      if (said === undefined) continue;
      if (code === 'parent') row.parents.push(String(said));
      row.properties.set(code, [...(row.properties.get(code) ?? []), String(said)]);
    }
    for (const below of one.concept ?? []) visit(below, one.code);
  };
  for (const one of concept) visit(one, undefined);
  if (rows.size > maxConcepts) return undefined;
  return memorySystem({ url, version: version ?? null, name: name ?? null, ignoreCase: caseSensitive === false }, [...rows].map(([code, row]) => ({ code, ...row })));
}
