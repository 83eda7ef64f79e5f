import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestIngest, message, ms, obr, obx, pid, pv1, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const t = (hour: number, minute = 0): string => `20260101${String(hour).padStart(2, '0')}${String(minute).padStart(2, '0')}00`;
const admit = (mrn: string, at = t(8)): string => message('ADT^A01', at, [pid(mrn), pv1(`V${mrn}`, '07', { admitted: t(6) })]);
const adt = (event: string, mrn: string, at: string, visit: Parameters<typeof pv1>[2] = {}, bed = '07'): string => message(`ADT^${event}`, at, [pid(mrn), pv1(`V${mrn}`, bed, visit)]);
const result = (mrn: string, at: string, results: Parameters<typeof message>[2], order = `O${mrn}${at}`): string =>
  message('ORU^R01', at, [pid(mrn), pv1(`V${mrn}`, '07'), obr(order, at), ...results]);
const values = async (mrn: string, code: string, upToSeq?: number): Promise<(number | null)[]> =>
  (await ingest.standing(mrn, upToSeq)).filter((fact) => fact.code === code).sort((a, b) => a.effectiveAt - b.effectiveAt).map(({ value }) => value);
const stayOf = async (mrn: string): Promise<{ status: string; ward: string; bed: string; icu: boolean; icu_from: Date | null }> => {
  const [row] = await ingest.db.query<{ status: string; ward: string; bed: string; icu: boolean; icu_from: Date | null }>(
    'select s.status, s.ward, s.bed, s.icu, s.icu_from from stay s join patient p on p.tenant = s.tenant and p.id = s.patient_id where p.root_id = $1 order by s.changed_seq desc',
    [await ingest.rootOf(mrn)],
  );
  if (row === undefined) throw new Error('no stay');
  return row;
};
const lastReason = async (): Promise<string | undefined> => (await ingest.reasons()).at(-1);
const changes = async (mrn: string): Promise<{ kind: string; fromAt: number; toAt: number; seq: number }[]> =>
  (await ingest.db.query<{ payload: { kind: string; fromAt: number; toAt: number; seq: number } }>(
    "select payload from outbox where topic = 'patient.changed' and key = $1 order by id", [await ingest.rootOf(mrn)])).map(({ payload }) => payload);

