import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { manualClock, silentLog } from '@primum/base';
import { createSearchIndex, parseCodeTable, readFacts, readPatientFacts, writeResources, type WriteDeps } from '@primum/record';
import { createObjects } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { createAudit, createPolicy, mintSystemPrincipal, openKeys, withPhiReader } from '@primum/trust';
import { createTestCertificates } from '@primum/trust/testing/certificates';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBroker } from './connect-broker.ts';
import { devicePersonalData, waveformObjects } from './device-rights.ts';
import { attachDevice, detachDevice, knowsDevice, listDevices, registerDevice, renewCredential, replayDevice, setDeviceDisabled, type ListedDevice } from './device-registry.ts';
import { listenMqtt, type MqttListener } from './listen-mqtt.ts';
import { startDevices, type Devices } from './start-devices.ts';
import { gapsBetween, readWaveforms } from './waveforms.ts';

const tenant = 1;
const now = Date.UTC(2026, 2, 1, 12);
const at = (minute: number, second = 0): string => new Date(now - 3_600_000 + minute * 60_000 + second * 1_000).toISOString();
const call = { tenant, principal: mintSystemPrincipal('cli:test'), purpose: 'HOPERAT' } as const;
const patients = ['0b5e0000-0000-4000-8000-000000000001', '0b5e0000-0000-4000-8000-000000000002'] as const;

let deps: WriteDeps & { objects: ReturnType<typeof createObjects>; log: typeof silentLog };
let devices: Devices;
let listener: MqttListener;
let close: () => Promise<void>;
let url = '';
let keyDirectory = '';

beforeAll(async () => {
  const database = await createTestDatabase();
  const directory = mkdtempSync(join(tmpdir(), 'primum-devices-'));
  const clock = manualClock(new Date(now));
  const keys = await openKeys({ directory: join(directory, 'keys'), tenants: [tenant] });
  const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
  deps = {
    db: database.db, keys, clock, codes, audit: createAudit({ keys }), policy: createPolicy({ readPatientFacts, demonstration: true }), search: createSearchIndex({ keys }, tenant),
    objects: createObjects(join(directory, 'objects')), log: silentLog,
  };
  [url, keyDirectory] = [database.url, join(directory, 'keys')];
  await writeResources(deps, call, patients.map((id) => ({ kind: 'update', resource: { resourceType: 'Patient', id } })));
  devices = await startDevices(deps, { tenant });
  listener = await listenMqtt({ knows: (id, secret) => knowsDevice(deps, tenant, id, secret), accept: devices.acceptor.accept, log: silentLog }, { host: '127.0.0.1', port: 0, maxPacketBytes: 64 * 1024 });
  close = async () => {
    await listener.close();
    await devices.close();
    await database.drop();
    rmSync(directory, { recursive: true, force: true });
  };
});
afterAll(() => close());

type Registered = { id: string; secret: string };
const register = (keepEveryS = 0): Promise<Registered> => registerDevice(deps, call, { kind: 'monitor', name: 'Bed 4', keepEveryS });
const connect = (device: Registered, port = listener.port): Promise<MqttClient> => connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4, username: device.id, password: device.secret, reconnectPeriod: 0, connectTimeout: 2_000 });
const cut = (client: MqttClient): Promise<never> => new Promise((_, reject) => { client.once('close', () => reject(new Error('cut'))); });
const samples = (...list: readonly object[]): string => JSON.stringify({ samples: list });
const topic = (device: Registered, kind = 'samples'): string => `primum/v1/${device.id}/${kind}`;
async function send(device: Registered, ...messages: readonly (string | Buffer | { kind: string; payload: string | Buffer })[]): Promise<void> {
  const client = await connect(device);
  for (const message of messages) {
    const { kind, payload } = typeof message === 'object' && 'kind' in message ? message : { kind: 'samples', payload: message };
    await client.publishAsync(topic(device, kind), payload, { qos: 1 });
  }
  await client.endAsync();
  await devices.idle();
}
async function listed(device: Registered): Promise<ListedDevice> {
  return (await listDevices(deps, call)).devices.find(({ id }) => id === device.id)!; // every test registers its own
}
/** Codes, values and times on a patient's timeline, of one code. */
async function timeline(patientId: string, code: string): Promise<[number | null, string][]> {
  const { rows } = await readFacts(deps.db, { tenant, rootId: patientId });
  return rows.filter((fact) => fact.code === code).map(({ value, effectiveAt }): [number | null, string] => [value, new Date(effectiveAt).toISOString()]).sort(([, a], [, b]) => (a < b ? -1 : 1));
}

