import type { ElementDefinition, StructureDefinition } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { createValidator } from '../validator.ts';

const el = (id: string, more: Partial<ElementDefinition> = {}): ElementDefinition => ({ id, path: id.split('.').map((step) => step.split(':')[0]!).join('.'), min: 0, max: '*', ...more });
const profileOf = (url: string, type: string, ...element: ElementDefinition[]): StructureDefinition => ({
  resourceType: 'StructureDefinition', url, name: 'Test', status: 'active', kind: 'resource', abstract: false, type, derivation: 'constraint', baseDefinition: `http://hl7.org/fhir/StructureDefinition/${type}`, snapshot: { element: [el(type), ...element] },
});
const component = (slice: string, code: string, min: number): ElementDefinition[] => [
  el(`Observation.component:${slice}`, { sliceName: slice, min, max: '1' }),
  el(`Observation.component:${slice}.code`, { min: 1, max: '1', patternCodeableConcept: { coding: [{ system: 'http://loinc.org', code }] } }),
  el(`Observation.component:${slice}.value[x]`, { max: '1', type: [{ code: 'Quantity' }] }),
];
/** As US Core's blood pressure is built. */
const bloodPressure = profileOf('urn:test/bp', 'Observation',
  el('Observation.category', { min: 1, slicing: { discriminator: [{ type: 'value', path: 'coding.code' }, { type: 'value', path: 'coding.system' }], rules: 'open' } }),
  el('Observation.category:VSCat', { sliceName: 'VSCat', min: 1, max: '1' }),
  el('Observation.category:VSCat.coding', { min: 1 }),
  el('Observation.category:VSCat.coding.system', { min: 1, max: '1', fixedUri: 'http://terminology.hl7.org/CodeSystem/observation-category' }),
  el('Observation.category:VSCat.coding.code', { min: 1, max: '1', fixedCode: 'vital-signs' }),
  el('Observation.subject', { min: 1, max: '1', type: [{ code: 'Reference', targetProfile: ['http://hl7.org/fhir/StructureDefinition/Patient'] }] }),
  el('Observation.effective[x]', { min: 1, max: '1', type: [{ code: 'dateTime' }, { code: 'Period' }] }),
  el('Observation.value[x]', { max: '0' }),
  el('Observation.interpretation', { binding: { strength: 'required', valueSet: 'urn:test/interpretations' } }),
  el('Observation.component', { min: 2, slicing: { discriminator: [{ type: 'pattern', path: 'code' }], rules: 'closed' }, constraint: [{ key: 'bp-1', severity: 'error', human: 'a component has a value', expression: 'value.exists() or dataAbsentReason.exists()' }] }),
  ...component('systolic', '8480-6', 1), ...component('diastolic', '8462-4', 1),
);
const race = profileOf('urn:test/race', 'Extension', el('Extension.url', { min: 1, max: '1', fixedUri: 'urn:test/race' }), el('Extension.value[x]', { min: 1, max: '1', type: [{ code: 'Coding' }] }));
const person = profileOf('urn:test/person', 'Patient',
  el('Patient.extension', { slicing: { discriminator: [{ type: 'value', path: 'url' }], rules: 'open' } }),
  el('Patient.extension:race', { sliceName: 'race', max: '1', type: [{ code: 'Extension', profile: ['urn:test/race'] }] }),
  el('Patient.deceased[x]', { max: '1', type: [{ code: 'boolean' }, { code: 'dateTime' }], slicing: { discriminator: [{ type: 'type', path: '$this' }], rules: 'open' } }),
  el('Patient.deceased[x]:deceasedDateTime', { sliceName: 'deceasedDateTime', max: '1', type: [{ code: 'dateTime' }], patternDateTime: '2020-01-01' }),
  el('Patient.name', { min: 1 }), el('Patient.name.family', { min: 1, max: '1' }),
);

const validator = createValidator({ codes: (valueSet) => (valueSet === 'urn:test/interpretations' ? new Set(['urn:s|H']) : undefined) });
const added = [bloodPressure, race, person].map((one) => validator.addProfile(one));
const wrong = (resource: object): string[] => validator.validate(resource).issues.map(({ severity, expression, detail }) => `${severity} ${expression}: ${detail}`);