describe('admission and results', () => {
  it('makes patient, stay and facts from an A01 and an ORU', async () => {
    await ingest.send(admit('M1'), result('M1', t(9), [obx('HR', '88', 'bpm'), obx('TEMP', '37.50', 'C'), obx('FIO2', '40', '%')]));
    expect(await ingest.reasons()).toEqual([]);
    const facts = await ingest.standing('M1');
    expect(facts.map(({ code, value, text, effectiveAt }) => [code, value, text, effectiveAt])).toEqual([
      ['30525-0', 66, undefined, ms(t(6))],
      ['46098-0', 0, undefined, ms(t(6))],
      ['primum:hospital-admit', 1, undefined, ms(t(6))],
      ['primum:icu-admit', 1, undefined, ms(t(8))],
      ['8867-4', 88, '88', ms(t(9))],
      ['8310-5', 37.5, '37.50', ms(t(9))],
      ['3150-6', 0.4, undefined, ms(t(9))],
    ]);
    expect(await stayOf('M1')).toEqual({ status: 'in-progress', ward: 'ICU', bed: '07', icu: true, icu_from: new Date(ms(t(8))) });
    expect(await changes('M1')).toMatchObject([{ kind: 'stay', fromAt: ms(t(6)), toAt: ms(t(8)) }, { kind: 'facts', fromAt: ms(t(9)), toAt: ms(t(9)) }]);
  });

  it('keeps what is unmapped, of an unknown unit or implausible: missing, flagged, counted', async () => {
    await ingest.send(admit('M2'), result('M2', t(9), [
      obx('PVC', '4', 'bpm'), obx('HR', '80', 'Hz'), obx('SPO2', '12', '%'), obx('LAC', '<0.3', 'mmol/L', { type: 'ST' }), obx('COMFORT', 'Y', '', { type: 'ST' }),
    ]));
    const flags = (await ingest.standing('M2')).filter(({ effectiveAt }) => effectiveAt === ms(t(9))).map(({ code, value, flag }) => [code, value, flag]);
    expect(flags).toEqual([
      ['local:PVC', null, 'unmapped'], ['8867-4', null, 'unit-unknown'], ['59408-5', null, 'implausible'], ['2524-7', null, undefined], ['primum:comfort-care', 1, undefined],
    ]);
    expect(await ingest.db.query('select code, unit, why, times from unmapped_code order by code', [])).toEqual([
      { code: 'HR', unit: 'Hz', why: 'unit', times: 1 }, { code: 'PVC', unit: 'bpm', why: 'code', times: 1 },
    ]);
  });

  it('takes OBX-14, else OBR-7, and refuses results of an unknown patient', async () => {
    await ingest.send(admit('M3'), result('M3', t(9), [obx('HR', '70', 'bpm', { at: t(8, 30) }), obx('RR', '14', 'rpm')]), result('NOBODY', t(9), [obx('HR', '70', 'bpm')]));
    const times = new Map((await ingest.standing('M3')).map(({ code, effectiveAt }) => [code, effectiveAt]));
    expect([times.get('8867-4'), times.get('9279-1')]).toEqual([ms(t(8, 30)), ms(t(9))]);
    expect(await lastReason()).toBe('hl7.patient-unknown');
  });

  it('reads 8859/1 and keeps the name', async () => {
    const latin = admit('M4').replace('UNICODE UTF-8', '8859/1').replace('Muster', 'Müller');
    await ingest.acceptor.accept(Buffer.from(latin, 'latin1'), { remote: 'test' });
    await ingest.applyAll();
    const [row] = await ingest.db.query<{ id: string; body: Buffer }>("select id, body from resource where type = 'Patient' and id = $1", [await ingest.rootOf('M4')]);
    expect((await ingest.keys.open(1, row!.body, `resource|1|Patient|${row!.id}|1`)).toString()).toContain('Müller');
  });
});

describe('corrections', () => {
  it('corrects, withdraws and revives by the same key, and leaves what was known at a past pin', async () => {
    await ingest.send(admit('C1'), result('C1', t(9), [obx('K', '4.1', 'mmol/L'), obx('LAC', '2.0', 'mmol/L')], 'ORD1'));
    const { pinSeq, rows } = await ingest.facts('C1');
    await ingest.send(result('C1', t(9), [obx('K', '3.5', 'mmol/L', { status: 'C' })], 'ORD1'));
    expect(await values('C1', '2823-3')).toEqual([3.5]);
    await ingest.send(result('C1', t(9), [obx('LAC', '2.0', 'mmol/L', { status: 'W' })], 'ORD1'));
    expect(await values('C1', '2524-7')).toEqual([]);
    expect((await changes('C1')).slice(-2)).toMatchObject([{ kind: 'correction', fromAt: ms(t(9)) }, { kind: 'correction' }]);
    expect(await ingest.facts('C1', pinSeq)).toEqual({ rows, pinSeq });
    expect(await values('C1', '2823-3', pinSeq)).toEqual([4.1]);
    const versions = await ingest.db.query("select version, deleted from resource where type = 'Observation' and patient_id = $1 order by id, version", [await ingest.rootOf('C1')]);
    expect(versions).toHaveLength(4);
    expect(versions.filter((row) => (row as { deleted: boolean }).deleted)).toHaveLength(1);
  });

  it('puts a final result in the place of a preliminary one, and lets X correct nothing', async () => {
    await ingest.send(admit('C2'), result('C2', t(9), [obx('K', '4.0', 'mmol/L', { status: 'P' })], 'ORD2'));
    await ingest.send(result('C2', t(9), [obx('K', '4.2', 'mmol/L')], 'ORD2'), result('C2', t(9), [obx('K', '', '', { status: 'X' })], 'ORD2'));
    expect(await values('C2', '2823-3')).toEqual([4.2, null]);
  });

  it('holds a withdrawal of what is not on record in quarantine, and keeps an unmatched correction as a value', async () => {
    await ingest.send(admit('C3'), result('C3', t(9), [obx('K', '4.0', 'mmol/L'), obx('LAC', '1.0', 'mmol/L', { status: 'D' })], 'ORD3'));
    expect(await lastReason()).toBe('hl7.correction-unmatched');
    expect(await values('C3', '2823-3')).toEqual([]); // all of a message or nothing
    await ingest.send(result('C3', t(9), [obx('K', '4.4', 'mmol/L', { status: 'C' })], 'ORD4'));
    expect(await values('C3', '2823-3')).toEqual([4.4]);
  });

  it('corrects within one batch: a value and its correction wait together', async () => {
    await ingest.accept(admit('C4'));
    await ingest.accept(result('C4', t(9), [obx('K', '6.0', 'mmol/L')], 'ORD5'));
    await ingest.accept(result('C4', t(9), [obx('K', '4.0', 'mmol/L', { status: 'C' })], 'ORD5'));
    await ingest.applyAll();
    const rows = (await ingest.facts('C4')).rows.filter(({ code }) => code === '2823-3');
    expect(rows.map(({ value, status }) => [value, status])).toEqual([[6, 'final'], [4, 'corrected']]);
    expect(rows[0]!.seq).toBeLessThan(rows[1]!.seq);
  });
});

