import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle, Encounter, Observation, OperationOutcome, Parameters, ParametersParameter, Patient, Subscription } from '@medplum/fhirtypes';
import { mintSystemPrincipal, setClientDisabled } from '@primum/trust';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { silentLog } from '@primum/base';
import { createRecordEvents } from '@primum/record';
import { createTestDatabase } from '@primum/store/testing';
import { tenant } from '../apps/primum/src/core.ts';
import { openFhir } from '../apps/primum/src/fhir.ts';
import { bootPrimum } from '../apps/primum/src/boot.ts';
import { bootForTest, temporaryHome, type Booted } from './support/booted.ts';
import { serviceClient, type ServiceClient } from './support/service-client.ts';

const backport = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-';
let primum: Booted;
let service: ServiceClient;
beforeAll(async () => {
  primum = await bootForTest();
  service = await serviceClient(primum);
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

/** A receiver that keeps what it is sent; `answer` says how it answers. */
type Receiver = { url: string; bundles: Bundle[]; headers: IncomingMessage['headers'][]; answer: (response: ServerResponse) => void; [Symbol.asyncDispose](): Promise<void> };
async function receiver(): Promise<Receiver> {
  const made = { bundles: [] as Bundle[], headers: [] as IncomingMessage['headers'][], answer: (response: ServerResponse): void => void response.writeHead(204).end() };
  const server: Server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      made.bundles.push(JSON.parse(Buffer.concat(parts).toString()) as Bundle);
      made.headers.push(request.headers);
      made.answer(response);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return Object.assign(made, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((done) => { server.close(() => done()); });
    },
  });
}

async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>, what: string, ms = 15_000): Promise<T> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(25)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
  }
  throw new Error(`not in time: ${what}`);
}

const statusOf = (bundle: Bundle): ParametersParameter[] => (bundle.entry?.[0]?.resource as Parameters | undefined)?.parameter ?? [];
const said = (parameters: readonly ParametersParameter[], name: string): string | undefined => {
  const one = parameters.find((parameter) => parameter.name === name);
  return one?.valueCode ?? one?.valueString ?? one?.valueCanonical ?? one?.valueReference?.reference;
};
const typeOf = (bundle: Bundle): string | undefined => said(statusOf(bundle), 'type');
const eventsOf = (bundle: Bundle): { number: number; focus: string | undefined }[] => statusOf(bundle).filter(({ name }) => name === 'notification-event').map(({ part = [] }) => ({ number: Number(said(part, 'event-number')), focus: said(part, 'focus') }));
const numbersOf = (bundles: readonly Bundle[]): number[] => bundles.filter((bundle) => typeOf(bundle) === 'event-notification').flatMap(eventsOf).map(({ number }) => number);

type Wanted = { criteria: string; filters?: string[]; endpoint?: string; content?: string; header?: string[]; timeout?: number; maxCount?: number; channel?: string };
function wanted({ criteria, filters = [], endpoint, content, header, timeout = 2, maxCount, channel = 'rest-hook' }: Wanted): Subscription {
  return {
    resourceType: 'Subscription', status: 'requested', reason: 'test', criteria,
    ...(filters.length === 0 ? {} : { _criteria: { extension: filters.map((valueString) => ({ url: `${backport}filter-criteria`, valueString })) } }),
    channel: {
      type: channel as 'rest-hook', ...(endpoint === undefined ? {} : { endpoint }), payload: 'application/fhir+json', ...(header === undefined ? {} : { header }),
      ...(content === undefined ? {} : { _payload: { extension: [{ url: `${backport}payload-content`, valueCode: content }] } }),
      extension: [{ url: `${backport}timeout`, valueUnsignedInt: timeout }, ...(maxCount === undefined ? [] : [{ url: `${backport}max-count`, valuePositiveInt: maxCount }])],
    },
  } as Subscription; // extensions of primitives have no type
}

