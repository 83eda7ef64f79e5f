import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '@primum/base';
import { connectMllp, registerSource } from '@primum/ingest';
import { createTestDatabase } from '@primum/store/testing';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import { tenant } from '../apps/primum/src/core.ts';
import { readListeners } from '../apps/primum/src/hl7-listeners.ts';
import { admission, benchSource, type BenchPatient } from '../bench/support/ward-messages.ts';
import { temporaryHome } from './support/booted.ts';

const person: BenchPatient = { mrn: 'HL-1', visit: 'HLV-1', bed: '9', admittedAt: Date.parse('2026-01-05T06:00:00Z') };
const stranger = (id: string): string => admission(person, id).replace('MSH|^~\\&|BENCH|BENCH', 'MSH|^~\\&|NOBODY|NOWHERE');

let place: Awaited<ReturnType<typeof temporaryHome>>;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
const boot = (): Promise<Primum> => bootPrimum({ home: place.home, log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
const settle = (json: unknown): Promise<void> => writeFile(join(place.home, 'listeners.json'), typeof json === 'string' ? json : JSON.stringify(json));

beforeAll(async () => {
  place = await temporaryHome();
  database = await createTestDatabase();
  await mkdir(place.home, { recursive: true });
});
afterAll(async () => {
  await database.drop();
  await place.remove();
});

it('a listener has a port and a source of its own, and is scanned with the others', async () => {
  await settle([{ name: 'lab', port: 0, source: `${benchSource.application}|${benchSource.facility}` }, { name: 'theatre', port: 0, frameSeconds: 1 }]);
  await expect(boot()).rejects.toMatchObject({ code: 'config.invalid' });
  await settle([]);
  const first = await boot();
  await registerSource(first.core.db, { tenant, ...benchSource, clockRate: 0, simulated: true });
  await first.stop();

  await settle([{ name: 'lab', port: 0, source: `${benchSource.application}|${benchSource.facility}` }, { name: 'theatre', port: 0, frameSeconds: 1 }]);
  const primum = await boot();
  try {
    const portOf = (name: string): number => primum.listeners.find((one) => one.name === name)!.port; // listed, or the test fails
    await using main = await connectMllp({ host: '127.0.0.1', port: primum.mllpPort });
    expect(String(await main.send(stranger('HL-A')))).toContain('MSA|AE|HL-A');
    await using lab = await connectMllp({ host: '127.0.0.1', port: portOf('HL7 v2 lab') });
    expect(String(await lab.send(stranger('HL-B')))).toContain('MSA|AA|HL-B');
    await primum.applied();
    const rows = await primum.core.db.query("select m.control_id, m.status, s.application from message m left join source s on s.tenant = m.tenant and s.id = m.source_id order by m.control_id");
    expect(rows).toEqual([{ control_id: 'HL-A', status: 'quarantined', application: null }, { control_id: 'HL-B', status: 'applied', application: benchSource.application }]);

    const slow = connect(portOf('HL7 v2 theatre'), '127.0.0.1');
    slow.on('error', () => undefined).resume();
    slow.write('\x0bMSH|');
    const startedMs = performance.now();
    await once(slow, 'close');
    expect(performance.now() - startedMs).toBeLessThan(10_000);
  } finally {
    await primum.stop();
  }
});

it.each<[what: string, json: unknown, detail: string]>([
  ['no JSON', '[', 'no JSON'],
  ['no list', {}, 'a list'],
  ['a setting that is not known', [{ name: 'a', port: 1, sources: 'A|B' }], '[0].sources'],
  ['no port', [{ name: 'a' }], '[0] needs a name and a port'],
  ['a port that is none', [{ name: 'a', port: 70_000 }], '[0].port'],
  ['a key without its certificate', [{ name: 'a', port: 1, key: 'k.pem' }], '[0] needs certificate and key'],
  ['half a source', [{ name: 'a', port: 1, source: 'A' }], '[0].source'],
  ['one name twice', [{ name: 'a', port: 1 }, { name: 'a', port: 2 }], 'named a'],
])('listeners.json with %s is refused by its place', async (_what, json, detail) => {
  await settle(json);
  expect(() => readListeners(place.home)).toThrow(detail);
});