describe('movements and their cancellations', () => {
  it('transfers out of the ICU and back by cancelling (A02, A12)', async () => {
    await ingest.send(admit('S1'), adt('A02', 'S1', t(10), { ward: 'WARD' }, '3'));
    expect(await stayOf('S1')).toMatchObject({ ward: 'WARD', bed: '3', icu: false, icu_from: null });
    expect(await values('S1', 'primum:icu-discharge')).toEqual([1]);
    await ingest.send(adt('A12', 'S1', t(11)));
    expect(await stayOf('S1')).toMatchObject({ ward: 'ICU', icu: true, icu_from: new Date(ms(t(8))) });
    expect(await values('S1', 'primum:icu-discharge')).toEqual([]);
    expect((await changes('S1')).at(-1)).toMatchObject({ kind: 'correction', fromAt: ms(t(10)) });
  });

  it('discharges with death, and takes it back (A03, A13)', async () => {
    await ingest.send(admit('S2'), adt('A03', 'S2', t(12), { ended: t(12), disposition: '20' }));
    expect(await stayOf('S2')).toMatchObject({ status: 'finished' });
    expect(await values('S2', 'primum:death')).toEqual([1]);
    await ingest.send(adt('A13', 'S2', t(13)));
    expect(await stayOf('S2')).toMatchObject({ status: 'in-progress', icu: true });
    expect([await values('S2', 'primum:death'), await values('S2', 'primum:icu-discharge')]).toEqual([[], []]);
  });

  it('cancels an admission and admits again (A11, A01)', async () => {
    await ingest.send(admit('S3'), adt('A11', 'S3', t(9)));
    expect(await stayOf('S3')).toMatchObject({ status: 'cancelled' });
    expect(await ingest.standing('S3')).toEqual([]);
    await ingest.send(admit('S3', t(10)));
    expect(await stayOf('S3')).toMatchObject({ status: 'in-progress', icu_from: new Date(ms(t(10))) });
  });

  it('corrects the age when the birth date was wrong, and knows a death without a discharge (A08)', async () => {
    await ingest.send(admit('S4'));
    const { pinSeq } = await ingest.facts('S4');
    await ingest.send(message('ADT^A08', t(9), [pid('S4', { birth: '19700101' }), pv1('VS4', '07')]));
    expect(await values('S4', '30525-0')).toEqual([56]);
    expect(await values('S4', '30525-0', pinSeq)).toEqual([66]);
    await ingest.send(message('ADT^A08', t(10), [pid('S4', { birth: '19700101', died: 'Y' }), pv1('VS4', '07')]));
    expect(await values('S4', 'primum:death')).toEqual([1]);
    await ingest.send(message('ADT^A08', t(11), [pid('S4', { birth: '19700101', died: 'N' }), pv1('VS4', '07')]));
    expect(await values('S4', 'primum:death')).toEqual([]);
  });

  it('swaps two beds (A17)', async () => {
    await ingest.send(admit('S5'), message('ADT^A01', t(8), [pid('S6'), pv1('VS6', '09')]));
    await ingest.send(message('ADT^A17', t(9), [pid('S5'), pv1('VS5', '09'), pid('S6'), pv1('VS6', '07')]));
    expect([(await stayOf('S5')).bed, (await stayOf('S6')).bed]).toEqual(['09', '07']);
    expect((await stayOf('S5')).icu_from).toEqual(new Date(ms(t(8))));
  });

  it('refuses what does not fit, with its reason', async () => {
    await ingest.send(admit('S7'), adt('A13', 'S7', t(9)));
    expect(await lastReason()).toBe('hl7.event-out-of-order');
    await ingest.send(message('ADT^A02', t(9), [pid('S7'), pv1('UNHEARD', '01')]));
    expect(await lastReason()).toBe('hl7.encounter-unknown');
    await ingest.send(adt('A02', 'UNHEARD', t(9)));
    expect(await lastReason()).toBe('hl7.patient-unknown');
  });
});

