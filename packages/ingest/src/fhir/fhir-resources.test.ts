import type { Encounter, Observation, Patient, Provenance, Resource } from '@medplum/fhirtypes';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '@primum/base';
import { readResource } from '@primum/record';
import { mintSystemPrincipal, withPhiReader } from '@primum/trust';
import { createTestIngest, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => {
  ingest = await createTestIngest();
  await ingest.send(
    message('ADT^A01', '20260101080000', [pid('R1', { name: ['Muster', 'Maria'] }), pv1('VR1', '07', { admitted: '20260101060000' })]),
    message('ORU^R01', '20260101090500', [pid('R1'), pv1('VR1', '07'), obr('ORD', '20260101090000'),
      obx('LAC', '1.80', 'mmol/L'), obx('LAC', '<0.3', 'mmol/L', { type: 'ST', at: '20260101085900' }), obx('HR', '0', 'bpm'), obx('PVC', '', '', { status: 'X' }),
      obx('K', '3.9', 'mmol/L', { status: 'C' })]),
  );
});
afterAll(async () => { await ingest.close(); });

async function all<T extends Resource>(type: T['resourceType']): Promise<T[]> {
  const rows = await ingest.db.query<{ id: string }>('select id from resource where type = $1 order by seq, message_id, id', [type]);
  const patientIds = [await ingest.rootOf('R1')];
  return Promise.all(rows.map(({ id }) => withPhiReader(
    { ...ingest, clock: systemClock },
    { tenant, principal: mintSystemPrincipal('ingest'), purpose: 'TREAT', scope: { patientIds }, action: 'phi.read' },
    async (reader) => (await readResource(ingest.db, reader, { type, id })).resource as T, // asked for by its type
  )));
}
const byLocalCode = (observations: Observation[], code: string): Observation[] => observations.filter((item) => item.code?.coding?.at(-1)?.code === code);

describe('FHIR resources of a message', () => {
  it('makes Patient and Encounter', async () => {
    const [patient] = await all<Patient>('Patient');
    expect(patient).toMatchObject({
      active: true, name: [{ family: 'Muster', given: ['Maria'] }], birthDate: '1960-01-01', gender: 'female',
      identifier: [{ system: 'urn:primum:authority:SIMICU', value: 'R1', type: { coding: [{ code: 'MR' }] } }],
    });
    const [encounter] = await all<Encounter>('Encounter');
    expect(encounter).toMatchObject({
      status: 'in-progress', class: { code: 'IMP' }, subject: { reference: `Patient/${patient!.id}` }, period: { start: '2026-01-01T06:00:00.000Z' },
      identifier: [{ value: 'VR1' }], location: [{ location: { display: 'ICU 07' }, status: 'active' }],
    });
  });

  it('keeps in an Observation what was sent: both codes, the digits, bounds, and why there is no value', async () => {
    const observations = await all<Observation>('Observation');
    const [encounter] = await all<Encounter>('Encounter');
    const [exact] = byLocalCode(observations, 'LAC').filter(({ valueQuantity }) => valueQuantity?.comparator === undefined);
    expect(exact).toMatchObject({
      status: 'final', category: [{ coding: [{ code: 'laboratory' }] }], effectiveDateTime: '2026-01-01T09:00:00.000Z', encounter: { reference: `Encounter/${encounter!.id}` },
      code: { coding: [{ system: 'http://loinc.org', code: '2524-7' }, { system: 'urn:primum:source:SIMMON', code: 'LAC' }] },
      valueQuantity: { value: 1.8, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L', extension: [{ valueString: '1.80' }] },
      basedOn: [{ identifier: { value: 'ORD' } }],
    });
    const [bound] = byLocalCode(observations, 'LAC').filter(({ valueQuantity }) => valueQuantity?.comparator !== undefined);
    expect(bound).toMatchObject({ effectiveDateTime: '2026-01-01T08:59:00.000Z', valueQuantity: { value: 0.3, comparator: '<' } });
    expect(byLocalCode(observations, 'HR')[0]).toMatchObject({ valueQuantity: { value: 0, code: '/min' }, note: [{ text: expect.stringContaining('not used') }] });
    expect(byLocalCode(observations, 'PVC')[0]).toMatchObject({ status: 'cancelled', dataAbsentReason: { coding: [{ code: 'not-performed' }] } });
  });

  it('says in one Provenance which field each element came from', async () => {
    const provenances = await all<Provenance>('Provenance');
    expect(provenances).toHaveLength(2);
    const ofResults = provenances.find((item) => item.entity?.[0]?.what?.display?.startsWith('ORU^R01') === true)!;
    const [exact] = byLocalCode(await all<Observation>('Observation'), 'LAC').filter(({ valueQuantity }) => valueQuantity?.comparator === undefined);
    const target = ofResults.target?.find(({ reference }) => reference === `Observation/${exact!.id}`);
    expect(target?.extension?.[0]?.valueString).toBe('code=OBX[1]-3; value=OBX[1]-5; valueQuantity.unit=OBX[1]-6; status=OBX[1]-11; effectiveDateTime=OBR[1]-7; subject=PID[1]-3; basedOn=OBR[1]-3');
    expect(ofResults.target).toHaveLength(5);
    expect(ofResults.reason?.[0]?.text).toBe('OBX[5] is a correction of a result that is not on record');
    const ofAdmission = provenances.find((item) => item !== ofResults)!;
    expect(ofAdmission.target?.map(({ reference }) => reference?.split('/')[0])).toEqual(['Patient', 'Encounter', 'Location', 'Location', 'Location']);
    expect(JSON.stringify(provenances)).not.toContain('Muster');
  });
});
