import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { buildMessage, type SegmentInput } from '@primum/formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum } from '../apps/primum/src/boot.ts';
import { openLog } from '../apps/primum/src/cli/settings.ts';
import { ask, bootForTest, signIn, temporaryHome, type Booted } from './support/booted.ts';
import { framed, sendRaw } from './support/raw-mllp.ts';

/**
 * Values of a patient, each unlike anything else, planted wherever a message or a request can hold one. None of them
 * may be found in a log, in a column in clear, in a file of the data directory or in an acknowledgement.
 */
const planted = {
  family: 'Zyxwquist', given: 'Quillonia', middle: 'Ottoveria', mrn: 'MRN-77310945', otherId: 'SSN-514-88-2207', visit: 'VISIT-6620193',
  street: '19 Canarygrove Lane', city: 'Plantedville', phone: '555-0139-7788', comment: 'patient is an astronaut called Zeb', freeText: 'growth of Quixotica plantarum',
  doctor: 'Grimblethwaite', newName: 'Vandersnoot', newMrn: 'MRN-99120047', dirtyNumber: 'tall-as-a-giraffe', dirtyTime: 'half-past-Tuesday', typed: 'Typedintowrongbox',
} as const;

let primum: Booted;
let log: Awaited<ReturnType<typeof temporaryHome>>;
const answers: string[] = [];
let bodies = '';

const at = '20260601080000';
const header = (type: readonly string[], controlId: string): SegmentInput => ['MSH', ['BENCH'], ['BENCH'], ['PRIMUM'], ['PRIMUM'], at, '', type, controlId, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
const pid = (mrn: string = planted.mrn, family: string = planted.family, birth = '19510907'): SegmentInput => [
  'PID', '1', planted.otherId, [mrn, '', '', 'BENCH', 'MR'], planted.otherId, [family, planted.given, planted.middle], planted.doctor, birth, 'F', planted.given, '',
  [planted.street, '', planted.city, '', '90210'], '', planted.phone, planted.phone,
];
const pv1 = (): SegmentInput => {
  const fields: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
  [fields[0], fields[1], fields[2], fields[6], fields[18], fields[43]] = ['1', 'I', ['ICU', 'ICU', '07'], ['D1', planted.doctor], [planted.visit, '', '', 'BENCH', 'VN'], at];
  return ['PV1', ...fields];
};
const obx = (value: string, type: string, more: { unit?: string; status?: string; at?: string } = {}): SegmentInput =>
  ['OBX', '1', type, [type === 'NM' ? 'HR' : 'COMFORT', planted.comment, 'L'], '', value, more.unit ?? '', '', planted.comment, '', '', more.status ?? 'F', '', '', more.at ?? at, '', planted.doctor];
const nte: SegmentInput = ['NTE', '1', 'L', planted.comment];
const nk1: SegmentInput = ['NK1', '1', [planted.family, planted.given], 'SPO', '', planted.phone];
const oru = (controlId: string, ...segments: readonly SegmentInput[]): string => buildMessage([header(['ORU', 'R01', 'ORU_R01'], controlId), pid(), pv1(), ['OBR', '1', controlId, controlId, ['SET', planted.comment], '', '', at], ...segments]);
const adt = (event: string, controlId: string, ...segments: readonly SegmentInput[]): string => buildMessage([header(['ADT', event, `ADT_${event}`], controlId), ['EVN', event, at, '', '', ['D1', planted.doctor], at], ...segments]);

/** Read and applied. */
const good = (): string[] => [
  adt('A01', 'C1', pid(), nk1, pv1()),
  oru('C2', obx('88', 'NM', { unit: 'bpm' }), nte, obx(planted.freeText, 'ST')),
  adt('A08', 'C3', pid(planted.mrn, planted.newName), pv1()),
  buildMessage([header(['ADT', 'A40', 'ADT_A39'], 'C4'), ['EVN', 'A40', at], pid(planted.mrn, planted.newName), ['MRG', [planted.newMrn, '', '', 'BENCH', 'MR'], '', '', '', '', '', [planted.newName]]]),
  oru('C5', obx('90', 'NM', { unit: 'bpm', status: 'C' }), nte),
];

/** Refused, each at another place. */
const bad = (): (string | Buffer)[] => [
  adt('A99', 'X1', pid(), pv1()),
  adt('A01', 'X2', pv1(), nte),
  adt('A01', 'X3', pid(planted.mrn, planted.family, planted.dirtyTime), pv1()),
  oru('X4', obx(planted.dirtyNumber, 'NM', { unit: 'bpm' })),
  oru('X5', obx('1', 'NM', { at: planted.dirtyTime })),
  oru('X6', obx('1', 'NM', { status: planted.dirtyNumber })),
  oru('X7', obx('77', 'NM', { unit: 'bpm', status: 'D', at: '20260601070000' })),
  oru('X8', obx('80', 'NM', { unit: 'bpm' })).replace('UNICODE UTF-8', planted.city),
  oru('X9', obx('80', 'NM', { unit: 'bpm' })).replace('|BENCH|BENCH|', `|${planted.doctor}|BENCH|`),
  oru('X10', obx('80', 'NM', { unit: 'bpm' })).replaceAll(planted.mrn, planted.newMrn.replace('99', '98')),
  Buffer.concat([Buffer.from(oru('X11', nte)), Buffer.from([0xff])]),
  oru('X12', nte).slice(oru('X12', nte).indexOf('PID|')),
  `${planted.family}^${planted.given}`,
  oru('X13', obx('80', 'NM')).replace('|2.5.1|', `|${planted.phone}|`),
];

beforeAll(async () => {
  log = await temporaryHome();
  primum = await bootForTest({ log: openLog(log.home), ownDatabase: true });
  answers.push(...await primum.send(...good(), ...bad()));
  for (const bytes of [Buffer.from(planted.comment), framed(oru('X14', nte)).subarray(0, -2), framed(`${oru('X15', nte)}NTE|1||${planted.comment.repeat(600_000)}`)]) {
    answers.push(...(await sendRaw(primum.mllpPort, bytes, { count: 1, end: true })).map(({ text }) => text));
  }
  await requests();
});
afterAll(async () => {
  await primum[Symbol.asyncDispose]();
  await log.remove();
});

/** What people type, and reads of the planted patient: the answers may hold the values, no log of them may. */
async function requests(): Promise<void> {
  const of = async (name: string): Promise<string> => {
    const { username, password } = primum.seeded.find(({ role }) => role === name)!; // every role is seeded
    return signIn(primum, username, password);
  };
  const [clinician, integration] = [await of('clinician'), await of('integration-engineer')];
  const [stay] = await primum.core.db.query<{ id: string; patient_id: string }>('select id, patient_id from stay', []);
  const quarantined = await primum.core.db.query<{ id: string }>('select id from message where status = \'quarantined\'', []);
  const paths = ['/api/worklist', `/api/stays/${stay?.id}`, `/api/fhir/Patient/${stay?.patient_id}`, `/api/stays/${encodeURIComponent(planted.family)}`, `/api/worklist?site=${encodeURIComponent(planted.city)}`, `/${encodeURIComponent(planted.family)}`];
  for (const path of paths) bodies += (await ask(primum.httpPort, { path, token: clinician })).text;
  for (const { id } of quarantined) bodies += (await ask(primum.httpPort, { path: `/api/quarantine/${id}`, token: integration })).text;
  bodies += (await ask(primum.httpPort, { path: '/api/feeds', token: integration })).text;
  await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username: planted.typed, password: planted.typed } });
  await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: `{"${planted.typed}` });
}