const part = (code: string, value: object = { valueQuantity: { value: 120 } }): object => ({ code: { coding: [{ system: 'http://loinc.org', code }] }, ...value });
const pressure = {
  resourceType: 'Observation', meta: { profile: ['urn:test/bp'] }, status: 'final', code: { text: 'bp' }, subject: { reference: 'Patient/1' }, effectiveDateTime: '2026-01-01',
  category: [{ text: 'mine' }, { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] }], component: [part('8480-6'), part('8462-4')],
};
const patient = { resourceType: 'Patient', meta: { profile: ['urn:test/person'] }, name: [{ family: 'A' }] };

describe('profiles', () => {
  it('let pass what they ask for', () => {
    expect(added).toEqual([{ warnings: [] }, { warnings: [] }, { warnings: [] }]);
    expect(wrong(pressure)).toEqual([]);
    expect(wrong({ ...patient, extension: [{ url: 'urn:test/race', valueCoding: { code: 'a' } }, { url: 'urn:other', valueCode: 'b' }], deceasedDateTime: '2020-01-01' })).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['a slice too few', { ...pressure, component: [part('8480-6'), part('8480-6')] }, 'error Observation.component: the profile asks for 1 of its slice diastolic'],
    ['a slice too many', { ...pressure, component: [part('8480-6'), part('8480-6'), part('8462-4')] }, 'error Observation.component: the profile allows 1 of its slice systolic'],
    ['what is in no slice of a closed slicing', { ...pressure, component: [part('8480-6'), part('8462-4'), part('1-1')] }, 'error Observation.component[2]: in none of the slices of the profile'],
    ['a type that a slice does not allow', { ...pressure, component: [part('8480-6', { valueString: 'x' }), part('8462-4')] }, 'error Observation.component[0].value: of a type that the profile does not allow'],
    ['a rule of its own', { ...pressure, component: [part('8480-6', {}), part('8462-4')] }, 'error Observation.component[0]: bp-1: a component has a value'],
    ['a category that is sliced by system and code', { ...pressure, category: [{ coding: [{ system: 'urn:other', code: 'vital-signs' }] }] }, 'error Observation.category: the profile asks for 1 of its slice VSCat'],
    ['what it requires', { ...pressure, effectiveDateTime: undefined }, 'error Observation.effective: is required by the profile'],
    ['what it rules out', { ...pressure, valueString: 'x' }, 'error Observation.value: not allowed by the profile'],
    ['a reference that it does not allow', { ...pressure, subject: { reference: 'Group/1' } }, 'error Observation.subject: refers to a type that the profile does not allow'],
    ['a binding', { ...pressure, interpretation: [{ coding: [{ system: 'urn:s', code: 'L' }] }] }, 'error Observation.interpretation[0]: not of the value set that the profile binds (urn:test/interpretations)'],
    ['an element below', { ...patient, name: [{ given: ['A'] }] }, 'error Patient.name[0].family: is required by the profile'],
    ['the profile of an extension', { ...patient, extension: [{ url: 'urn:test/race', valueString: 'a' }] }, 'error Patient.extension[0].value: of a type that the profile does not allow'],
    ['a choice sliced by type', { ...patient, deceasedDateTime: '2021-01-01' }, "error Patient.deceased: not of the profile's pattern"],
    ['another type', { ...patient, resourceType: 'Practitioner' }, 'error Practitioner: a profile of another type'],
  ])('say what is wrong with %s', (_, resource, said) => {
    expect(wrong(resource)).toContain(said);
  });

  it('are refused with a reason where they can not be read, and say what of them is not checked', () => {
    const fresh = createValidator();
    fresh.addProfile(bloodPressure);
    expect(fresh.validate({ ...pressure, interpretation: [{ text: 'x' }] }, { best: true }).issues).toContainEqual(expect.objectContaining({ severity: 'warning', code: 'not-supported', expression: 'Observation.interpretation[0]' }));
    expect(fresh.refusalOf(person)).toBeUndefined();
    const { snapshot: _, ...differential } = person;
    expect(fresh.addProfile({ ...differential, differential: { element: [el('Patient')] } })).toMatchObject({ refused: expect.stringContaining('no snapshot') });
    expect(fresh.addProfile({ ...person, type: 'Zorro' })).toMatchObject({ refused: expect.stringContaining('FHIR R4 does not have') });
    expect(fresh.addProfile(profileOf('urn:test/x', 'Observation', el('Observation.hasMember', { slicing: { discriminator: [{ type: 'profile', path: 'resolve()' }], rules: 'open' } }))))
      .toMatchObject({ warnings: [expect.stringContaining('Observation.hasMember')] });
  });
});
