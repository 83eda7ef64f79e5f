import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog, systemClock, uuidv7 } from '@primum/base';
import { createMllpFramer, frameMllp, parseMessage, field } from '@primum/formats';
import { createTestDatabase } from '@primum/store/testing';
import type { Db } from '@primum/store';
import { createAudit, openKeys, type Keys } from '@primum/trust';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listDestinations, listUndelivered, queueHl7, setDestination, stepOutgoing, trimOutgoing } from './outgoing.ts';
import { startSenders } from './start-senders.ts';

const tenant = 1;
let db: Db;
let drop: () => Promise<void>;
let keys: Keys;
let folder: string;
const patientId = uuidv7();
beforeAll(async () => {
  const database = await createTestDatabase();
  [db, drop] = [database.db, database.drop];
  folder = await mkdtemp(join(tmpdir(), 'primum-sending-'));
  keys = await openKeys({ directory: folder, tenants: [tenant] });
  await keys.ensure(tenant, [{ kind: 'patient', patientId }]);
});
afterAll(async () => {
  await drop();
  await rm(folder, { recursive: true, force: true });
});

type Receiver = { port: number; got: { controlId: string; value: string }[]; close(): Promise<void> };
/** Answers each message with what `say` gives: a code, or nothing at all. */
async function receiver(say: (n: number) => string | null): Promise<Receiver> {
  const got: Receiver['got'] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    const framer = createMllpFramer({ maxFrameBytes: 1_000_000 });
    socket.on('data', (chunk) => {
      for (const event of framer.push(chunk)) {
        if (event.kind !== 'frame') continue;
        const parsed = parseMessage(event.bytes.toString(), { charset: 'UNICODE UTF-8' });
        if (!parsed.ok) throw new Error('a message that does not parse was sent');
        const [msh, obx] = ['MSH', 'OBX'].map((name) => parsed.message.segments.find((segment) => segment.name === name)!);
        const controlId = field(msh!, 10);
        got.push({ controlId, value: field(obx!, 5) });
        const code = say(got.length);
        if (code !== null) socket.write(frameMllp(`MSH|^~\\&|EHR|NORTH|PRIMUM|PRIMUM|20260101||ACK|A${got.length}|P|2.5.1\rMSA|${code}|${controlId}\r`));
      }
    });
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    port: (server.address() as AddressInfo).port, got,
    close: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    }),
  };
}
const destination = (name: string, port: number) => setDestination(db, tenant, { name, host: '127.0.0.1', port, tls: false, caFile: null, application: 'EHR', facility: 'NORTH', timeoutMs: 400 });
const queue = (to: string, value: string) => db.transaction((tx) => queueHl7(tx, keys, tenant, to, { type: ['ORU', 'R01', 'ORU_R01'], patientId, at: new Date(), segments: [['PID', '1', '', ['4711', '', '', 'NORTH', 'MR']], ['OBX', '1', 'ST', ['X', 'X', 'L'], '', value]] }));
const senders = () => startSenders({ db, keys, audit: createAudit({ keys }), clock: systemClock, log: silentLog }, tenant);
async function until(done: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await done()) return;
    await sleep(30);
  }
  throw new Error('not in time');
}
const stateOf = async (name: string) => (await listDestinations(db, tenant)).find((one) => one.name === name)!;