describe('devices over MQTT', () => {
  it('lets in registered devices alone, to their own topics, and takes no subscriber', async () => {
    const [device, other] = [await register(), await register()];
    await expect(connect({ id: device.id, secret: other.secret })).rejects.toThrow(/bad user name|Bad username/i);
    await expect(connect({ id: 'nobody', secret: 'x' })).rejects.toThrow();
    const client = await connect(device);
    const foreign = client.publishAsync(topic(other), samples({ at: at(1), code: 'hr', value: 80 }), { qos: 1 });
    await expect(Promise.race([foreign, cut(client)])).rejects.toThrow(/cut|closed|ECONNRESET/i);
    const listening = await connect(device);
    await expect(listening.subscribeAsync('primum/v1/#', { qos: 1 })).rejects.toThrow();
    await listening.endAsync();
    await setDeviceDisabled(deps, call, device.id, true);
    await expect(connect(device)).rejects.toThrow();
    const { secret } = await renewCredential(deps, call, other.id);
    await expect(connect(other)).rejects.toThrow();
    await (await connect({ id: other.id, secret })).endAsync();
    expect((await listed(other)).received).toBe(0);
  });

  it('puts a sample on whoever the device was on at the sample\'s own time, however late and in whatever order', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[0], from: new Date(at(0)) });
    await attachDevice(deps, call, { id: device.id, patientId: patients[1], from: new Date(at(20)) });
    await send(device,
      samples({ at: at(25), code: 'MDC_ECG_HEART_RATE', value: 91, unit: 'MDC_DIM_BEAT_PER_MIN' }),
      samples({ at: at(5), code: 147842, value: 72 }, { at: at(3), code: '8867-4', value: 70, unit: '/min' }, { at: at(4), code: '8867-4', value: 900, unit: '/min' }),
      { kind: 'senml', payload: JSON.stringify([{ bn: 'urn:dev:mac:0024befffe804ff1:', bt: Date.parse(at(6)) / 1_000, bu: 'beat/min' }, { n: 'hr', v: 74 }, { n: 'hr', t: 60, v: 75 }, { n: 'spo2', u: '%', v: 97 }]) });
    expect(await timeline(patients[0], '8867-4')).toEqual([[70, at(3)], [null, at(4)], [72, at(5)], [74, at(6)], [75, at(7)]]);
    expect(await timeline(patients[0], '59408-5')).toEqual([[97, at(6)]]);
    expect(await timeline(patients[1], '8867-4')).toEqual([[91, at(25)]]);
    const [row] = await deps.db.query<{ sealed: number; applied: number }>("select count(sealed) as sealed, count(*) as applied from device_message where device_id = $1 and status = 'applied'", [device.id]);
    expect(row).toEqual({ sealed: 0, applied: 3 });
  });

  it('stores once what is sent again, and counts QoS 0 as what it is', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[0], from: new Date(at(0)) });
    const message = samples({ at: at(10), code: 'temp', value: 37.2, unit: 'Cel' });
    await send(device, message, message);
    const client = await connect(device);
    await client.publishAsync(topic(device), samples({ at: at(11), code: 'temp', value: 37.4, unit: 'Cel' }), { qos: 0 });
    await client.endAsync();
    while ((await listed(device)).received < 3) await sleep(10);
    await devices.idle();
    expect(await listed(device)).toMatchObject({ received: 3, repeated: 1, atMostOnce: 1, kept: 2, thinned: 0, quarantined: 0 });
    // Another value for the same instant corrects it.
    await send(device, samples({ at: at(10), code: 'temp', value: 37.3, unit: 'Cel' }));
    const values = (await timeline(patients[0], '8310-5')).filter(([, time]) => time === at(10)).map(([value]) => value);
    expect(values).toEqual([37.2, 37.3]);
  });

  it('keeps one sample of an interval and what changes much, and counts the rest', async () => {
    const device = await register(60);
    await attachDevice(deps, call, { id: device.id, patientId: patients[1], from: new Date(at(30)) });
    const beats = Array.from({ length: 120 }, (_, n) => ({ at: at(30, n), code: 'rr', value: n === 90 ? 24 : 16, unit: '/min' }));
    await send(device, samples(...beats.slice(0, 60)), samples(...beats.slice(60)));
    // 16 at the start of each minute, the jump to 24, and back.
    expect(await timeline(patients[1], '9279-1')).toEqual([[16, at(30)], [16, at(31)], [24, at(31, 30)], [16, at(31, 31)]]);
    expect(await listed(device)).toMatchObject({ kept: 4, thinned: 116 });
  });

  it('keeps in quarantine what cannot be read or placed, and applies it once it can', async () => {
    const device = await register();
    await send(device, 'no JSON', samples({ at: '2026-03-01T11:00:00', code: 'hr', value: 1 }), samples({ at: '2099-01-01T00:00:00Z', code: 'hr', value: 66 }),
      { kind: 'senml', payload: '[{"n":"hr","v":70}]' }, samples({ at: at(40), code: 'hr', value: 64 }, { at: at(41), code: 'hr', value: 65 }));
    const reasons = async (): Promise<string[]> => (await listDevices(deps, call)).quarantine.filter(({ deviceId }) => deviceId === device.id).map(({ code, messages }) => `${code} ${messages}`).sort();
    expect(await reasons()).toEqual(['device.not-attached 1', 'device.payload-invalid 1', 'device.time-implausible 1', 'device.time-missing 2']);
    await attachDevice(deps, call, { id: device.id, patientId: patients[1], from: new Date(at(40, 30)) });
    devices.kick();
    await devices.idle();
    // One of the two was measured before: the message stays until that is settled too.
    expect((await timeline(patients[1], '8867-4')).filter(([, time]) => time >= at(40))).toEqual([[65, at(41)]]);
    expect(await reasons()).toContain('device.not-attached 1');
    await expect(attachDevice(deps, call, { id: device.id, patientId: patients[0], from: new Date(at(39)) })).rejects.toMatchObject({ code: 'device.association-conflict' });
    await detachDevice(deps, call, { id: device.id, at: new Date(at(50)) });
    expect(await replayDevice(deps, call, device.id)).toBe(5);
    await devices.idle();
    expect(await reasons()).toEqual(['device.not-attached 1', 'device.payload-invalid 1', 'device.time-implausible 1', 'device.time-missing 2']);
    const stranger = '0b5e0000-0000-4000-8000-00000000dead';
    await devices.acceptor.accept({ topic: `primum/v1/${stranger}/samples`, payload: Buffer.from(samples({ at: at(1), code: 'hr', value: 60 })), qos: 1 });
    await devices.idle();
    expect((await listDevices(deps, call)).quarantine).toContainEqual(expect.objectContaining({ deviceId: stranger, code: 'device.unknown' }));
  });

  it('cuts a connection whose packet is too long, before it is kept', async () => {
    const device = await register();
    const client = await connect(device);
    const sent = client.publishAsync(topic(device), Buffer.alloc(100_000, 0x20), { qos: 1 });
    await expect(Promise.race([sent, cut(client)])).rejects.toThrow(/cut|closed|ECONNRESET/i);
    expect((await listed(device)).received).toBe(0);
  });
});