async function subscribed(want: Wanted, by = service): Promise<Subscription> {
  const { status, body } = await by.fhir('POST', '/Subscription', wanted(want));
  expect({ status, body }).toMatchObject({ status: 201 });
  return body as Subscription;
}
async function active(id: string, by = service): Promise<void> {
  await until(async () => ((await by.fhir('GET', `/Subscription/${id}`)).body as Subscription).status === 'active', 'active');
}
async function registered(value: string): Promise<string> {
  const patient: Patient = { resourceType: 'Patient', identifier: [{ system: 'urn:test:subscriptions', value }], name: [{ family: 'Winter' }] };
  return ((await service.fhir('POST', '/Patient', patient)).body as Patient).id!;
}
const pulse = (patient: string, code = '8867-4'): Observation => ({
  resourceType: 'Observation', status: 'final', code: { coding: [{ system: 'http://loinc.org', code }] }, subject: { reference: `Patient/${patient}` }, effectiveDateTime: '2026-03-01T10:00:00Z', valueQuantity: { value: 70 },
});
async function observed(patient: string, code?: string): Promise<string> {
  const { status, body } = await service.fhir('POST', '/Observation', pulse(patient, code));
  expect(status).toBe(201);
  return (body as Observation).id!;
}
const codeOf = (body: unknown): string | undefined => (body as OperationOutcome).issue?.[0]?.details?.coding?.[0]?.code;

