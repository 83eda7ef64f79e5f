import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock, uuidv7 } from '@primum/base';
import { mintSystemPrincipal, userPrincipal } from '@primum/trust';
import { registerSource } from '../sources/register-source.ts';
import { createTestIngest, facility, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';
import { discardQuarantined, listQuarantine, replayQuarantined, showQuarantined, type QuarantineDeps } from './quarantine.ts';

let ingest: TestIngest;
let deps: QuarantineDeps;
beforeAll(async () => {
  ingest = await createTestIngest();
  deps = { ...ingest, clock: systemClock };
});
afterAll(async () => { await ingest.close(); });

const operator = mintSystemPrincipal('cli:tester');
const result = (mrn: string): string => message('ORU^R01', '20260101090000', [pid(mrn), obr('O1', '20260101090000'), obx('HR', '80', 'bpm')]);
const admit = (mrn: string, application?: string): string => message('ADT^A01', '20260101080000', [pid(mrn), pv1(`V${mrn}`, '07')], application === undefined ? {} : { application });

describe('quarantine', () => {
  it('lists without content, shows with it, audits the look', async () => {
    await ingest.send(result('Q1'));
    const [listed] = await listQuarantine(deps, tenant);
    expect(listed).toMatchObject({ source: 'SIMMON|SIMICU', type: 'ORU^R01', code: 'hl7.patient-unknown', detail: 'PID^1^3' });
    expect(JSON.stringify(listed)).not.toContain('Q1');
    expect((await showQuarantined(deps, operator, tenant, listed!.id)).text).toContain('PID|1||Q1^^^SIMICU^MR');
    const looks = await ingest.db.query("select actor from audit_event where action = 'quarantine.read'", []);
    expect(looks).toEqual([{ actor: expect.stringContaining('cli:tester') }]);
  });

  it('applies a replayed message once its cause is mended', async () => {
    await ingest.send(admit('Q1'));
    const [listed] = await listQuarantine(deps, tenant);
    await replayQuarantined(deps, operator, tenant, listed!.id);
    await ingest.applyAll();
    expect((await ingest.standing('Q1')).find(({ code }) => code === '8867-4')?.value).toBe(80);
    expect(await listQuarantine(deps, tenant)).toEqual([]);
    await expect(replayQuarantined(deps, operator, tenant, listed!.id)).rejects.toMatchObject({ code: 'ingest.quarantine-missing' });
  });

  it('takes a message of a source that was registered meanwhile, by replay or sent again', async () => {
    const [first, second] = [admit('Q2', 'NEWADT'), admit('Q3', 'NEWADT')];
    expect((await ingest.accept(first)).code).toBe('hl7.source-unknown');
    expect((await ingest.accept(second)).code).toBe('hl7.source-unknown');
    const waiting = await listQuarantine(deps, tenant);
    await expect(replayQuarantined(deps, operator, tenant, waiting[1]!.id)).rejects.toMatchObject({ code: 'hl7.source-unknown' });
    await registerSource(ingest.db, { tenant, application: 'NEWADT', facility, siteCode: 'icu', siteName: 'ICU', mapping: 'ward-simulator' });
    await replayQuarantined(deps, operator, tenant, waiting[1]!.id);
    expect((await ingest.accept(second)).ack).toBe('AA');
    await ingest.applyAll();
    expect([(await ingest.standing('Q2')).length > 0, (await ingest.standing('Q3')).length > 0]).toEqual([true, true]);
  });

  it('keeps a discarded message and applies it no more', async () => {
    await ingest.send(result('Q4'));
    const [listed] = await listQuarantine(deps, tenant);
    await discardQuarantined(deps, operator, tenant, listed!.id);
    expect(await listQuarantine(deps, tenant)).toEqual([]);
    expect(await ingest.db.query('select status from message where id = $1', [listed!.id])).toEqual([{ status: 'discarded' }]);
    await expect(replayQuarantined(deps, operator, tenant, listed!.id)).rejects.toMatchObject({ code: 'ingest.quarantine-missing' });
  });

  it('lets only who may', async () => {
    await ingest.send(result('Q5'));
    const [listed] = await listQuarantine(deps, tenant);
    const clinician = userPrincipal({ userId: uuidv7(), username: 'c', role: 'clinician' });
    await expect(showQuarantined(deps, clinician, tenant, listed!.id)).rejects.toMatchObject({ code: 'auth.forbidden' });
    await expect(replayQuarantined(deps, clinician, tenant, listed!.id)).rejects.toMatchObject({ code: 'auth.forbidden' });
    const engineer = userPrincipal({ userId: uuidv7(), username: 'i', role: 'integration-engineer' });
    expect((await showQuarantined(deps, engineer, tenant, listed!.id)).text).toContain('Q5');
  });
});
