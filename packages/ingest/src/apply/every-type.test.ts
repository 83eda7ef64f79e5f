import type { Resource } from '@medplum/fhirtypes';
import type { SegmentInput } from '@primum/formats';
import { resourceAad } from '@primum/record';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageTypes } from '../reading/message-types.ts';
import { createTestIngest, facility, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

type Stored = { type: string; id: string; version: number; patient_id: string | null; deleted: boolean; body: Resource };

/** The current versions of a patient's record, of a type where one is named. */
async function current(mrn: string | null, type?: string): Promise<Stored[]> {
  const rows = await ingest.db.query<Omit<Stored, 'body'> & { body: Buffer }>(`
    select distinct on (type, id) type, id, version, patient_id, deleted, body from resource
    where tenant = $1 and patient_id is not distinct from $2 and ($3::text is null or type = $3) order by type, id, version desc`,
  [tenant, mrn === null ? null : await ingest.rootOf(mrn), type ?? null]);
  return Promise.all(rows.map(async (row) => ({
    ...row, body: JSON.parse((await ingest.keys.open(tenant, row.body, resourceAad(tenant, row.type, row.id, row.version))).toString()) as Resource,
  })));
}

async function one<T extends Resource['resourceType']>(mrn: string | null, type: T): Promise<{ version: number; id: string; body: Extract<Resource, { resourceType: T }> }> {
  const found = await current(mrn, type);
  expect(found.map(({ id }) => id)).toHaveLength(1);
  return found[0] as Stored & { body: Extract<Resource, { resourceType: T }> }; // asked for by its type
}

const at = '20260105080000';
const admit = (mrn: string, visit: string): string => message('ADT^A01', at, [pid(mrn), pv1(visit, '1', { admitted: at })]);
const orc = (control: string, placer: string, filler = ''): SegmentInput => ['ORC', control, placer, filler, '', '', '', '', '', at, '', '', ['D7', 'House', 'Gregory']];
const order = (placer: string, filler = '', status = ''): SegmentInput => ['OBR', '1', placer, filler, ['CBC', 'Blood count', 'L'], '', '', at, ...Array.from({ length: 17 }, () => ''), status];
const txa = (number: string, parent = ''): SegmentInput => ['TXA', '1', 'DS', 'TX', at, ['D7', 'House', 'Gregory'], '', '', '', '', '', '', [number, 'DOCS'], parent === '' ? '' : [parent, 'DOCS'], '', '', '', 'AU', '', 'AV'];
const text = (value: string): SegmentInput => ['OBX', '1', 'TX', ['TXT', 'Text', 'L'], '', value, '', '', '', '', '', 'F'];
const sch = (filler: string): SegmentInput => ['SCH', 'PA1', [filler, 'SCHED'], '', '', '', ['R'], ['CHECKUP'], '', '30', ['min'], ['', '', '', '20260110090000', '20260110093000'], ['D7', 'House', 'Gregory']];

describe('every type of message', () => {
  it('an order is one ServiceRequest from its placing to its cancelling, and its report refers to it', async () => {
    await ingest.send(
      admit('O1', 'VO1'),
      message('ORM^O01', '20260105090000', [pid('O1'), pv1('VO1', '1'), orc('NW', 'P100'), order('P100')]),
      message('ORU^R01', '20260105100000', [pid('O1'), pv1('VO1', '1'), orc('RE', 'P100', 'F100'), order('P100', 'F100', 'F'), obx('LAC', '1.2', 'mmol/L', { at: '20260105095000' })]),
      message('ORM^O01', '20260105110000', [pid('O1'), pv1('VO1', '1'), orc('CR', 'P100'), order('P100')]),
    );
    expect(await ingest.reasons()).toEqual([]);
    const request = await one('O1', 'ServiceRequest');
    expect(request.version).toBe(3);
    expect(request.body).toMatchObject({ status: 'revoked', subject: { reference: `Patient/${await ingest.rootOf('O1')}` }, encounter: { reference: `Encounter/${(await one('O1', 'Encounter')).id}` } });
    expect(request.body.identifier).toHaveLength(2);
    const report = await one('O1', 'DiagnosticReport');
    const result = await one('O1', 'Observation');
    expect(report.body).toMatchObject({ basedOn: [{ reference: `ServiceRequest/${request.id}` }], result: [{ reference: `Observation/${result.id}` }] });
    // Who ordered belongs to the hospital, once.
    expect((await current(null, 'Practitioner')).filter(({ body }) => JSON.stringify(body).includes('House'))).toHaveLength(1);
  });

  it('an order under another patient\'s visit number waits in quarantine', async () => {
    await ingest.send(admit('O8', 'VO8'), admit('O9', 'VO9'));
    await ingest.send(message('ORM^O01', '20260105090000', [pid('O8'), pv1('VO9', '1'), orc('NW', 'P9'), order('P9')]));
    expect(await ingest.reasons()).toEqual(['hl7.encounter-unknown']);
    expect(await current('O8', 'ServiceRequest')).toEqual([]);
    await ingest.db.query("update message set status = 'discarded' where status = 'quarantined'", []);
  });

  it('what says nothing new writes nothing; a practitioner whom messages name differently is one', async () => {
    const send = (control: string, given: string): string => message('ORM^O01', '20260105090000', [
      pid('O7'), pv1('VO7', '1'), ['ORC', 'NW', 'P7', '', '', '', '', '', '', at, '', '', ['D77', 'Cuddy', given]], order('P7'),
    ], { control });
    await ingest.send(admit('O7', 'VO7'), send('a', 'Lisa'), send('b', 'L'), send('c', 'Lisa'), send('d', 'L'));
    expect((await one('O7', 'ServiceRequest')).version).toBe(1);
    const cuddy = (await current(null, 'Practitioner')).filter(({ body }) => JSON.stringify(body).includes('Cuddy'));
    expect(cuddy.map(({ version, body }) => [version, 'name' in body && Array.isArray(body.name) ? body.name.length : 0])).toEqual([[2, 2]]);
  });

  it('OBX of an order are Observations and no facts', async () => {
    await ingest.send(admit('O2', 'VO2'));
    const before = (await ingest.facts('O2')).rows.length;
    for (const type of ['OML^O21', 'OMG^O19', 'RDE^O11']) {
      await ingest.send(message(type, '20260105090000', [
        pid('O2'), pv1('VO2', '1'), orc('NW', type), ...(type === 'RDE^O11' ? [['RXE', '', ['1', 'Aspirin', 'L'], '100', '', ['mg']] satisfies SegmentInput] : [order(type)]), obx('HR', '80', 'bpm', { at: '20260105085900' }),
      ]));
    }
    expect(await ingest.reasons()).toEqual([]);
    expect((await ingest.facts('O2')).rows).toHaveLength(before);
    expect(await current('O2', 'Observation')).toHaveLength(3);
    expect(await current('O2', 'ServiceRequest')).toHaveLength(2);
    expect((await one('O2', 'MedicationRequest')).body.medicationCodeableConcept?.coding?.[0]?.code).toBe('1');
  });

  it('an appointment is booked, moved, cancelled and missed under its number; it may be nobody\'s', async () => {
    await ingest.send(message('SIU^S12', at, [sch('A7'), pid('S1')]), message('SIU^S14', at, [sch('A7'), pid('S1')]), message('SIU^S15', at, [sch('A7'), pid('S1')]));
    expect((await one('S1', 'Appointment')).body).toMatchObject({ status: 'cancelled', start: '2026-01-10T09:00:00+00:00' });
    await ingest.send(message('SIU^S26', at, [sch('A7'), pid('S1')]));
    expect((await one('S1', 'Appointment')).body.status).toBe('noshow');
    await ingest.send(message('SIU^S12', at, [sch('A8')]));
    expect((await one(null, 'Appointment')).body.status).toBe('booked');
    expect(await ingest.reasons()).toEqual([]);
  });

  it('a document is announced, filled, replaced and taken back', async () => {
    await ingest.send(admit('M1', 'VM1'), message('MDM^T01', at, [pid('M1'), pv1('VM1', '1'), txa('D1')]));
    const announced = await one('M1', 'DocumentReference');
    expect(announced.body.content[0]?.attachment.extension?.[0]?.valueCode).toBe('unknown');
    await ingest.send(message('MDM^T02', at, [pid('M1'), pv1('VM1', '1'), txa('D1'), text('All is well.'), text('Signed.')]));
    const filled = await one('M1', 'DocumentReference');
    expect(filled.id).toBe(announced.id);
    expect(filled.body.content).toHaveLength(1);
    expect(Buffer.from(filled.body.content[0]?.attachment.data ?? '', 'base64').toString()).toBe('All is well.\nSigned.');
    await ingest.send(message('MDM^T10', at, [pid('M1'), pv1('VM1', '1'), txa('D2', 'D1'), text('Better.')]));
    const first = filled.id;
    const documents = await current('M1', 'DocumentReference');
    expect(documents.find(({ id }) => id === first)?.body).toMatchObject({ status: 'superseded' });
    expect(documents.find(({ id }) => id !== first)?.body).toMatchObject({ status: 'current', relatesTo: [{ code: 'replaces', target: { reference: `DocumentReference/${first}` } }] });
    await ingest.send(message('MDM^T11', at, [pid('M1'), pv1('VM1', '1'), txa('D2', 'D1')]));
    expect((await current('M1', 'DocumentReference')).find(({ id }) => id !== first)?.body).toMatchObject({ status: 'entered-in-error' });
  });

  it('vaccinations, charges and accounts', async () => {
    const rxa: SegmentInput = ['RXA', '0', '1', at, at, ['08', 'Hep B', 'CVX'], '1', ['mL']];
    await ingest.send(
      message('VXU^V04', at, [pid('X1'), ['ORC', 'RE', '', 'IZ1'], rxa, ['ZVX', 'local', 'thing']]),
      message('DFT^P03', at, [pid('X1'), pv1('VX1', '1'), ['FT1', '1', 'T1', '', at, at, 'CG', ['99213', 'Visit', 'CPT']]]),
      message('BAR^P01', at, [[...pid('X1').slice(0, 18), ['ACC1', '', '', facility, 'AN']] as unknown as SegmentInput, pv1('VX1', '1'), ['IN1', '1', ['PLAN1'], 'C1', 'Insurer']]), // PID with an account as PID-18
    );
    expect(await ingest.reasons()).toEqual([]);
    expect((await one('X1', 'Immunization')).body.vaccineCode.coding?.[0]?.code).toBe('08');
    expect((await one('X1', 'ChargeItem')).version).toBe(1);
    expect((await one('X1', 'Account')).body.identifier?.[0]?.value).toBe('ACC1');
    expect((await one('X1', 'Coverage')).body.class?.[0]?.value).toBe('PLAN1');
    // No stay: nobody was admitted. The visit is an Encounter all the same.
    expect(await ingest.db.query('select 1 from stay where patient_id = $1', [await ingest.rootOf('X1')])).toEqual([]);
    expect((await one('X1', 'Encounter')).body.identifier?.[0]?.value).toBe('VX1');
    const provenances = await current('X1', 'Provenance');
    expect(provenances.map(({ body }) => JSON.stringify(body)).filter((body) => body.includes('ZVX|local|thing'))).toHaveLength(1);
  });

  it('a planned visit becomes the stay when the patient comes', async () => {
    await ingest.send(message('ADT^A05', at, [pid('P1'), pv1('VP1', '1')]));
    const planned = await one('P1', 'Encounter');
    expect(planned.body.status).toBe('planned');
    await ingest.send(message('ADT^A01', '20260106080000', [pid('P1'), pv1('VP1', '1')]));
    const begun = await one('P1', 'Encounter');
    expect([begun.id, begun.version, begun.body.status]).toEqual([planned.id, 2, 'in-progress']);
    expect(await ingest.db.query('select id from stay where id = $1', [planned.id])).toHaveLength(1);
  });

  it('a person is added and updated without a visit; "" deletes what other fields said', async () => {
    const with16 = (marital: string): SegmentInput => [...pid('B1').slice(0, 16), marital] as unknown as SegmentInput; // PID up to PID-16
    await ingest.send(message('ADT^A28', at, [with16('M')]));
    expect((await one('B1', 'Patient')).body.maritalStatus?.coding?.[0]?.code).toBe('M');
    await ingest.send(message('ADT^A31', at, [with16('')]));
    expect((await one('B1', 'Patient')).body.maritalStatus?.coding?.[0]?.code).toBe('M');
    await ingest.send(message('ADT^A31', at, [with16('""')]));
    expect((await one('B1', 'Patient')).body.maritalStatus).toBeUndefined();
    expect(await current('B1', 'Encounter')).toEqual([]);
  });

  it('A08 with another PV1-44 moves the admission, A23 takes the visit back whole', async () => {
    await ingest.send(admit('K1', 'VK1'), message('ADT^A08', '20260105120000', [pid('K1'), pv1('VK1', '1', { admitted: '20260105060000' })]));
    expect((await one('K1', 'Encounter')).body.period?.start).toBe('2026-01-05T06:00:00.000Z');
    expect((await ingest.standing('K1')).filter(({ code }) => code === 'primum:hospital-admit').map(({ effectiveAt }) => effectiveAt)).toEqual([Date.UTC(2026, 0, 5, 6)]);
    await ingest.send(message('ADT^A23', '20260105130000', [pid('K1'), pv1('VK1', '1')]));
    expect((await one('K1', 'Encounter')).body.status).toBe('entered-in-error');
    expect((await ingest.standing('K1')).filter(({ code }) => code.startsWith('primum:'))).toEqual([]);
    expect(await ingest.reasons()).toEqual([]);
  });

  it('several merges in one message, and a number that changes', async () => {
    const mrg = (mrn: string, account = ''): SegmentInput => ['MRG', [mrn, '', '', facility, 'MR'], '', account === '' ? '' : [account, '', '', facility, 'AN']];
    await ingest.send(...['G1', 'G2', 'G3', 'G4'].map((mrn) => admit(mrn, `V${mrn}`)));
    await ingest.send(message('ADT^A40', '20260105120000', [pid('G1'), mrg('G2'), pid('G3'), mrg('G4')]));
    expect(await ingest.rootOf('G2')).toBe(await ingest.rootOf('G1'));
    expect(await ingest.rootOf('G4')).toBe(await ingest.rootOf('G3'));
    expect(await ingest.rootOf('G3')).not.toBe(await ingest.rootOf('G1'));
    const before = await ingest.rootOf('G3');
    await ingest.send(message('ADT^A47', '20260105130000', [pid('G9'), mrg('G3')]));
    expect(await ingest.rootOf('G9')).toBe(before);
    expect(await ingest.reasons()).toEqual([]);
  });

  it('A45 moves a visit with its results; a later correction finds them with the right patient', async () => {
    await ingest.send(admit('W1', 'VW1'), admit('W2', 'VW2'), message('ADT^A01', at, [pid('W1'), pv1('VW9', '2', { admitted: at })]));
    const labs = (mrn: string, value: string, status: string): string => message('ORU^R01', '20260105100000', [pid(mrn), pv1('VW9', '2'), obr('LW', '20260105095000'), obx('LAC', value, 'mmol/L', { at: '20260105095000', status })]);
    await ingest.send(labs('W1', '4.4', 'F'));
    await ingest.send(message('ADT^A45', '20260105120000', [pid('W2'), ['MRG', ['W1', '', '', facility, 'MR'], '', '', '', ['VW9', '', '', facility, 'VN']], pv1('VW9', '2')]));
    expect(await ingest.reasons()).toEqual([]);
    const lactates = async (mrn: string): Promise<(number | null)[]> => (await ingest.standing(mrn)).filter(({ code }) => code === '2524-7').map(({ value }) => value);
    expect([await lactates('W1'), await lactates('W2')]).toEqual([[], [4.4]]);
    await ingest.send(labs('W2', '1.4', 'C'));
    expect([await lactates('W1'), await lactates('W2')]).toEqual([[], [1.4]]);
    expect((await current('W1', 'Observation')).every(({ deleted }) => deleted)).toBe(true);
    const visits = await ingest.db.query<{ patient_id: string }>('select patient_id from stay where patient_id = $1', [await ingest.rootOf('W2')]);
    expect(visits).toHaveLength(2);
  });

  it('accounts are merged and moved', async () => {
    const account = (mrn: string, number: string): SegmentInput => [...pid(mrn).slice(0, 18), [number, '', '', facility, 'AN']] as unknown as SegmentInput; // PID with PID-18
    await ingest.send(message('BAR^P01', at, [account('C1', 'N1')]), message('BAR^P01', at, [account('C1', 'N2')]), message('BAR^P01', at, [account('C2', 'N3')]));
    await ingest.send(message('ADT^A35', at, [account('C1', 'N1'), ['MRG', ['C1', '', '', facility, 'MR'], '', ['N2', '', '', facility, 'AN']]]));
    expect((await current('C1', 'Account')).map(({ body }) => (body as { status?: string }).status).sort()).toEqual(['active', 'inactive']);
    await ingest.send(message('ADT^A44', at, [account('C2', 'N1'), ['MRG', ['C1', '', '', facility, 'MR'], '', ['N1', '', '', facility, 'AN']]]));
    expect(await current('C2', 'Account')).toHaveLength(2);
    expect(await ingest.reasons()).toEqual([]);
  });

  it('every type of the table is accepted and applied for somebody who is known', async () => {
    await ingest.send(admit('Z1', 'VZ1'), admit('Z2', 'VZ2'));
    const refused = (await ingest.reasons()).length;
    for (const [name, type] of messageTypes) {
      const { does } = type;
      const segments: SegmentInput[] = [...(type.code === 'SIU' ? [sch(name)] : []), pid('Z1'), ...(type.patients === 'two' && does !== 'swap' ? [pid('Z2')] : [pv1('VZ1', '1', { ward: name })])];
      if (does === 'swap') segments.push(pid('Z2'), pv1('VZ2', '2'));
      if (does === 'merge' || does === 'change-identifier') segments.push(['MRG', ['Z2', '', '', facility, 'MR']]);
      const { ack } = await ingest.accept(message(name, at, segments));
      if (does === 'merge-account' || does === 'move-visit') expect([name, ack]).toEqual([name, 'AE']);
      else expect([name, ack]).toEqual([name, 'AA']);
    }
    await ingest.applyAll();
    const reasons = (await ingest.reasons()).slice(refused);
    // Cancelled, discharged and merged by then: what is out of order waits, as it should.
    expect(new Set(reasons)).toEqual(new Set(['hl7.segment-missing', 'hl7.event-out-of-order']));
  });
});
