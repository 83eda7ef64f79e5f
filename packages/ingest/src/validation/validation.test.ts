import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '@primum/base';
import type { ValidationPolicy } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replayQuarantined } from '../quarantine/quarantine.ts';
import { registerSource } from '../sources/register-source.ts';
import { createTestIngest, facility, message, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const at = '20260105080000';
async function settle(validation: ValidationPolicy): Promise<void> {
  await registerSource(ingest.db, { tenant, application: 'SIMADT', facility, siteCode: 'icu', siteName: 'ICU', mapping: 'ward-simulator', clockRate: 60, simulated: true, validation });
  while ((await ingest.sources.find('SIMADT', facility))?.validation !== validation) await sleep(5); // known a moment later
}
/** A diagnosis whose code holds two blanks in a row, which FHIR's `code` does not allow (FHIR R4, section 2.24.0.1). */
const ill = (mrn: string, code = 'I10  X'): string => message('ADT^A01', at, [pid(mrn), pv1(`V${mrn}`, '1', { admitted: at }), ['DG1', '1', '', [code, 'Hypertension', 'I10'], '', at, 'A']]);
type Kept = { status: string; reason_code: string | null; reason_detail: string | null };
const newest = async (): Promise<Kept | undefined> => (await ingest.db.query<Kept>('select status, reason_code, reason_detail from message order by arrival desc limit 1'))[0];
const rowsOf = async (): Promise<number> => (await ingest.db.query<{ n: number }>('select count(*) as n from resource'))[0]!.n;
const issues = (): Promise<{ expression: string; severity: string; times: number }[]> => ingest.db.query('select expression, severity, times from validation_issue order by expression');

it('a source that is accepted keeps what is not valid, and it is counted by element', async () => {
  expect(await ingest.accept(ill('VA1'))).toEqual({ ack: 'AA', code: '' });
  await ingest.applyAll();
  expect(await newest()).toEqual({ status: 'applied', reason_code: null, reason_detail: null });
  await ingest.send(ill('VA2'));
  expect(await issues()).toEqual([{ expression: 'Condition.code.coding.code', severity: 'error', times: 2 }]);
});

it('a source that is set aside is answered AA and waits with the element and the rule; nothing of it is in the record', async () => {
  await settle('quarantine');
  const before = await rowsOf();
  expect(await ingest.accept(ill('VQ1'))).toEqual({ ack: 'AA', code: '' });
  await ingest.applyAll();
  expect(await newest()).toEqual({ status: 'quarantined', reason_code: 'ingest.validation-failed', reason_detail: 'Condition.code.coding.code: not a valid code' });
  expect(await rowsOf()).toBe(before);
  await ingest.send(ill('VQ2', 'I10'));
  expect(await newest()).toMatchObject({ status: 'applied' });
  expect(await issues()).toEqual([{ expression: 'Condition.code.coding.code', severity: 'error', times: 3 }]);
});

it('a source that is refused is answered AE with the rule, and its message is kept nevertheless', async () => {
  await settle('reject');
  const before = await rowsOf();
  expect(await ingest.accept(ill('VR1'))).toEqual({ ack: 'AE', code: 'ingest.validation-failed' });
  expect(await newest()).toMatchObject({ status: 'quarantined', reason_code: 'ingest.validation-failed' });
  expect(await ingest.accept(ill('VR2', 'I10'))).toEqual({ ack: 'AA', code: '' });
  await ingest.applyAll();
  expect(await newest()).toMatchObject({ status: 'applied' });
  expect(await rowsOf()).toBeGreaterThan(before);
  // Accepted as it is after all: what was set aside is let in.
  await settle('accept');
  const [{ id }] = await ingest.db.query<{ id: string }>("select id from message where status = 'quarantined' order by arrival desc limit 1") as [{ id: string }];
  await replayQuarantined({ ...ingest, clock: systemClock }, mintSystemPrincipal('ingest'), tenant, id);
  await ingest.applyAll();
  expect(await ingest.db.query('select status from message where id = $1', [id])).toEqual([{ status: 'applied' }]);
});

