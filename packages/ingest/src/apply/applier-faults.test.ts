import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDb } from '@primum/store';
import { createTestIngest, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const admit = (mrn: string): string => message('ADT^A01', '20260101080000', [pid(mrn), pv1(`V${mrn}`, '07')]);
const result = (mrn: string, minute: number): string => {
  const at = `2026010109${String(minute).padStart(2, '0')}00`;
  return message('ORU^R01', at, [pid(mrn), obr(`${mrn}-${minute}`, at), obx('HR', String(60 + minute), 'bpm')]);
};
const heartRates = async (mrn: string): Promise<(number | null)[]> => (await ingest.facts(mrn)).rows.filter(({ code }) => code === '8867-4').map(({ value }) => value);

describe('faults while applying', () => {
  it('puts only the guilty message of a batch in quarantine', async () => {
    await ingest.send(...['E1', 'E2', 'E3'].map(admit));
    await ingest.keys.destroy(tenant, { kind: 'patient', patientId: await ingest.rootOf('E2') });
    for (const mrn of ['E1', 'E2', 'E3']) await ingest.accept(result(mrn, 1));
    await ingest.applyAll();
    expect(await ingest.reasons()).toEqual(['ingest.apply-failed']);
    expect([await heartRates('E1'), await heartRates('E2'), await heartRates('E3')]).toEqual([[61], [], [61]]);
  });

  it('waits out a database that cuts its connections: nothing lost, nothing twice, nobody blamed', async () => {
    const before = (await ingest.reasons()).length;
    const patients = Array.from({ length: 12 }, (_, index) => `F${index}`);
    await ingest.send(...patients.map(admit));
    for (let minute = 0; minute < 20; minute += 1) for (const mrn of patients) await ingest.accept(result(mrn, minute));
    const other = await openDb({ url: ingest.url, applicationName: 'saboteur', max: 1 });
    const applier = ingest.applier();
    for (let cut = 0; cut < 8; cut += 1) {
      await sleep(15);
      await other.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test' and datname = current_database()", []);
    }
    for (let wait = 0; wait < 1_000; wait += 1) {
      const [row] = await other.query<{ waiting: number }>("select count(*) as waiting from message where status = 'received'", []);
      if (row!.waiting === 0) break;
      await sleep(10);
    }
    await applier.close();
    await other.close();
    expect((await ingest.reasons()).length).toBe(before);
    for (const mrn of patients) expect(await heartRates(mrn)).toEqual(Array.from({ length: 20 }, (_, minute) => 60 + minute));
  });
});
