import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrimumError, silentLog, systemClock } from '@primum/base';
import { component, parseMessage, segmentNamed } from '@primum/formats';
import { openDb } from '@primum/store';
import { createTestIngest, message, obr, obx, pid, pv1, tenant, type TestIngest } from '../testing/test-ingest.ts';
import { createAcceptor } from './acceptor.ts';

let ingest: TestIngest;
beforeAll(async () => { ingest = await createTestIngest(); });
afterAll(async () => { await ingest.close(); });

const admit = (mrn: string, more: { application?: string } = {}): string => message('ADT^A01', '20260101080000', [pid(mrn), pv1(`V${mrn}`, '07')], more);
const stored = async (): Promise<{ status: string; reason_code: string | null; sealed: Buffer; id: string }[]> =>
  ingest.db.query('select id, status, reason_code, sealed from message order by arrival', []);

describe('accept', () => {
  it('answers AA once the message is stored, a duplicate too, and stores it once', async () => {
    const text = admit('A1');
    expect(await ingest.accept(text)).toEqual({ ack: 'AA', code: '' });
    expect(await ingest.accept(text)).toEqual({ ack: 'AA', code: '' });
    expect((await Promise.all([ingest.accept(text), ingest.accept(text)])).map(({ ack }) => ack)).toEqual(['AA', 'AA']);
    const rows = await stored();
    expect(rows).toHaveLength(1);
    expect((await ingest.keys.open(tenant, rows[0]!.sealed, `message|1|${rows[0]!.id}`)).toString()).toBe(text);
  });

  it('keeps in quarantine what it cannot read, whole, and tells the sender why', async () => {
    const before = (await stored()).length;
    const cases: [bytes: Buffer, ack: string, code: string][] = [
      [Buffer.from('this is no HL7'), 'AR', 'hl7.msh-missing'],
      [Buffer.from(admit('A2', { application: 'STRANGER' })), 'AE', 'hl7.source-unknown'],
      [Buffer.from(message('ADT^A20', '20260101080000', [pid('A2'), pv1('V', '1')])), 'AR', 'hl7.type-unsupported'],
      [Buffer.from(message('ADT^A01', '20260101080000', [pv1('V', '1')])), 'AE', 'hl7.segment-missing'],
      [Buffer.from(message('ADT^A01', '20260101080000', [pid(''), pv1('V', '1')])), 'AE', 'hl7.field-missing'],
      [Buffer.from(message('ORU^R01', '20260101080000', [pid('A2'), obr('1', '20260101'), obx('HR', 'fast', 'bpm')])), 'AE', 'hl7.field-invalid'],
      [Buffer.from(message('ORU^R01', '20260101080000', [pid('A2'), obr('1', '20261301'), obx('HR', '80', 'bpm')])), 'AE', 'hl7.field-invalid'],
      [Buffer.from(admit('A2').replace('UNICODE UTF-8', 'BIG-5')), 'AR', 'hl7.charset-unsupported'],
      [Buffer.concat([Buffer.from(admit('A2')), Buffer.from([0xff])]), 'AE', 'hl7.charset-invalid'],
      [Buffer.from(admit('A2').replace('|2.5.1|', '|9.9|')), 'AR', 'hl7.version-unsupported'],
    ];
    for (const [bytes, ack, code] of cases) {
      const parsed = parseMessage((await ingest.acceptor.accept(bytes, { remote: 'test' })).toString());
      if (!parsed.ok) throw new Error('no acknowledgement');
      expect([component(segmentNamed(parsed.message, 'MSA')!, 1), component(segmentNamed(parsed.message, 'ERR')!, 5)]).toEqual([ack, code]);
    }
    const rows = (await stored()).slice(before);
    expect(rows.map(({ status, reason_code }) => [status, reason_code])).toEqual(cases.map(([, , code]) => ['quarantined', code]));
    for (const [index, [bytes]] of cases.entries()) {
      expect((await ingest.keys.open(tenant, rows[index]!.sealed, `message|1|${rows[index]!.id}`)).equals(bytes)).toBe(true);
    }
    const announced = await ingest.db.query("select 1 from outbox where topic = 'message.quarantined'", []);
    expect(announced).toHaveLength(cases.length);
  });

  it('holds many connections\' messages in few commits, in the order of each', async () => {
    const before = (await stored()).length;
    const texts = Array.from({ length: 200 }, (_, index) => message('ADT^A01', '20260101080000', [pid(`B${index}`), pv1(`VB${index}`, '07')], { control: `ORDER-${String(index).padStart(3, '0')}` }));
    const answers = await Promise.all(texts.map((text) => ingest.accept(text)));
    expect(new Set(answers.map(({ ack }) => ack))).toEqual(new Set(['AA']));
    const rows = await ingest.db.query<{ control_id: string }>('select control_id from message order by arrival offset $1', [before]);
    expect(rows.map(({ control_id }) => control_id)).toEqual(texts.map((_, index) => `ORDER-${String(index).padStart(3, '0')}`));
    const [commits] = await ingest.db.query<{ count: number }>("select count(distinct xmin::text) as count from message where control_id like 'ORDER-%'", []);
    expect(commits!.count).toBeLessThan(10);
  });

  it('acknowledges nothing that the database did not take', async () => {
    const db = await openDb({ url: ingest.url });
    await db.close();
    const acceptor = createAcceptor({ db, keys: ingest.keys, clock: systemClock, log: silentLog, backlog: ingest.backlog, sources: ingest.sources }, { tenant });
    const before = (await stored()).length;
    const parsed = parseMessage((await acceptor.accept(Buffer.from(admit('A9')), { remote: 'test' })).toString());
    if (!parsed.ok) throw new Error('no acknowledgement');
    const err = segmentNamed(parsed.message, 'ERR')!;
    expect([component(segmentNamed(parsed.message, 'MSA')!, 1), component(err, 3)]).toEqual(['AR', '207']);
    expect(await stored()).toHaveLength(before);
  });

  it('says that it is saturated at the bound of waiting messages, and no longer after they were applied', async () => {
    const { createBacklog, roomIn } = await import('./backlog.ts');
    const bounded = createBacklog({ db: ingest.db }, tenant, 150);
    await bounded.refresh();
    expect(bounded.saturated()).toBe(true);
    expect(await roomIn(bounded, { stalledMs: 30, everyMs: 5 })).toBe(false); // nobody applies
    const room = roomIn(bounded, { stalledMs: 20_000, everyMs: 5 });
    await ingest.applyAll();
    expect(await room).toBe(true);
    expect(bounded.saturated()).toBe(false);
  });

  it('applies after a crash what was acknowledged before it', async () => {
    await ingest.accept(admit('CRASH'));
    // Another process, with nothing in memory.
    const keys = await (await import('@primum/trust')).openKeys({ directory: ingest.keyDirectory, tenants: [tenant] });
    const { createApplier } = await import('../apply/applier.ts');
    const applier = createApplier({ ...ingest, keys, clock: systemClock, log: silentLog }, { tenant, pollMs: 20 });
    await applier.idle();
    await applier.close();
    expect((await ingest.standing('CRASH')).length).toBeGreaterThan(3);
  });
});

describe('PrimumError in an acknowledgement', () => {
  it('never holds a value of the message', async () => {
    const acknowledgement = (await ingest.acceptor.accept(Buffer.from(message('ORU^R01', '20260101080000', [pid('SECRETMRN', { name: ['Geheim', 'Gerda'] }), obx('HR', 'schnell', 'bpm')])), { remote: 'test' })).toString();
    for (const secret of ['SECRETMRN', 'Geheim', 'Gerda', 'schnell']) expect(acknowledgement).not.toContain(secret);
    expect(new PrimumError('hl7.field-invalid').code).toBe('hl7.field-invalid');
  });
});