/** The planted values that stand in some bytes, as they are, in hexadecimal (as a dump writes bytea) or in base64. */
function found(bytes: Buffer | string): string[] {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1');
  return Object.values(planted).filter((value) => text.includes(value) || text.includes(Buffer.from(value).toString('hex')) || text.includes(Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -1)));
}



async function filesUnder(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const nested = await Promise.all(entries.map((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesUnder(path);
    return entry.isFile() ? [path] : [];
  }));
  return nested.flat();
}

describe('planted values of a patient', () => {
  it('were taken in: the clinician sees the name, the engineer the messages', () => {
    expect(answers.filter((answer) => answer.includes('MSA|AA|')).length).toBeGreaterThanOrEqual(good().length);
    for (const value of [planted.newName, planted.mrn, planted.comment, planted.dirtyNumber, planted.dirtyTime, planted.street]) expect(found(bodies)).toContain(value);
  });

  it('stand in no acknowledgement', () => {
    expect(answers.length).toBeGreaterThan(good().length + bad().length);
    // MSH-3, MSH-12 and MSH-4 are echoed by the protocol: two of the bad messages hold a planted value there.
    const own = answers.map((answer) => answer.split('\r').slice(1).join('\r'));
    expect(own.flatMap(found)).toEqual([]);
  });

  it('stand in no log', async () => {
    const texts = await Promise.all([join(log.home, 'primum.log'), join(primum.home, 'postgres.log')].map((file) => readFile(file, 'utf8')));
    expect(texts[0]).toContain('ingest.quarantined');
    expect(texts[0]).toContain('mllp.frame-refused');
    expect(texts.map(found)).toEqual([[], []]);
  });

  it('stand in no column of any table, whatever its type', async () => {
    const tables = await primum.core.db.query<{ name: string }>('select tablename as name from pg_tables where schemaname = \'public\'', []);
    expect(tables.length).toBeGreaterThan(15);
    for (const { name } of tables) {
      const rows = await primum.core.db.query<{ row: string }>(`select t::text as row from ${name} t`, []);
      if (['message', 'resource', 'fact', 'patient', 'stay', 'audit_event'].includes(name)) expect(rows.length).toBeGreaterThan(0);
      expect({ table: name, found: found(rows.map(({ row }) => row).join('\n')) }).toEqual({ table: name, found: [] });
    }
  });

  it('keep the data directory to one Primum, and stand in none of its files', async () => {
    await expect(bootPrimum({ home: primum.home, log: silentLog, httpPort: 0, mllpPort: 0, wardRate: null, console: false })).rejects.toMatchObject({ code: 'store.in-use' });
    await primum.core.db.query('checkpoint', []);
    const files = await filesUnder(primum.home);
    let bytes = 0;
    const leaks: string[] = [];
    for (const file of files) {
      const content = await readFile(file).catch(() => Buffer.alloc(0)); // a temporary file of the server that is gone again
      bytes += content.length;
      for (const value of Object.values(planted)) if (content.includes(value)) leaks.push(`${file.slice(primum.home.length)}: ${value}`);
    }
    expect(leaks).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
    expect(bytes).toBeGreaterThan(20 * 1024 * 1024);
    expect((await stat(join(primum.home, 'keys'))).mode & 0o077).toBe(0);
  });
});