describe('merges', () => {
  const merge = (survivor: string, prior: string, at = t(12)): string => message('ADT^A40', at, [pid(survivor), ['MRG', [prior, '', '', 'SIMICU', 'MR']]]);
  const unlink = (one: string, other: string): string => message('ADT^A37', t(13), [pid(one), pid(other)]);

  it('links, keeps every fact where it is, and can be undone (A40, A37)', async () => {
    await ingest.send(admit('G1'), result('G1', t(9), [obx('HR', '80', 'bpm')]), admit('G2'), result('G2', t(10), [obx('HR', '90', 'bpm')], 'ORDG2'));
    const before = { one: await ingest.facts('G1'), two: await ingest.facts('G2') };
    const [root1, root2] = [await ingest.rootOf('G1'), await ingest.rootOf('G2')];
    await ingest.send(merge('G1', 'G2'));
    expect(await ingest.rootOf('G2')).toBe(root1);
    expect(await values('G1', '8867-4')).toEqual([80, 90]);
    expect((await changes('G1')).at(-1)).toMatchObject({ kind: 'merge', fromAt: ms(t(6)), toAt: ms(t(12)) });
    expect(await ingest.facts('G1', before.one.pinSeq)).toEqual(before.one);
    const merged = (await ingest.facts('G1')).pinSeq;

    // A correction of the prior patient's result under the survivor's number finds it.
    await ingest.send(message('ORU^R01', t(10), [pid('G1'), obr('ORDG2', t(10)), obx('HR', '95', 'bpm', { status: 'C' })]));
    expect(await values('G1', '8867-4')).toEqual([80, 95]);

    await ingest.send(unlink('G1', 'G2'));
    expect([await ingest.rootOf('G1'), await ingest.rootOf('G2')]).toEqual([root1, root2]);
    expect([await values('G1', '8867-4'), await values('G2', '8867-4')]).toEqual([[80], [95]]);
    expect(await values('G1', '8867-4', merged)).toEqual([80, 90]);
    await ingest.send(merge('G1', 'G2', t(14)));
    expect(await values('G1', '8867-4')).toEqual([80, 95]);
  });

  it('links a number that nobody has used yet, and follows chains', async () => {
    await ingest.send(admit('G3'), merge('G3', 'G4'), result('G4', t(13), [obx('HR', '70', 'bpm')]));
    expect(await values('G3', '8867-4')).toEqual([70]);
    await ingest.send(admit('G5'), merge('G5', 'G3'));
    expect(await values('G5', '8867-4')).toEqual([70]);
    expect(await ingest.rootOf('G4')).toBe(await ingest.rootOf('G5'));
    await ingest.send(unlink('G5', 'G3'));
    expect(await ingest.rootOf('G4')).toBe(await ingest.rootOf('G3'));
    expect(await values('G5', '8867-4')).toEqual([]);
    await ingest.send(unlink('G5', 'G3'));
    expect(await lastReason()).toBe('hl7.merge-conflict');
  });
});