describe('a subscription', () => {
  it('shakes hands, then tells by id what the topic and its filters let through, in order and numbered', async () => {
    await using hook = await receiver();
    const [patient, other] = [await registered('S1'), await registered('S2')];
    const made = await subscribed({ criteria: 'urn:primum:topic:observation-created', filters: [`Observation?patient=Patient/${patient}`, 'code=http://loinc.org|8867-4'], endpoint: hook.url, header: ['Authorization: Bearer of-theirs'], maxCount: 1 });
    await active(made.id!);
    expect(hook.bundles.map(typeOf)).toEqual(['handshake']);
    expect(hook.headers[0]).toMatchObject({ authorization: 'Bearer of-theirs', 'content-type': 'application/fhir+json; charset=utf-8' });
    const first = await observed(patient);
    await observed(other);
    await observed(patient, '8310-5');
    const second = await observed(patient);
    await until(() => numbersOf(hook.bundles).length === 2, 'two events');
    const told = hook.bundles.filter((bundle) => typeOf(bundle) === 'event-notification');
    expect(told.flatMap(eventsOf)).toEqual([first, second].map((id, n) => ({ number: n + 1, focus: `${primum.url}api/fhir/Observation/${id}` })));
    expect(told[0]).toMatchObject({ type: 'history', entry: [{ request: { method: 'GET', url: `${primum.url}api/fhir/Subscription/${made.id}/$status` } }, { fullUrl: `${primum.url}api/fhir/Observation/${first}`, request: { method: 'POST', url: 'Observation' }, response: { status: '201' } }] });
    expect(told.flatMap(({ entry = [] }) => entry.slice(1)).every(({ resource }) => resource === undefined)).toBe(true);
    await until(async () => (await primum.core.db.query('select 1 from subscription where id = $1 and delivered_number = 2', [made.id])).length > 0, 'done with both');
    const logged = await primum.core.db.query<{ patients: string[] | null; patient_id: string | null }>('select patient_ids as patients, patient_id from audit_event where action = \'subscription.notified\' and actor = $1', [`client:${service.id}`]);
    expect(logged.length).toBe(told.length);
    expect((await service.fhir('DELETE', `/Subscription/${made.id}`)).status).toBe(204);
    expect((await service.fhir('GET', `/Subscription/${made.id}`)).status).toBe(404);
  });

  it('hears of an encounter\'s start once, whatever else changes on it', async () => {
    await using hook = await receiver();
    const patient = await registered('S3');
    const made = await subscribed({ criteria: 'urn:primum:topic:encounter-start', filters: [`Encounter?patient=Patient/${patient}`], endpoint: hook.url, content: 'full-resource' });
    await active(made.id!);
    const encounter: Encounter = { resourceType: 'Encounter', status: 'planned', class: { code: 'IMP' }, subject: { reference: `Patient/${patient}` } };
    const stored = (await service.fhir('POST', '/Encounter', encounter)).body as Encounter;
    for (const change of [{ status: 'in-progress' }, { status: 'in-progress', priority: { text: 'urgent' } }, { status: 'finished' }, { status: 'in-progress' }] as Partial<Encounter>[]) {
      expect((await service.fhir('PUT', `/Encounter/${stored.id}`, { ...stored, ...change })).status).toBe(200);
    }
    await until(() => numbersOf(hook.bundles).length === 2, 'two starts');
    const told = hook.bundles.filter((bundle) => typeOf(bundle) === 'event-notification').flatMap(({ entry = [] }) => entry.slice(1));
    expect(told.map(({ resource, request }) => [(resource as Encounter).status, resource?.meta?.versionId, request?.method])).toEqual([['in-progress', '2', 'PUT'], ['in-progress', '5', 'PUT']]);
    const events = (await service.fhir('GET', `/Subscription/${made.id}/$events?eventsSinceNumber=2&content=id-only`)).body as Bundle;
    expect([typeOf(events), eventsOf(events).map(({ number }) => number), events.entry?.[1]?.resource]).toEqual(['query-event', [2], undefined]);
    await service.fhir('DELETE', `/Subscription/${made.id}`);
  });

  it('is in error while its receiver fails, says so, and loses nothing when it recovers', async () => {
    await using hook = await receiver();
    const patient = await registered('S4');
    const made = await subscribed({ criteria: `Observation?patient=Patient/${patient}&status=final`, endpoint: hook.url, content: 'empty', maxCount: 2 });
    await active(made.id!);
    hook.answer = (response) => void response.writeHead(500).end();
    for (let n = 0; n < 3; n += 1) await observed(patient);
    const failing = 'update subscription set failures = 4, next_attempt_at = null where id = $1 and failures = 1 and leased_until is null returning 1'; // has been so for a while
    await until(async () => (await primum.core.db.query(failing, [made.id])).length > 0, 'a failure');
    const troubled = async (): Promise<Parameters> => ((await service.fhir('GET', `/Subscription/${made.id}/$status`)).body as Bundle).entry![0]!.resource as Parameters; // one subscription
    await until(async () => said((await troubled()).parameter ?? [], 'status') === 'error', 'error');
    expect((await troubled()).parameter).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'error', valueCodeableConcept: { coding: [{ system: 'urn:primum:subscription-reason', code: 'refused' }], text: '3 events wait, 0 were not kept' } })]));
    hook.answer = (response) => void response.writeHead(200).end('{}');
    hook.bundles.length = 0;
    await primum.core.db.query('update subscription set next_attempt_at = null where id = $1', [made.id]);
    await until(() => numbersOf(hook.bundles).length >= 3, 'what waited');
    expect(numbersOf(hook.bundles)).toEqual([1, 2, 3]);
    expect(hook.bundles.flatMap(({ entry = [] }) => entry.slice(1))).toEqual([]);
    await active(made.id!);
    await service.fhir('DELETE', `/Subscription/${made.id}`);
  });

  it('of a receiver that is slow holds up no other', async () => {
    await using slow = await receiver();
    await using quick = await receiver();
    const patient = await registered('S5');
    const criteria = `Observation?patient=Patient/${patient}`;
    const [one, other] = [await subscribed({ criteria, endpoint: slow.url, timeout: 1 }), await subscribed({ criteria, endpoint: quick.url })];
    await active(one.id!);
    await active(other.id!);
    slow.answer = () => undefined;
    for (let n = 0; n < 3; n += 1) await observed(patient);
    await until(() => numbersOf(quick.bundles).length === 3, 'the quick one');
    await until(async () => (await primum.core.db.query('select 1 from subscription where id = $1 and reason = \'no-response\'', [one.id])).length > 0, 'no response');
    // The first attempt holds what there was by then, a later one all of it; none leaves one out.
    await until(() => new Set(numbersOf(slow.bundles)).size === 3, 'all three');
    for (const bundle of slow.bundles) expect(numbersOf([bundle])).toEqual([1, 2, 3].slice(0, numbersOf([bundle]).length));
    await Promise.all([one, other].map(({ id }) => service.fhir('DELETE', `/Subscription/${id}`)));
  });

  it('is refused where it could not be kept to: other addresses, other topics, filters that need a search', async () => {
    const refused = async (want: Wanted): Promise<string | undefined> => codeOf((await service.fhir('POST', '/Subscription', wanted(want))).body);
    const endpoint = 'https://receiver.example/hook';
    expect(await refused({ criteria: 'Observation', endpoint: 'http://receiver.example/hook' })).toBe('subscription.endpoint-refused');
    for (const host of ['10.0.0.7', '169.254.169.254', '[fd00::1]', '[::ffff:10.0.0.7]', '0.0.0.0']) expect(await refused({ criteria: 'Observation', endpoint: `https://${host}/` })).toBe('subscription.endpoint-refused');
    expect(await refused({ criteria: 'Observation', endpoint: 'https://who:pass@receiver.example/' })).toBe('subscription.endpoint-refused');
    expect(await refused({ criteria: 'urn:unknown:topic', endpoint })).toBe('fhir.not-supported');
    expect(await refused({ criteria: 'Observation?date=gt2026-01-01', endpoint })).toBe('fhir.not-supported');
    expect(await refused({ criteria: 'Observation?patient.name=x', endpoint })).toBe('fhir.not-supported');
    expect(await refused({ criteria: 'Observation?no-such=x', endpoint })).toBe('fhir.parameter-unknown');
    expect(await refused({ criteria: 'urn:primum:topic:observation-created', filters: ['date=2026'], endpoint })).toBe('fhir.not-supported');
    expect(await refused({ criteria: 'Observation', endpoint, header: ['Host: else'] })).toBe('fhir.invalid');
    expect(await refused({ criteria: 'Observation', endpoint, channel: 'email' })).toBe('fhir.not-supported');
    const entry = { resource: wanted({ criteria: 'Observation', endpoint }), request: { method: 'POST', url: 'Subscription' } };
    expect((await service.fhir('POST', '', { resourceType: 'Bundle', type: 'transaction', entry: [entry] })).status).toBe(400);
  });
});

