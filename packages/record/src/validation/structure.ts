import { readFileSync } from 'node:fs';

/** One element as its definition has it. `types`: name and, of references, which types they may lead to. `shape`: of a backbone or a reference to another element's content. */
export type Element = {
  name: string; choice: boolean; min: number; max: number;
  types: readonly { name: string; targets: readonly string[] }[];
  /** Name of the shape of an element with elements of its own. */
  shape?: string;
  binding?: string;
  rules: readonly string[];
};

/** A type, or an element that has elements of its own, with what it inherits. */
export type Shape = { name: string; resource: boolean; abstract: boolean; elements: ReadonlyMap<string, Element>; rules: readonly string[] };
export type Rule = { severity: 'error' | 'warning'; human: string; expression: string; best?: true };

/** FHIR's structure. Shapes are read when they are first asked for. */
export type Structure = {
  shape(name: string): Shape | undefined;
  rule(key: string): Rule | undefined;
  /** Codes by system of a value set that is bound as required; undefined where it can't be listed. */
  codes(valueSet: string): Readonly<Record<string, readonly string[]>> | undefined;
};

type Written = {
  shapes: Record<string, { base?: string; abstract?: true; resource?: true; elements: string[]; rules?: string[] }>;
  rules: Record<string, Rule>;
  valueSets: Record<string, Record<string, string[]>>;
};

/** Reads what tools/write-fhir-tables.ts wrote: 4 ms, and a few for the shapes that are used. */
export function readStructure(file: string | URL = new URL('../../fhir/structure.json', import.meta.url)): Structure {
  const { shapes: written, rules, valueSets } = JSON.parse(readFileSync(file, 'utf8')) as Written; // under version control and test
  const made = new Map<string, Shape>();
  const shape = (name: string): Shape | undefined => {
    const known = made.get(name);
    if (known !== undefined || !Object.hasOwn(written, name)) return known;
    const own = written[name]!;
    const base = own.base === undefined ? undefined : shape(own.base);
    const elements = new Map(base?.elements);
    for (const line of own.elements) {
      const element = elementOf(line);
      elements.set(element.name, element);
    }
    const one: Shape = { name, resource: own.resource === true, abstract: own.abstract === true, elements, rules: [...new Set([...(base?.rules ?? []), ...(own.rules ?? [])])] };
    made.set(name, one);
    return one;
  };
  return { shape, rule: (key) => (Object.hasOwn(rules, key) ? rules[key] : undefined), codes: (name) => (Object.hasOwn(valueSets, name) ? valueSets[name] : undefined) };
}

function elementOf(line: string): Element {
  const [said = '', cardinality = '', types = '', ...more] = line.split(' ');
  const [min, max] = cardinality.split('..');
  const binding = more.find((word) => word.startsWith('!'))?.slice(1);
  const rules = more.find((word) => word.startsWith('?'))?.slice(1).split(',') ?? [];
  return {
    name: said.replace('[x]', ''), choice: said.endsWith('[x]'), min: Number(min), max: max === '*' ? Infinity : Number(max), rules,
    ...(binding === undefined ? {} : { binding }),
    ...(types.startsWith('@') ? { shape: types.slice(1), types: [] } : { types: types.split(',').map(typeOf) }),
  };
}

function typeOf(text: string): { name: string; targets: readonly string[] } {
  const [, name = '', targets] = /^([^(]+)(?:\((.*)\))?$/.exec(text) ?? [];
  return { name, targets: targets?.split('|') ?? [] };
}

/** Profiles of a type share its property. */
const propertyType = (type: string): string => (/^(Simple|Money)Quantity$/.test(type) ? 'Quantity' : type);

/** The properties that an element may stand in: one, or of a choice one for each type. */
export function keysOf({ name, choice, types }: Element): { key: string; type: string; targets: readonly string[] }[] {
  if (!choice) return types.map((type) => ({ key: name, type: type.name, targets: type.targets }));
  return types.map((type) => ({ key: `${name}${propertyType(type.name)[0]!.toUpperCase()}${propertyType(type.name).slice(1)}`, type: type.name, targets: type.targets }));
}