describe('order and lanes', () => {
  it('two appliers at once keep the order within each patient and lose nothing', async () => {
    const patients = Array.from({ length: 20 }, (_, index) => `L${index}`);
    for (const mrn of patients) await ingest.accept(admit(mrn));
    for (let round = 0; round < 6; round += 1) {
      for (const mrn of patients) await ingest.accept(adt('A02', mrn, t(9 + round), {}, `${round}`));
      if (round === 3) for (let index = 0; index < 20; index += 2) await ingest.accept(message('ADT^A17', t(12, 30), [pid(`L${index}`), pv1(`VL${index}`, 'x'), pid(`L${index + 1}`), pv1(`VL${index + 1}`, 'y')]));
    }
    // In small batches: the first of them would take all before the other has begun.
    const [one, two] = [ingest.applier({ maxBatch: 4 }), ingest.applier({ maxBatch: 4 })];
    for (let wait = 0; wait < 1000 && await ingest.backlog.refresh() > 0; wait += 1) await sleep(10);
    await Promise.all([one.close(), two.close()]);
    const rows = await ingest.db.query<{ beds: string[] }>(`
      select array_agg(e.detail->'location'->>'bed' order by e.seq, e.n) as beds
      from stay_event e join stay s on s.tenant = e.tenant and s.id = e.stay_id join patient p on p.tenant = s.tenant and p.id = s.patient_id
      where p.root_id = any($1::uuid[]) group by e.stay_id`, [await Promise.all(patients.map((mrn) => ingest.rootOf(mrn)))]);
    expect(rows).toHaveLength(20);
    for (const { beds } of rows) expect(beds.map((bed) => (bed === 'x' || bed === 'y' ? '*' : bed))).toEqual(['07', '0', '1', '2', '3', '*', '4', '5']);
    expect(one.figures().applied + two.figures().applied).toBe(20 * 7 + 10);
    expect(one.figures().applied).toBeGreaterThan(0);
    expect(two.figures().applied).toBeGreaterThan(0);
  });

  it('moves the site\'s clock by the messages and seals them again under their patient', async () => {
    const [site] = await ingest.db.query<{ anchor_source_at: Date }>('select anchor_source_at from site', []);
    expect(site!.anchor_source_at.getTime()).toBeGreaterThanOrEqual(ms(t(14)));
    const kinds = await ingest.db.query<{ status: string; kind: number }>('select distinct status, get_byte(sealed, 1) as kind from message order by 1, 2', []);
    expect(kinds).toEqual([{ status: 'applied', kind: 1 }, { status: 'applied', kind: 2 }, { status: 'quarantined', kind: 3 }]);
    const [source] = await ingest.db.query<{ received: number }>("select received from source where application = 'SIMADT'", []);
    expect(source!.received).toBeGreaterThan(150);
  });

  it('writes one audit event and one Provenance for each applied message', async () => {
    const [counts] = await ingest.db.query<{ applied: number; events: number; written: number }>(`
      select (select count(*) from message where status = 'applied') as applied,
        (select count(*) from audit_event where action = 'phi.write') as events,
        (select count(*) from resource where type = 'Provenance') as written`, []);
    expect(counts!.events).toBeGreaterThanOrEqual(counts!.applied);
    expect(counts!.written).toBe(counts!.applied);
  });
});