describe('the owner of a subscription', () => {
  it('hears of no type that the scopes do not name, and finds nothing of another\'s', async () => {
    const narrow = await serviceClient(primum, { scopes: ['system/Observation.rs', 'system/Subscription.cruds'] });
    expect(codeOf((await narrow.fhir('POST', '/Subscription', wanted({ criteria: 'Encounter', endpoint: 'https://receiver.example/' }))).body)).toBe('auth.scope-insufficient');
    const made = await subscribed({ criteria: 'Observation', endpoint: 'https://receiver.example/' }, narrow);
    for (const path of ['', '/$status', '/$events', '/$get-ws-binding-token']) expect((await service.fhir('GET', `/Subscription/${made.id}${path}`)).status).toBe(404);
    expect((await service.fhir('DELETE', `/Subscription/${made.id}`)).status).toBe(404);
    expect(((await narrow.fhir('GET', '/Subscription')).body as Bundle).total).toBe(1);
    const reader = await serviceClient(primum, { scopes: ['system/Observation.rs'] });
    expect(codeOf((await reader.fhir('POST', '/Subscription', wanted({ criteria: 'Observation', endpoint: 'https://receiver.example/' }))).body)).toBe('auth.scope-insufficient');
  });

  it('is told nothing of a patient whose record is restricted, not even a number', async () => {
    await using hook = await receiver();
    const [patient, other] = [await registered('S6'), await registered('S7')];
    const health = await serviceClient(primum, { purposes: ['HOPERAT'] });
    const made = await subscribed({ criteria: 'Observation', endpoint: hook.url }, health);
    await active(made.id!, health);
    await primum.core.db.query('update patient set restricted = true where id = $1', [patient]);
    await observed(patient);
    const seen = await observed(other);
    await until(() => numbersOf(hook.bundles).length > 0, 'the other');
    expect(hook.bundles.flatMap(eventsOf)).toEqual([{ number: 1, focus: `${primum.url}api/fhir/Observation/${seen}` }]);
    // What was to be told when it was restricted is withheld, and said to those who run the feeds.
    hook.answer = (response) => void response.writeHead(503).end();
    await observed(other);
    await until(async () => (await primum.core.db.query('select 1 from subscription where id = $1 and failures > 0', [made.id])).length > 0, 'a failure');
    await primum.core.db.query('update patient set restricted = true where id = $1', [other]);
    hook.bundles.length = 0;
    hook.answer = (response) => void response.writeHead(204).end();
    await primum.core.db.query('update subscription set next_attempt_at = null where id = $1', [made.id]);
    await until(async () => (await primum.core.db.query('select 1 from subscription where id = $1 and withheld = 1 and delivered_number = last_number', [made.id])).length > 0, 'withheld');
    expect(hook.bundles.flatMap(eventsOf)).toEqual([]);
    await health.fhir('DELETE', `/Subscription/${made.id}`);
  });

  it('that is disabled ends its subscriptions and their sockets', async () => {
    await using hook = await receiver();
    const leaving = await serviceClient(primum);
    const hooked = await subscribed({ criteria: 'Observation', endpoint: hook.url }, leaving);
    await active(hooked.id!, leaving);
    const made = await subscribed({ criteria: 'Observation', channel: 'websocket' }, leaving);
    const socket = await bound(leaving, made.id!);
    await setClientDisabled(primum.core, tenant, mintSystemPrincipal('cli:test'), leaving.id, true);
    expect(await Promise.race([socket.closed, sleep(8_000, 'open')])).toBe(1008);
    expect(await primum.core.db.query('select distinct status, reason from subscription where client_id = $1', [leaving.id])).toEqual([{ status: 'off', reason: 'owner-gone' }]);
    await observed(await registered('S11'));
    await sleep(300);
    expect(hook.bundles.map(typeOf)).toEqual(['handshake']);
  });
});

