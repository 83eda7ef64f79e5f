import { readFileSync } from 'node:fs';
import type { ConceptMap } from '@medplum/fhirtypes';
import type { CodeSystemSource, Filter, ValueSetContent, ValueSetPart } from './concepts.ts';
import { memorySystem } from './memory-system.ts';

type WrittenPart = { system?: string; codes?: [string, string?][]; filter?: [string, string, string][]; valueSet?: string[]; withheld?: true };
type Written = {
  codeSystems: Record<string, { version?: string; name?: string; ignoreCase?: true; all?: string; concepts: [string, (string | 0)?, string[]?][] }>;
  valueSets: Record<string, { version?: string; name?: string; include: WrittenPart[]; exclude?: WrittenPart[] }>;
  conceptMaps: ConceptMap[];
};

/** HL7's code systems, value sets and concept maps of FHIR R4. */
export type BuiltIn = {
  codeSystem(url: string): CodeSystemSource | undefined;
  valueSet(url: string): ValueSetContent | undefined;
  conceptMaps: readonly ConceptMap[];
};

/** Reads what tools/write-fhir-tables.ts wrote: 10 ms, at the first question. */
export function createBuiltIn(): BuiltIn {
  let read: Written | undefined;
  const systems = new Map<string, CodeSystemSource>();
  const sets = new Map<string, ValueSetContent>();
  const wholes = new Map<string, string>();
  const written = (): Written => {
    if (read !== undefined) return read;
    read = JSON.parse(readFileSync(new URL('../../fhir/terminology.json', import.meta.url), 'utf8')) as Written; // under version control and test
    for (const [url, { all }] of Object.entries(read.codeSystems)) if (all !== undefined) wholes.set(all, url);
    return read;
  };
  const setOf = (url: string): ValueSetContent | undefined => {
    const { valueSets } = written();
    if (!Object.hasOwn(valueSets, url)) {
      // A code system may name the value set of all its codes, which is written nowhere else.
      const system = wholes.get(url);
      return system === undefined ? undefined : { url, version: null, name: null, include: [{ system, filters: [], valueSets: [] }], exclude: [] };
    }
    const { version = null, name = null, include, exclude = [] } = valueSets[url]!;
    return { url, version, name, include: include.map(partOf), exclude: exclude.map(partOf) };
  };
  return {
    codeSystem: (url) => {
      const known = systems.get(url);
      const { codeSystems } = written();
      if (known !== undefined || !Object.hasOwn(codeSystems, url)) return known;
      const { version = null, name = null, ignoreCase = false, concepts } = codeSystems[url]!;
      const made = memorySystem({ url, version, name, ignoreCase }, concepts.map(([code, display, parents = []]) => ({ code, display: display === undefined || display === 0 ? code : display, parents })));
      systems.set(url, made);
      return made;
    },
    valueSet: (url) => {
      const known = sets.get(url);
      if (known !== undefined) return known;
      const made = setOf(url);
      if (made !== undefined) sets.set(url, made);
      return made;
    },
    get conceptMaps() { return written().conceptMaps; },
  };
}

function partOf({ system, codes, filter = [], valueSet = [], withheld }: WrittenPart): ValueSetPart {
  return {
    ...(system === undefined ? {} : { system }), ...(codes === undefined ? {} : { codes }), ...(withheld === undefined ? {} : { withheld }),
    filters: filter.map(([property, op, value]): Filter => ({ property, op, value })), valueSets: valueSet,
  };
}
