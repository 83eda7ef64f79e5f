import { describe, expect, it } from 'vitest';
import { createValidator } from './validator.ts';
import { limits } from './issue.ts';
import { verdictOf } from './verdict.ts';
import { searchableTypes } from '../search/parameters.ts';

const validator = createValidator();
const wrong = (resource: unknown): string[] => validator.validate(resource).issues.filter(({ severity }) => severity === 'error').map(({ code, expression, detail }) => `${code} ${expression}: ${detail}`);
const observation = { resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] }, subject: { reference: 'Patient/1' }, valueQuantity: { value: 72, unit: '/min' } };
const patient = { resourceType: 'Patient', birthDate: '1950-02-28' };

describe('what FHIR R4 asks of a resource', () => {
  it('lets what is valid pass', () => {
    expect(wrong(observation)).toEqual([]);
    expect(wrong({ ...observation, status: 'final', _status: { extension: [{ url: 'urn:x', valueBoolean: true }] } })).toEqual([]);
    expect(wrong({ ...patient, _birthDate: { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime', valueDateTime: '1950-02-28T03:00:00Z' }] } })).toEqual([]);
    expect(wrong({ ...patient, name: [{ given: ['A', null], _given: [null, { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }] }] }] })).toEqual([]);
    expect(wrong({ resourceType: 'Observation', code: { text: 'x' }, _status: { extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }] } })).toEqual([]);
  });

  /** What is wrong, and the one thing that is said of it. */
  const cases: readonly [string, unknown, string][] = [
    ['no resource', 3, 'structure : a resource is an object'],
    ['no type', { id: 'a' }, 'required resourceType: resourceType is missing'],
    ['a type that is not there', { resourceType: 'Zorro' }, 'value resourceType: not a resource type of FHIR R4'],
    ['an abstract type', { resourceType: 'DomainResource' }, 'value resourceType: not a resource type of FHIR R4'],
    ['an unknown element', { ...observation, zorro: 1 }, 'structure Observation.zorro: not an element of this type'],
    ['an unknown element deep down', { ...observation, code: { coding: [{ code: 'a', zorro: 1 }] } }, 'structure Observation.code.coding[0].zorro: not an element of this type'],
    ['what is required', { ...observation, status: undefined }, 'required Observation.status: is required'],
    ['two of a choice', { ...observation, valueString: 'x' }, 'structure Observation.value: a choice of types holds several'],
    ['one of a choice and the extensions of another', { ...observation, _valueString: { extension: [{ url: 'urn:x', valueBoolean: true }] } }, 'structure Observation.value: a choice of types holds several'],
    ['a type that a choice does not have', { ...observation, valueAddress: {} }, 'structure Observation.valueAddress: not an element of this type'],
    ['a list for one', { ...observation, status: ['final'] }, 'structure Observation.status: a list where one is asked for'],
    ['one for a list', { ...observation, category: { text: 'x' } }, 'structure Observation.category: a list is asked for'],
    ['an empty list', { ...observation, category: [] }, 'structure Observation.category: an empty list'],
    ['an empty object', { ...observation, category: [{}] }, 'invariant Observation.category[0]: ele-1: an element has a value or children'],
    ['an id alone', { ...observation, category: [{ id: 'a' }] }, 'invariant Observation.category[0]: ele-1: an element has a value or children'],
    ['an empty text', { ...observation, valueQuantity: undefined, valueString: '' }, 'value Observation.value: not a valid string'],
    ['null', { ...observation, valueQuantity: null }, 'structure Observation.value: null'],
    ['null in a list', { ...patient, name: [{ given: ['A', null] }] }, 'structure Patient.name[0].given[1]: null'],
    ['a code that is none', { ...observation, status: 'zorro' }, 'code-invalid Observation.status: not a code of observation-status'],
    ['a concept outside a required value set', { resourceType: 'Condition', subject: { reference: 'Patient/1' }, clinicalStatus: { coding: [{ system: 'urn:other', code: 'active' }] } }, 'code-invalid Condition.clinicalStatus: no code of condition-clinical'],
    ['a reference to what may not be there', { ...observation, subject: { reference: 'Medication/1' } }, 'value Observation.subject: refers to a type that may not be here; Patient, Group, Device, Location may'],
    ['a reference whose type is another', { ...observation, subject: { reference: 'Patient/1', type: 'Group' } }, 'value Observation.subject: type is not that of the reference'],
    ['a reference to what is not contained', { ...observation, subject: { reference: '#p' } }, 'invariant Observation.subject: ref-1: SHALL have a contained resource if a local reference is provided'],
    ['a day that is not in the calendar', { ...patient, birthDate: '1950-02-29' }, 'value Patient.birthDate: not a valid date'],
    ['a time without a zone', { ...observation, effectiveDateTime: '2026-01-01T10:00:00' }, 'value Observation.effective: not a valid dateTime'],
    ['an instant without a time', { ...observation, issued: '2026-01-01' }, 'value Observation.issued: not a valid instant'],
    ['a decimal as text', { ...observation, valueQuantity: { value: '72' } }, 'value Observation.value.value: not a valid decimal'],
    ['an id too long', { ...patient, id: 'a'.repeat(65) }, 'value Patient.id: not a valid id'],
    ['what is not base64', { resourceType: 'Binary', contentType: 'text/plain', data: 'abc' }, 'value Binary.data: not a valid base64Binary'],
    ['an extension without value', { ...patient, extension: [{ url: 'urn:x' }] }, 'extension Patient.extension[0]: ext-1: an extension has a value or extensions'],
    ['an extension with both', { ...patient, extension: [{ url: 'urn:x', valueCode: 'a', extension: [{ url: 'urn:y', valueCode: 'b' }] }] }, 'extension Patient.extension[0]: ext-1: an extension has a value or extensions, not both'],
    ['an extension without url', { ...patient, extension: [{ valueCode: 'a' }] }, 'required Patient.extension[0].url: is required'],
    ['modifiers where there are none', { ...patient, name: [{ family: 'A', modifierExtension: [{ url: 'urn:x', valueCode: 'a' }] }] }, 'structure Patient.name[0].modifierExtension: not an element of this type'],
    ['extensions of what has children', { ...observation, _code: { id: 'a' } }, 'structure Observation._code: not an element of this type'],
    ['an invariant of the resource', { ...observation, dataAbsentReason: { text: 'x' } }, 'invariant Observation: obs-6: dataAbsentReason SHALL only be present if Observation.value[x] is not present'],
    ['an invariant of a type', { ...observation, effectivePeriod: { start: '2026-02-01', end: '2026-01-01' } }, 'invariant Observation.effective: per-1: If present, start SHALL have a lower value than end'],
    ['an invariant of an element', { resourceType: 'Organization', name: 'A', telecom: [{ system: 'phone', value: '1', use: 'home' }] }, 'invariant Organization.telecom[0]: org-3: The telecom of an organization can never be of use \'home\''],
    ['a contained resource that nothing names', { ...observation, contained: [{ resourceType: 'Patient', id: 'p', active: true }] }, 'invariant Observation: dom-3'],
    ['a contained resource that is not valid', { ...observation, subject: { reference: '#p' }, contained: [{ resourceType: 'Patient', id: 'p', gender: 'zorro' }] }, 'code-invalid Observation.contained[0].gender: not a code of administrative-gender'],
    ['a narrative with a script', { ...patient, text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>' } }, 'invariant Patient.text.div: txt-1'],
    ['a narrative with an event', { ...patient, text: { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml"><b onclick="x()">x</b></div>' } }, 'invariant Patient.text.div: txt-1'],
    ['a Bundle', { resourceType: 'Bundle', type: 'collection', entry: [{ request: { method: 'GET', url: 'x' } }] }, 'invariant Bundle: bdl-3'],
    ['what a Bundle holds', { resourceType: 'Bundle', type: 'collection', entry: [{ resource: { ...observation, status: 'zorro' } }] }, 'code-invalid Bundle.entry[0].resource.status: not a code of observation-status'],
    ['Parameters', { resourceType: 'Parameters', parameter: [{ name: 'a', valueString: 'x', part: [{ name: 'b', valueString: 'y' }] }] }, 'invariant Parameters.parameter[0]: inv-1'],
    ['a questionnaire whose linkIds repeat', { resourceType: 'Questionnaire', status: 'draft', item: [{ linkId: '1', type: 'display' }, { linkId: '1', type: 'display' }] }, 'invariant Questionnaire: que-2'],
    ['a rule for the full engine', { resourceType: 'Questionnaire', status: 'draft', item: [{ linkId: '1', type: 'string', enableWhen: [{ question: '1', operator: 'exists', answerString: 'x' }] }] }, 'invariant Questionnaire.item[0].enableWhen[0]: que-7'],
  ];
  it.each(cases)('says of %s one thing', (_, resource, said) => {
    expect(wrong(resource).length).toBe(1);
    expect(wrong(resource)[0]).toContain(said);
  });

  it.each<readonly [string, unknown, string]>([
    ['a comparator in a SimpleQuantity', { ...observation, referenceRange: [{ low: { value: 1, comparator: '<' } }] }, 'structure Observation.referenceRange[0].low.comparator: not allowed here'],
    ['what is contained in what is contained', { ...observation, subject: { reference: '#p' }, contained: [{ resourceType: 'Patient', id: 'p', contained: [{ resourceType: 'Organization', id: 'o', name: 'A' }], managingOrganization: { reference: '#o' } }] }, 'invariant Observation: dom-2'],
  ])('says of %s what is wrong, and what follows', (_, resource, said) => {
    expect(wrong(resource).join('; ')).toContain(said);
  });

  it('has warnings for what is only recommended, and good practice where it is asked for', () => {
    const recommended = { resourceType: 'ValueSet', status: 'active', name: '1 2' };
    expect(validator.validate(recommended).issues).toMatchObject([{ severity: 'warning', code: 'invariant', detail: expect.stringContaining('vsd-0') }]);
    expect(validator.validate(patient).issues).toEqual([]);
    expect(validator.validate(patient, { best: true }).issues).toMatchObject([{ severity: 'warning', detail: expect.stringContaining('dom-6') }]);
    expect(validator.validate({ ...patient, meta: { profile: ['urn:not-loaded'] } }).issues).toMatchObject([{ severity: 'warning', code: 'not-found', expression: 'Patient.meta' }]);
    expect(validator.validate(patient, { profiles: ['urn:not-loaded'] }).issues).toMatchObject([{ severity: 'error', code: 'not-found' }]);
  });

  it('is bounded in depth and in what it says, and never repeats a value', () => {
    let deep: object = { url: 'urn:x', valueCode: 'a' };
    for (let n = 0; n < 10_000; n += 1) deep = { url: 'urn:x', extension: [deep] };
    expect(wrong({ ...patient, extension: [deep] }).at(-1)).toContain(`deeper than ${limits.depth} levels`);
    expect(wrong({ ...patient, name: Array.from({ length: 1_000 }, () => ({ family: 7 })) })).toHaveLength(limits.issues);
    const said = JSON.stringify(validator.validate({ ...observation, status: 'Kowalska', 'Kowalska 1950': 1, subject: { reference: 'Medication/Kowalska' }, valueQuantity: { value: 'Kowalska' }, meta: { profile: ['urn:Kowalska'] } }));
    expect(said).not.toContain('Kowalska');
  });
});

describe('what becomes of it', () => {
  it('is the choice of a source', () => {
    const [error, warning] = [{ severity: 'error' }, { severity: 'warning' }] as const;
    expect(verdictOf('reject', [])).toBe('accepted');
    expect(verdictOf('reject', [warning])).toBe('accepted-with-issues');
    expect([verdictOf('reject', [error]), verdictOf('accept', [error, warning]), verdictOf('quarantine', [error])]).toEqual(['rejected', 'accepted-with-issues', 'quarantined']);
  });
});

it('knows every type of FHIR R4', () => {
  const types = [...searchableTypes().filter((type) => type !== 'ViewDefinition'), 'Binary', 'Bundle', 'Parameters', 'OperationOutcome'];
  expect(types.length).toBeGreaterThan(130);
  for (const resourceType of types) expect(wrong({ resourceType, id: 'x' }).filter((issue) => issue.includes('type'))).not.toContain(`invalid ${resourceType}: not a type of FHIR R4`);
});
