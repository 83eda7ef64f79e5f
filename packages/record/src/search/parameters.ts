import { readFileSync } from 'node:fs';

/** What a parameter compares (FHIR R4, section 3.1.1.4). */
export type ParameterType = 'token' | 'string' | 'reference' | 'date' | 'quantity' | 'number' | 'uri' | 'composite';

/**
 * One element that a parameter reads. `place` is type and path, under which its values are indexed: parameters that read
 * the same element share them (`patient` and `subject`, `combo-code` and `code`). `system`: of a `code`, whose system is
 * fixed. `target`: of a reference, the only type that counts.
 */
export type Source = { place: string; path: string; dataType: string; system?: string; target?: string };

export type Parameter = {
  code: string;
  type: ParameterType;
  /** FHIRPath, as its definition has it. */
  expression: string;
  sources: readonly Source[];
  /** Types that a reference may lead to; `Any`. */
  targets: readonly string[];
  /** Of a composite: the elements that hold its parts (the empty path: the resource), and the parts, read within. */
  groups: readonly string[];
  components: readonly { code: string; type: ParameterType; sources: readonly Omit<Source, 'place'>[] }[];
};

type Written = { type: ParameterType; expression: string; sources?: string[]; target?: string[]; group?: string[]; components?: { code: string; type: ParameterType; sources: string[] }[] };

/** Of every resource; `_id` and `_lastUpdated` are columns. */
const ofAll: Readonly<Record<string, Written>> = {
  _tag: { type: 'token', expression: 'Resource.meta.tag', sources: ['meta.tag Coding'] },
  _security: { type: 'token', expression: 'Resource.meta.security', sources: ['meta.security Coding'] },
  _profile: { type: 'uri', expression: 'Resource.meta.profile', sources: ['meta.profile canonical'] },
  _source: { type: 'uri', expression: 'Resource.meta.source', sources: ['meta.source uri'] },
};

/** A type that R4 has not: SQL on FHIR v2, StructureDefinition-ViewDefinition. */
const beyondR4: Readonly<Record<string, Readonly<Record<string, Written>>>> = {
  ViewDefinition: {
    name: { type: 'string', expression: 'ViewDefinition.name', sources: ['name string'] },
    resource: { type: 'token', expression: 'ViewDefinition.resource', sources: ['resource code'] },
    status: { type: 'token', expression: 'ViewDefinition.status', sources: ['status code http://hl7.org/fhir/publication-status'] },
    url: { type: 'uri', expression: 'ViewDefinition.url', sources: ['url uri'] },
  },
};

/** Stored like any resource, and none of R4's: SQL on FHIR v2's. */
const viewDefinition: Readonly<Record<string, Written>> = {
  url: { type: 'uri', expression: 'ViewDefinition.url', sources: ['url uri'] },
  name: { type: 'string', expression: 'ViewDefinition.name', sources: ['name string'] },
  title: { type: 'string', expression: 'ViewDefinition.title', sources: ['title string'] },
  status: { type: 'token', expression: 'ViewDefinition.status', sources: ['status code http://hl7.org/fhir/publication-status'] },
  resource: { type: 'token', expression: 'ViewDefinition.resource', sources: ['resource code http://hl7.org/fhir/resource-types'] },
};

type Registry = Readonly<Record<string, Readonly<Record<string, Written>>>>;
let read: Registry | undefined;
const made = new Map<string, ReadonlyMap<string, Parameter>>();

/** FHIR R4's search parameters of a type, and US Core's, by code. Empty for what is no type of R4. */
export function searchParametersOf(type: string): ReadonlyMap<string, Parameter> {
  const known = made.get(type);
  if (known !== undefined) return known;
  // Written by tools/write-fhir-search-parameters.ts, under version control and test.
  read ??= { ...(JSON.parse(readFileSync(new URL('../../fhir/search-parameters.json', import.meta.url), 'utf8')) as { types: Registry }).types, ViewDefinition: viewDefinition };
  const own = Object.hasOwn(read, type) ? read[type] : Object.hasOwn(beyondR4, type) ? beyondR4[type] : undefined;
  if (own === undefined) return new Map();
  const parameters = new Map(Object.entries({ ...ofAll, ...own }).map(([code, written]): [string, Parameter] => [code, {
    code, type: written.type, expression: written.expression, targets: written.target ?? [], groups: written.group ?? [],
    sources: (written.sources ?? []).map((text) => ({ ...sourceOf(text), place: `${type}.${sourceOf(text).path}` })),
    components: (written.components ?? []).map(({ code: part, type: kind, sources }) => ({ code: part, type: kind, sources: sources.map(sourceOf) })),
  }]));
  made.set(type, parameters);
  return parameters;
}

/** Types that can be searched. */
export function searchableTypes(): string[] {
  searchParametersOf('Patient');
  return [...Object.keys(read ?? {}), ...Object.keys(beyondR4)].toSorted();
}

function sourceOf(text: string): Omit<Source, 'place'> {
  const [path = '', dataType = '', ...more] = text.split(' ');
  const target = more.find((word) => word.startsWith('>'))?.slice(1);
  const system = more.find((word) => !word.startsWith('>')) ?? (dataType === 'boolean' || dataType === 'deceased' ? 'http://hl7.org/fhir/special-values' : undefined);
  return { path: path === '.' ? '' : path, dataType, ...(target === undefined ? {} : { target }), ...(system === undefined ? {} : { system }) };
}

/**
 * A type's main clinical date, by which lists are cut and sorted: one parameter, of which a resource has one value at
 * most, so that the columns `at` and `at_end` say all of it.
 */
const mainDates: Readonly<Record<string, string>> = {
  AllergyIntolerance: 'date', Appointment: 'date', CarePlan: 'date', Claim: 'created', ClinicalImpression: 'date', Communication: 'sent', Composition: 'date',
  Condition: 'onset-date', Consent: 'date', DetectedIssue: 'identified', Device: 'manufacture-date', DiagnosticReport: 'date', DocumentReference: 'date', Encounter: 'date',
  EpisodeOfCare: 'date', ExplanationOfBenefit: 'created', Flag: 'date', Goal: 'start-date', ImagingStudy: 'started', Immunization: 'date', List: 'date', Media: 'created',
  MedicationAdministration: 'effective-time', MedicationDispense: 'whenhandedover', MedicationRequest: 'authoredon', MedicationStatement: 'effective', Observation: 'date',
  Procedure: 'date', Provenance: 'recorded', QuestionnaireResponse: 'authored', RiskAssessment: 'date', ServiceRequest: 'authored', Slot: 'start', Specimen: 'collected', Task: 'authored-on',
};

export function mainDateOf(type: string): string | undefined {
  return mainDates[type];
}