type Bound = { bundles: Bundle[]; closed: Promise<number>; socket: WebSocket };
async function bound(by: ServiceClient, id: string): Promise<Bound> {
  const { parameter = [] } = (await by.fhir('GET', `/Subscription/${id}/$get-ws-binding-token`)).body as Parameters;
  const socket = new WebSocket(parameter.find(({ name }) => name === 'websocket-url')!.valueUrl!);
  const bundles: Bundle[] = [];
  socket.on('message', (data) => bundles.push(JSON.parse(String(data)) as Bundle));
  const closed = new Promise<number>((done) => { socket.on('close', done); });
  await new Promise<void>((done, fail) => { socket.on('open', done); socket.on('error', fail); });
  socket.send(`bind-with-token: ${said(parameter, 'token')}`);
  await until(() => bundles.length > 0, 'the handshake');
  return { bundles, closed, socket };
}

describe('a web socket', () => {
  it('gets what waited and what comes, and nothing without a good token', async () => {
    const patient = await registered('S8');
    const made = await subscribed({ criteria: 'urn:primum:topic:observation-created', filters: [`patient=Patient/${patient}`], channel: 'websocket' });
    await observed(patient);
    await until(async () => (await primum.core.db.query('select 1 from subscription where id = $1 and last_number = 1', [made.id])).length > 0, 'an event that waits');
    const { bundles, socket, closed } = await bound(service, made.id!);
    await observed(patient);
    await until(() => numbersOf(bundles).length === 2, 'both');
    expect([typeOf(bundles[0]!), ...numbersOf(bundles)]).toEqual(['handshake', 1, 2]);
    socket.close();
    await closed;
    const stranger = new WebSocket(`${primum.url.replace('http', 'ws')}api/fhir/ws`);
    const refused = new Promise<number>((done) => { stranger.on('close', done); });
    stranger.on('open', () => stranger.send('bind-with-token: AAAA'));
    expect(await refused).toBe(1008);
    const elsewhere = new WebSocket(`${primum.url.replace('http', 'ws')}api/fhir/ws`, { headers: { host: 'evil.example' } });
    expect(await new Promise((done) => { elsewhere.on('error', (error) => done(error.message)); })).toContain('403');
    await service.fhir('DELETE', `/Subscription/${made.id}`);
  });
});