describe('a listener', () => {
  it('speaks TLS to who trusts its certificate, and no plain text beyond this machine', async () => {
    const mqtt = { knows: (id: string, secret: string) => knowsDevice(deps, tenant, id, secret), accept: devices.acceptor.accept, log: silentLog };
    await expect(listenMqtt(mqtt, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
    await expect(listenMqtt(mqtt, { host: '127.0.0.1', port: listener.port })).rejects.toMatchObject({ code: 'net.port-in-use' });
    const folder = mkdtempSync(join(tmpdir(), 'primum-mqtt-tls-'));
    const certificates = createTestCertificates(folder);
    const secure = await listenMqtt(mqtt, { host: '0.0.0.0', port: 0, tls: certificates.issue('server') });
    const device = await register();
    const options = { protocolVersion: 4, username: device.id, password: device.secret, reconnectPeriod: 0, connectTimeout: 2_000 } as const;
    const client = await connectAsync(`mqtts://localhost:${secure.port}`, { ...options, ca: readFileSync(certificates.caFile) });
    await client.publishAsync(topic(device), samples({ at: at(1), code: 'hr', value: 70 }), { qos: 1 });
    await client.endAsync();
    expect((await listed(device)).received).toBe(1);
    await expect(connectAsync(`mqtts://localhost:${secure.port}`, options)).rejects.toThrow();
    // MQTT 5 is not spoken: the device is told so and not left waiting.
    await expect(connectAsync(`mqtt://127.0.0.1:${listener.port}`, { ...options, protocolVersion: 5 })).rejects.toThrow();
    await secure.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('waveforms', () => {
  it('come back as they were sent, with what is missing, to who may read the patient; erasure removes them', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[0], from: new Date(at(0)) });
    const start = Date.parse(at(15));
    const head = Buffer.from(JSON.stringify({ code: 'MDC_ECG_LEAD_II', start: at(15, 2), periodMs: 4, unit: 'mV', factor: 0.005 }));
    const binary = Buffer.alloc(4 + head.length + 8);
    binary.writeUInt32BE(head.length, 0);
    head.copy(binary, 4);
    for (const [n, value] of [1, -2, -0x8000, 400].entries()) binary.writeInt16LE(value, 4 + head.length + n * 2);
    await send(device, { kind: 'waveform', payload: JSON.stringify({ code: 'MDC_ECG_LEAD_II', start: at(15), periodMs: 4, unit: 'mV', factor: 0.005, data: '0 100 E -100' }) }, { kind: 'waveform', payload: binary },
      { kind: 'waveform', payload: binary }, { kind: 'waveform', payload: JSON.stringify({ code: 'MDC_ECG_LEAD_II', start: at(15), periodMs: 4, data: [1.5] }) });
    expect(await listed(device)).toMatchObject({ kept: 8, repeated: 1, quarantined: 1 });
    const read = (principal: Parameters<typeof withPhiReader>[1]['principal']) => withPhiReader(deps, { tenant, principal, purpose: 'TREAT', action: 'waveform.read', scope: { patientIds: [patients[0]] } },
      (reader) => readWaveforms({ db: deps.db, objects: deps.objects, reader }, { patientIds: [patients[0]], code: 'MDC_ECG_LEAD_II', from: new Date(at(14)), to: new Date(at(16)), maxSamples: 1_000 }));
    const { segments, more } = await read(mintSystemPrincipal('cli:test'));
    expect(more).toBe(false);
    expect(segments.map(({ startAt, values, unit }) => ({ startAt, values, unit }))).toEqual([
      { startAt: start, values: [0, 0.5, null, -0.5], unit: 'mV' }, { startAt: start + 2_000, values: [0.005, -0.01, null, 2], unit: 'mV' },
    ]);
    expect(gapsBetween(segments, start, start + 3_000)).toEqual([{ from: start + 16, to: start + 2_000 }, { from: start + 2_016, to: start + 3_000 }]);
    await expect(read({ kind: 'user', userId: patients[1], username: 'm', role: 'ml-engineer' })).rejects.toMatchObject({ code: 'auth.forbidden' });
    const objects = await waveformObjects(deps.db, tenant, [patients[0]]);
    expect(objects.length).toBe(2);
    expect(await devicePersonalData.remove(deps.db, tenant, [patients[0]])).toMatchObject({ waveform: 2 });
    expect(await devicePersonalData.count(deps.db, tenant, [patients[0]])).toEqual({});
  });
});

describe('an acknowledgement', () => {
  it('comes after the commit: killed in between, the sender has none and sends again; acknowledged ones are all there', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[1], from: new Date(at(0)) });
    const acknowledged: number[] = [];
    let sent = 0;
    for (let round = 0; round < 2; round += 1) {
      const { child, port } = await startListenerProcess();
      const client = await connect(device, port);
      client.on('error', () => undefined);
      const gone = new Promise<void>((resolve) => { client.once('close', () => resolve()); });
      const pump = (async () => {
        while (client.connected) {
          const n = sent;
          sent += 1;
          client.publish(topic(device), samples({ at: at(0, n), code: 'map', value: 60 + n % 40, unit: 'mm[Hg]' }), { qos: 1 }, (error) => { if (error === undefined || error === null) acknowledged.push(n); });
          await sleep(1);
        }
      })();
      await sleep(250);
      child.kill('SIGKILL');
      await gone;
      client.end(true);
      await pump;
    }
    expect(acknowledged.length).toBeGreaterThan(20);
    const rows = await deps.db.query<{ n: number }>("select count(*) as n from device_message where device_id = $1", [device.id]);
    expect(rows[0]!.n).toBeGreaterThanOrEqual(acknowledged.length);
    devices.kick();
    await devices.idle();
    const times = new Set((await timeline(patients[1], '8478-0')).map(([, time]) => time));
    expect(acknowledged.filter((n) => !times.has(at(0, n)))).toEqual([]);
  });

  it('does not come while a commit is held up, and does come afterwards', async () => {
    const device = await register();
    const client = await connect(device);
    let acknowledged = false;
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const { promise: locked, resolve: lockedNow } = Promise.withResolvers<void>();
    const blocking = deps.db.transaction(async (tx) => {
      await tx.query('lock table device_message in exclusive mode');
      lockedNow();
      await held;
    });
    await locked;
    const published = client.publishAsync(topic(device), samples({ at: at(1), code: 'hr', value: 70 }), { qos: 1 }).then(() => { acknowledged = true; });
    await sleep(200);
    expect(acknowledged).toBe(false);
    release();
    await blocking;
    await published;
    expect(acknowledged).toBe(true);
    await client.endAsync();
  });

  it('goes to another broker after the commit too', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[1], from: new Date(at(0)) });
    const { Aedes } = await import('aedes');
    const broker = await Aedes.createBroker();
    const server = createServer(broker.handle).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const brokerUrl = `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`;
    let failures = 2;
    const client = await connectBroker({ log: silentLog, accept: async (message) => {
      failures -= 1;
      if (failures === 1) throw new Error('forced');
      await devices.acceptor.accept(message);
    } }, { url: brokerUrl, protocolVersion: 4 });
    const publisher = await connectAsync(brokerUrl, { protocolVersion: 4 });
    await publisher.publishAsync(topic(device), samples({ at: at(2), code: 'map', value: 111, unit: 'mmHg' }), { qos: 1 });
    while ((await listed(device)).received < 1) await sleep(20);
    await devices.idle();
    expect((await timeline(patients[1], '8478-0')).map(([value]) => value)).toContain(111);
    await publisher.endAsync();
    await client.close();
    await new Promise<void>((resolve) => { broker.close(() => resolve()); });
    server.close();
    await expect(connectBroker({ log: silentLog, accept: async () => undefined }, { url: 'mqtt://broker.example.org' })).rejects.toMatchObject({ code: 'net.plaintext-refused' });
  });
});

