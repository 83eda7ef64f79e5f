import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestIngest, message, ms, obr, obx, pid, pv1, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const admit = (mrn: string, at = '20260101080000'): string => message('ADT^A01', at, [pid(mrn), pv1(`V${mrn}`, '07', { admitted: '20260101060000' })]);
const result = (mrn: string, at: string, results: Parameters<typeof message>[2], order = `O${mrn}${at}`): string =>
  message('ORU^R01', at, [pid(mrn), pv1(`V${mrn}`, '07'), obr(order, at), ...results]);
const brief = (facts: { code: string; value: number | null; status: string }[]): unknown[] => facts.map(({ code, value, status }) => [code, value, status]);

describe('admission and results', () => {
  it('makes patient, stay and facts from an A01 and an ORU', async () => {
    await ingest.send(admit('M1'), result('M1', '20260101090000', [obx('HR', '88', 'bpm'), obx('TEMP', '37.50', 'C'), obx('FIO2', '40', '%')]));
    expect(await ingest.reasons()).toEqual([]);
    const facts = await ingest.standing('M1');
    expect(facts.map(({ code, value, text, effectiveAt }) => [code, value, text, effectiveAt])).toEqual([
      ['30525-0', 66, undefined, ms('20260101060000')],
      ['46098-0', 0, undefined, ms('20260101060000')],
      ['primum:hospital-admit', 1, undefined, ms('20260101060000')],
      ['primum:icu-admit', 1, undefined, ms('20260101080000')],
      ['primum:unit', null, 'MICU', ms('20260101080000')],
      ['8867-4', 88, '88', ms('20260101090000')],
      ['8310-5', 37.5, '37.50', ms('20260101090000')],
      ['3150-6', 0.4, undefined, ms('20260101090000')],
    ]);
    const stays = await ingest.db.query('select status, ward, bed, icu, icu_from, admitted_at from stay', []);
    expect(stays).toEqual([{ status: 'in-progress', ward: 'ICU', bed: '07', icu: true, icu_from: new Date('2026-01-01T08:00:00Z'), admitted_at: new Date('2026-01-01T06:00:00Z') }]);
  });
});