describe('delivery', () => {
  it('goes on after a restart where it was, in order', async () => {
    await using hook = await receiver();
    const { home, remove } = await temporaryHome();
    const database = await createTestDatabase();
    const boot = () => bootPrimum({ home, log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
    let taken = 0;
    try {
      const first = await boot();
      try {
        const by = await serviceClient(first);
        const { body } = await by.fhir('POST', '/Subscription', wanted({ criteria: 'Observation', endpoint: hook.url, maxCount: 1, timeout: 60 }));
        await active((body as Subscription).id!, by);
        hook.answer = (response) => { if ((taken += 1) <= 2) response.writeHead(204).end(); }; // then it hangs
        const { body: patient } = await by.fhir('POST', '/Patient', { resourceType: 'Patient', name: [{ family: 'Winter' }] });
        for (let n = 0; n < 4; n += 1) expect((await by.fhir('POST', '/Observation', pulse((patient as Patient).id!))).status).toBe(201);
        await until(() => taken >= 3, 'one that hangs');
        await until(async () => (await first.core.db.query('select 1 from subscription where last_number = 4')).length > 0, 'all of them numbered');
      } finally {
        await first.stop();
      }
      expect([...new Set(numbersOf(hook.bundles))]).toEqual([1, 2, 3]);
      hook.answer = (response) => void response.writeHead(204).end();
      const second = await boot();
      try {
        await until(async () => (await second.core.db.query('select 1 from subscription where delivered_number = 4')).length > 0, 'the rest');
      } finally {
        await second.stop();
      }
      expect(numbersOf(hook.bundles)).toEqual([1, 2, 3, 3, 4]); // the one that nobody confirmed is told again
    } finally {
      await database.drop();
      await remove();
    }
  });

  it('leaves a subscription to the process that holds it, until its time is over: one that was killed keeps it no longer', async () => {
    await using hook = await receiver();
    const { db } = primum.core;
    const patient = await registered('S10');
    const made = await subscribed({ criteria: `Observation?patient=Patient/${patient}`, endpoint: hook.url });
    await active(made.id!);
    await until(async () => (await db.query('select 1 from subscription where id = $1 and leased_until is null', [made.id])).length > 0, 'nobody at it');
    await db.query('update subscription set leased_until = now() + interval \'1500 milliseconds\' where id = $1', [made.id]); // as one does that is killed then
    await observed(patient);
    await until(async () => (await db.query('select 1 from subscription where id = $1 and last_number = 1', [made.id])).length > 0, 'numbered');
    await sleep(300);
    expect(numbersOf(hook.bundles)).toEqual([]);
    await until(() => numbersOf(hook.bundles).length > 0, 'told after that');
    expect(numbersOf(hook.bundles)).toEqual([1]);
    await service.fhir('DELETE', `/Subscription/${made.id}`);
  });

  it('is in error where too many events wait, and counts those that it could not keep', async () => {
    const { core } = primum;
    const patient = await registered('S9');
    const made = await subscribed({ criteria: `Observation?patient=Patient/${patient}`, channel: 'websocket' });
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) ids.push(await observed(patient));
    await until(async () => (await core.db.query('select 1 from subscription where id = $1 and last_number = 3', [made.id])).length > 0, 'three that wait');
    const record = createRecordEvents({ ...core, search: openFhir(core, { entries: [] } as never).search, base: () => primum.url }, tenant, { maxWaiting: 3 }); // its codes are not asked for
    expect(await core.db.transaction((tx) => record(tx, [['Observation', ids[0]!, 1, false]]))).toBe(0);
    const { parameter = [] } = ((await service.fhir('GET', `/Subscription/${made.id}/$status`)).body as Bundle).entry![0]!.resource as Parameters; // one subscription
    expect([said(parameter, 'status'), said(parameter, 'events-since-subscription-start'), parameter.find(({ name }) => name === 'error')?.valueCodeableConcept?.text]).toEqual(['error', '4', '4 events wait, 1 were not kept']);
    const { bundles, socket, closed } = await bound(service, made.id!);
    await until(() => numbersOf(bundles).length === 3, 'those that were kept');
    await until(async () => (await core.db.query('select 1 from subscription where id = $1 and delivered_number = 4 and status = \'active\' and missed = 1', [made.id])).length > 0, 'caught up');
    await observed(patient);
    await until(() => numbersOf(bundles).length === 4, 'the next');
    expect(numbersOf(bundles)).toEqual([1, 2, 3, 5]); // the gap shows
    socket.close();
    await closed;
    await service.fhir('DELETE', `/Subscription/${made.id}`);
  });
});

describe('FHIR over HTTP', () => {
  it('answers who shows a token compressed, and no cookie so; says how many calls are left', async () => {
    const access = await service.token();
    const asked = (headers: Record<string, string>) => fetch(`${primum.url}api/fhir/metadata`, { headers: { 'accept-encoding': 'gzip', ...headers } });
    const answer = await asked({ authorization: `Bearer ${access}` });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(((await answer.json()) as { resourceType: string }).resourceType).toBe('CapabilityStatement');
    expect((await asked({ cookie: 'primum_session=x' })).headers.get('content-encoding')).toBe(null);
    const read = await service.fhir('GET', '/Subscription');
    expect([read.headers.get('ratelimit-policy'), read.headers.get('ratelimit')]).toEqual([expect.stringMatching(/^"calls";q=\d+;w=\d+$/), expect.stringMatching(/^"calls";r=\d+;t=\d+$/)]);
  });
});