const mosquitto = ['/usr/sbin/mosquitto', '/usr/bin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find((path) => existsSync(path));

describe.skipIf(mosquitto === undefined)('a hospital\'s own broker (mosquitto, MQTT 5)', () => {
  it('shares what comes, and keeps what was not stored until it is', async () => {
    const device = await register();
    await attachDevice(deps, call, { id: device.id, patientId: patients[0], from: new Date(at(0)) });
    const folder = mkdtempSync(join(tmpdir(), 'primum-mosquitto-'));
    const port = await freePort();
    writeFileSync(join(folder, 'mosquitto.conf'), `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
    const broker = spawn(mosquitto!, ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' });
    const brokerUrl = `mqtt://127.0.0.1:${port}`;
    const publisher = await reached(() => connectAsync(brokerUrl, { protocolVersion: 5, reconnectPeriod: 0, connectTimeout: 1_000 }));
    try {
      // The first one takes what comes and can store nothing: it acknowledges nothing.
      let tried = 0;
      const failing = await connectBroker({ log: silentLog, accept: async () => { tried += 1; throw new Error('forced'); } }, { url: brokerUrl, sharedGroup: 'primum', connections: 1 });
      const published = Array.from({ length: 40 }, (_, n) => publisher.publishAsync(topic(device), samples({ at: at(50, n), code: 'dbp', value: 50 + n, unit: 'mmHg' }), { qos: 1 }));
      await Promise.all(published);
      while (tried === 0) await sleep(10);
      await failing.close();
      // Its session has what it did not acknowledge; two connections share what comes from now on.
      const storing = await connectBroker({ log: silentLog, accept: devices.acceptor.accept }, { url: brokerUrl, sharedGroup: 'primum', connections: 2 });
      while ((await listed(device)).received < 40) await sleep(20);
      await devices.idle();
      expect((await timeline(patients[0], '8462-4')).map(([value]) => value)).toEqual(Array.from({ length: 40 }, (_, n) => 50 + n));
      await storing.close();
    } finally {
      await publisher.endAsync();
      broker.kill();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // of a host and port
  server.close();
  return port;
}

async function reached<T>(connecting: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await connecting();
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(50);
    }
  }
}

async function startListenerProcess(): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(new URL('../testing/mqtt-worker.ts', import.meta.url), [url, keyDirectory], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [port] = await once(child, 'message') as [number]; // what it sends
  return { child, port };
}