describe('sending HL7 v2', () => {
  it('keeps the order of the queue, one in flight, and forgets what was taken', async () => {
    await using stack = new AsyncDisposableStack();
    const ehr = await receiver(() => 'AA');
    stack.defer(() => ehr.close());
    await destination('ehr', ehr.port);
    for (let n = 0; n < 20; n += 1) await queue('ehr', `value ${n}`);
    const [sealed] = await db.query<{ sealed: Buffer }>("select sealed from outgoing_message where status = 'queued' limit 1", []);
    expect(sealed!.sealed.toString('latin1')).not.toContain('4711');
    const running = senders();
    stack.defer(() => running.close());
    await until(async () => (await stateOf('ehr')).queued === 0);
    expect(ehr.got.map(({ value }) => value)).toEqual(Array.from({ length: 20 }, (_, n) => `value ${n}`));
    expect(await db.query("select from outgoing_message where sealed is not null and status = 'acknowledged'", [])).toEqual([]);
    const events = await db.query<{ patient_id: string }>("select patient_id from audit_event where action = 'message.sent'", []);
    expect(events.length).toBe(20);
  });

  it('sends again under the same control ID what was not answered, whoever goes on with it', async () => {
    await using stack = new AsyncDisposableStack();
    let deaf = true;
    const lab = await receiver(() => (deaf ? null : 'AA'));
    stack.defer(() => lab.close());
    await destination('lab', lab.port);
    const { controlId } = await queue('lab', 'first');
    await queue('lab', 'second');
    const first = senders();
    await until(() => lab.got.length >= 2);
    await first.close();
    expect(new Set(lab.got.map((one) => one.controlId))).toEqual(new Set([controlId]));
    deaf = false;
    const second = senders();
    stack.defer(() => second.close());
    await db.query('update destination set next_attempt_at = null, leased_until = null', []);
    await until(async () => (await stateOf('lab')).queued === 0);
    expect(lab.got.at(-1)!.value).toBe('second');
    expect(lab.got.filter(({ value }) => value === 'second')).toHaveLength(1);
  });

  it('outlives the process that sends: killed between sending and answer, every message arrives, in order', async () => {
    await using stack = new AsyncDisposableStack();
    let answering = 3;
    const icu = await receiver((n) => (n <= answering ? 'AA' : null));
    stack.defer(() => icu.close());
    await destination('icu', icu.port);
    await db.query("update destination set timeout_ms = 30000 where name = 'icu'", []);
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) ids.push((await queue('icu', `value ${n}`)).controlId);
    const child = fork(new URL('../testing/sender-worker.ts', import.meta.url), [db.url, folder], { execArgv: [] });
    await until(() => icu.got.length === 4);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect((await stateOf('icu')).queued).toBe(3);
    answering = 100;
    // As if the dead process's lease had run out.
    await db.query("update destination set leased_until = now() where name = 'icu'", []);
    const running = senders();
    stack.defer(() => running.close());
    await until(async () => (await stateOf('icu')).queued === 0);
    expect(icu.got.map(({ controlId }) => controlId)).toEqual([...ids.slice(0, 4), ...ids.slice(3)]);
  });

  it('stops at once although a receiver does not answer', async () => {
    await using stack = new AsyncDisposableStack();
    const deaf = await receiver(() => null);
    stack.defer(() => deaf.close());
    await destination('deaf', deaf.port);
    await db.query("update destination set timeout_ms = 30000 where name = 'deaf'", []);
    await queue('deaf', 'x');
    const running = senders();
    await until(() => deaf.got.length === 1);
    const from = performance.now();
    await running.close();
    expect(performance.now() - from).toBeLessThan(5_000);
    expect((await stateOf('deaf')).queued).toBe(1);
    await db.query("update destination set disabled_at = now() where name = 'deaf'", []);
  });

  it('puts aside what is refused, and what fails again and again; says so, and puts it back when asked', async () => {
    await using stack = new AsyncDisposableStack();
    const answers = new Map<string, string>();
    const pacs = await receiver((n) => answers.get(pacs.got[n - 1]!.value) ?? 'AA');
    stack.defer(() => pacs.close());
    await destination('pacs', pacs.port);
    answers.set('bad', 'AR').set('sick', 'AE');
    for (const value of ['bad', 'good', 'sick', 'late']) await queue('pacs', value);
    const running = senders();
    stack.defer(() => running.close());
    const hurry = setInterval(() => void db.query("update destination set next_attempt_at = null where name = 'pacs'", []), 50);
    stack.defer(() => clearInterval(hurry));
    await until(async () => (await stateOf('pacs')).queued === 0);
    expect((await listUndelivered(db, tenant)).map(({ destination: to, status, code, attempts }) => ({ to, status, code, attempts }))).toEqual([{ to: 'pacs', status: 'refused', code: 'AR', attempts: 1 }, { to: 'pacs', status: 'failed', code: 'AE', attempts: 5 }]);
    expect(pacs.got.map(({ value }) => value)).toEqual(['bad', 'good', 'sick', 'sick', 'sick', 'sick', 'sick', 'late']);
    answers.clear();
    const [refused] = await listUndelivered(db, tenant);
    expect(await db.transaction((tx) => stepOutgoing(tx, tenant, refused!.id, 'requeue', null))).toBe(true);
    running.kick();
    await until(() => pacs.got.at(-1)!.value === 'bad');
    await until(async () => (await stateOf('pacs')).queued === 0);
    // Given up: its content goes at once, its row with those that were taken, after a month.
    const [failed] = await listUndelivered(db, tenant);
    expect(await db.transaction((tx) => stepOutgoing(tx, tenant, failed!.id, 'discard', null))).toBe(true);
    expect(await db.transaction((tx) => stepOutgoing(tx, tenant, failed!.id, 'requeue', null))).toBe(false);
    expect(await listUndelivered(db, tenant)).toEqual([]);
    expect(await db.query('select status, sealed from outgoing_message where id = $1', [failed!.id])).toEqual([{ status: 'discarded', sealed: null }]);
    expect(await trimOutgoing(db, tenant)).toBe(0);
    await db.query("update outgoing_message set done_at = now() - interval '31 days' where id = $1", [failed!.id]);
    expect(await trimOutgoing(db, tenant)).toBe(1);
  });

  it('sends a segment as it stands, with its escapes and repetitions, and never two under one control ID', async () => {
    await using stack = new AsyncDisposableStack();
    const his = await receiver(() => 'AA');
    stack.defer(() => his.close());
    await destination('his', his.port);
    const value = 'a\\T\\b^c&d~e\\S\\f';
    const at = new Date();
    for (let n = 0; n < 300; n += 1) await db.transaction((tx) => queueHl7(tx, keys, tenant, 'his', { type: ['ORU', 'R01'], patientId: null, at, segments: [`OBX|1|ST|X||${value}`] }));
    const running = senders();
    stack.defer(() => running.close());
    await until(() => his.got.length === 300);
    expect(new Set(his.got.map((one) => one.value))).toEqual(new Set([value]));
    expect(new Set(his.got.map(({ controlId }) => controlId)).size).toBe(300);
    expect(his.got.every(({ controlId }) => /^[0-9a-f]{20}$/.test(controlId))).toBe(true);
  });

  it('sends nothing of an erased patient, and refuses plain text beyond this machine', async () => {
    await expect(setDestination(db, tenant, { name: 'far', host: '10.1.2.3', port: 2575, tls: false, caFile: null, application: '', facility: '', timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
    await expect(queue('nowhere', 'x')).rejects.toMatchObject({ code: 'sending.destination-unknown' });
    await using stack = new AsyncDisposableStack();
    const ris = await receiver(() => 'AA');
    stack.defer(() => ris.close());
    await destination('ris', ris.port);
    const erased = uuidv7();
    await keys.ensure(tenant, [{ kind: 'patient', patientId: erased }]);
    await db.transaction((tx) => queueHl7(tx, keys, tenant, 'ris', { type: ['ADT', 'A08'], patientId: erased, at: new Date(), segments: [['OBX', '1', 'ST', 'X', '', 'gone']] }));
    await keys.destroy(tenant, { kind: 'patient', patientId: erased });
    await queue('ris', 'other');
    const running = senders();
    stack.defer(() => running.close());
    await until(async () => (await stateOf('ris')).queued === 0);
    expect(ris.got.map(({ value }) => value)).toEqual(['other']);
    expect(await db.query("select action, patient_id from audit_event where action like 'message.%' and patient_id = $1", [erased])).toEqual([{ action: 'message.not-delivered', patient_id: erased }]);
  });
});
