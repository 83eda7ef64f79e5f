import type { Observation, Patient } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { loadPurposeViews, viewFor, type Disguise } from './purpose-view.ts';

const views = loadPurposeViews();
const disguise: Disguise = { pseudonym: (type, id) => `${type.toLowerCase()}-of-${id.length}`, shiftDays: -10, now: new Date('2026-03-01T00:00:00Z') };
/** Whatever must not come through, wherever it was planted. */
const planted = ['Zzyzx', 'MRN-4711', '+49 30 123', 'Hauptstrasse', 'photo-bytes', 'Aunt Erna', 'said he fell'];

const patient: Patient = {
  resourceType: 'Patient', id: 'p1', meta: { versionId: '3', lastUpdated: '2026-02-28T10:00:00Z', source: 'Zzyzx' },
  text: { status: 'generated', div: '<div>Zzyzx</div>' }, name: [{ family: 'Zzyzx', given: ['Zzyzx'] }], identifier: [{ value: 'MRN-4711' }],
  telecom: [{ system: 'phone', value: '+49 30 123' }], address: [{ line: ['Hauptstrasse 1'], city: 'Zzyzx' }], photo: [{ data: 'photo-bytes' }],
  contact: [{ name: { text: 'Aunt Erna' } }], gender: 'female', birthDate: '1962-07-04', extension: [{ url: 'http://x', valueString: 'Zzyzx' }], contained: [{ resourceType: 'Patient', name: [{ text: 'Zzyzx' }] }],
};
const observation: Observation = {
  resourceType: 'Observation', id: 'o1', status: 'final', subject: { reference: 'Patient/p1', display: 'Zzyzx' }, encounter: { reference: 'Encounter/e22' },
  performer: [{ display: 'Zzyzx' }], note: [{ text: 'said he fell' }], effectiveDateTime: '2026-03-05T23:30:00+01:00',
  code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }], text: 'Zzyzx' }, valueQuantity: { value: 84, unit: '/min' },
  component: [{ code: { coding: [{ code: 'x' }], text: 'said he fell' }, valueString: 'said he fell', extension: [{ url: 'u', valueString: 'Zzyzx' }] }],
  specimen: { identifier: { value: 'MRN-4711' }, display: 'Zzyzx' },
};

describe('research', () => {
  const see = (resource: Patient | Observation) => viewFor(views.HRESCH!, resource, disguise);

  it('sees no name, number, address, photograph, relative or free text, wherever it stands', () => {
    for (const resource of [patient, observation]) {
      const shown = JSON.stringify(see(resource));
      expect(planted.filter((word) => shown.includes(word))).toEqual([]);
    }
  });

  it('sees sex and year of birth, coded values under pseudonyms, dates moved by days', () => {
    expect(see(patient)).toEqual({ resourceType: 'Patient', id: 'patient-of-2', meta: { versionId: '3', security: [expect.objectContaining({ code: 'PSEUDED' })] }, gender: 'female', birthDate: '1962' });
    expect(see(observation)).toMatchObject({
      id: 'observation-of-2', subject: { reference: 'Patient/patient-of-2' }, encounter: { reference: 'Encounter/encounter-of-3' },
      effectiveDateTime: '2026-02-23T23:30:00+01:00', code: { coding: [{ code: '8867-4', display: 'Heart rate' }] }, valueQuantity: { value: 84 }, component: [{ code: { coding: [{ code: 'x' }] } }],
    });
    expect(see(observation)!['subject']).toEqual({ reference: 'Patient/patient-of-2' });
  });

  it('sees no birth year of whoever is older than 89, and nothing of a type that is not listed', () => {
    expect(see({ ...patient, birthDate: '1936-01-01' })).not.toHaveProperty('birthDate');
    expect(see({ ...patient, birthDate: '1937-01-01' })).toMatchObject({ birthDate: '1937' });
    expect(viewFor(views.HRESCH!, { resourceType: 'DocumentReference', status: 'current', content: [] }, disguise)).toBeNull();
  });
});

describe('other purposes', () => {
  it('see what they need: public health who and where, running the hospital neither', () => {
    const reported = JSON.stringify(viewFor(views.PUBHLTH!, patient, disguise));
    for (const word of ['Hauptstrasse', 'MRN-4711', '1962-07-04']) expect(reported).toContain(word);
    for (const word of ['photo-bytes', 'Aunt Erna']) expect(reported).not.toContain(word);
    expect(viewFor(views.HOPERAT!, patient, disguise)).toEqual({ resourceType: 'Patient', id: 'p1', meta: { versionId: '3', tag: [expect.objectContaining({ code: 'SUBSETTED' })] }, gender: 'female', birthDate: '1962' });
  });

  it('are whole where the minimum necessary does not limit them', () => {
    for (const purpose of ['TREAT', 'BTG', 'PATRQT'] as const) expect(views[purpose]).toBeUndefined();
  });
});
