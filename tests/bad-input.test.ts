import { execFile } from 'node:child_process';
import { cp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { openLog } from '../apps/primum/src/cli/settings.ts';
import { packDirectory, trustedKeysOf } from '../apps/primum/src/models.ts';
import type { ErrorCode } from '@primum/contract';
import { loadPackage } from '@primum/registry';
import { createTestDatabase } from '@primum/store/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admission, results, type BenchPatient } from '../bench/support/ward-messages.ts';
import { ask, bootForTest, signIn, temporaryHome, type Booted } from './support/booted.ts';
import { framed, sendRaw } from './support/raw-mllp.ts';

const admittedAt = Date.UTC(2026, 5, 1, 8);
const patient: BenchPatient = { mrn: 'BAD1', visit: 'BADV1', bed: 'B1', admittedAt };
let turn = 0;
const good = (): string => results(patient, `GOOD${turn += 1}`, { order: `GOOD${turn}`, at: admittedAt + turn * 60_000, sentAt: admittedAt + turn * 60_000, values: [{ code: 'HR', unit: 'bpm', value: 80 }] });

let primum: Booted;
let log: Awaited<ReturnType<typeof temporaryHome>>;

beforeAll(async () => {
  log = await temporaryHome();
  primum = await bootForTest({ log: openLog(log.home) });
  await primum.send(admission(patient, 'A1'));
});
afterAll(async () => {
  await primum[Symbol.asyncDispose]();
  await log.remove();
});

const quarantined = (): Promise<{ id: string; reason_code: string }[]> => primum.core.db.query('select id, reason_code from message where status = \'quarantined\' order by arrival', []);
const kept = async (): Promise<number> => (await primum.core.db.query<{ count: number }>('select count(*) as count from message', []))[0]!.count;

/** The system goes on: it answers HTTP, and the next good message is taken and applied. */
async function expectAlive(): Promise<void> {
  expect((await ask(primum.httpPort, { path: '/api/health' })).body).toMatchObject({ status: 'ok' });
  expect((await sendRaw(primum.mllpPort, framed(good()), { count: 1 }))[0]).toMatchObject({ ack: 'AA', code: '' });
}

describe('bytes that are no frame', () => {
  it.each<[what: string, bytes: () => Buffer, end: boolean, code: ErrorCode]>([
    ['bytes outside a frame', () => Buffer.from('HELLO\r\n'), true, 'hl7.frame-malformed'],
    ['a frame that the next one cuts off', () => Buffer.concat([framed(good()).subarray(0, 60), framed(good())]), false, 'hl7.frame-malformed'],
    ['a frame that the connection ends in', () => framed(good()).subarray(0, -2), true, 'hl7.frame-malformed'],
    ['a frame above the limit', () => framed(`${good()}NTE|1||${'x'.repeat(16 * 1024 * 1024)}\r`), false, 'hl7.frame-oversize'],
  ])('%s: AR with its code, nothing kept of it, the rest goes on', async (_what, bytes, end, code) => {
    const before = await kept();
    const [refusal, ...others] = await sendRaw(primum.mllpPort, bytes(), { count: end || code === 'hl7.frame-oversize' ? 1 : 2, end });
    expect(refusal).toMatchObject({ ack: 'AR', code });
    for (const other of others) expect(other).toMatchObject({ ack: 'AA' });
    expect(await kept()).toBe(before + others.length);
    await expectAlive();
  });
});

describe('a batch', () => {
  it('over a connection is answered by one, each message by itself', async () => {
    const one = (): string => good().replace(/\r?\n/g, '\r');
    const bad = one().replace(/^PID\|.*\r/m, '');
    const before = { kept: await kept(), quarantined: (await quarantined()).length };
    const [answer = ''] = await primum.send(`FHS|^~\\&|A\rBHS|^~\\&|A\r${one()}${bad}${one()}BTS|4\rFTS|1\r`);
    const lines = answer.split('\r').filter((line) => line !== '');
    expect(lines[0]).toMatch(/^BHS\|/);
    expect(lines.filter((line) => line.startsWith('MSA|')).map((line) => line.slice(4, 6))).toEqual(['AA', 'AE', 'AA']);
    expect(lines.at(-1)).toMatch(/^BTS\|3\|BTS-1 says 4, there were 3/);
    expect({ kept: await kept(), quarantined: (await quarantined()).length }).toEqual({ kept: before.kept + 3, quarantined: before.quarantined + 1 });
    await expectAlive();
  });
});

describe('messages that cannot be read', () => {
  it.each<[what: string, content: () => Buffer | string, ack: string, code: ErrorCode]>([
    ['no MSH', () => good().slice(good().indexOf('PID|')), 'AR', 'hl7.msh-missing'],
    ['nothing at all', () => '', 'AR', 'hl7.msh-missing'],
    ['encoding characters that repeat', () => good().replace('^~\\&', '^^\\&'), 'AR', 'hl7.encoding-invalid'],
    ['an unknown type', () => good().replace('ORU^R01^ORU_R01', 'ZZZ^Z99^ZZZ_Z99'), 'AR', 'hl7.type-unsupported'],
    ['an event that is not handled', () => admission(patient, 'A01').replace('ADT^A01', 'ADT^A99'), 'AR', 'hl7.type-unsupported'],
    ['an unknown source', () => good().replace('MSH|^~\\&|BENCH|BENCH', 'MSH|^~\\&|STRANGER|BENCH'), 'AE', 'hl7.source-unknown'],
    ['an unsupported character set', () => good().replace('UNICODE UTF-8', 'BIG-5'), 'AR', 'hl7.charset-unsupported'],
    ['bytes outside the character set', () => Buffer.concat([Buffer.from(good()), Buffer.from([0xff, 0xfe])]), 'AE', 'hl7.charset-invalid'],
    ['a version from nowhere', () => good().replace('|2.5.1|', '|7.7|'), 'AR', 'hl7.version-unsupported'],
    ['no patient', () => good().replace(/PID\|.*?\r/, ''), 'AE', 'hl7.segment-missing'],
    ['no control ID', () => good().replace(/GOOD\d+/, ''), 'AE', 'hl7.field-missing'],
    ['words where a number should be', () => good().replace('|80|', '|eighty|'), 'AE', 'hl7.field-invalid'],
  ])('%s: answered with its code, kept whole in quarantine', async (_what, content, ack, code) => {
    const before = (await quarantined()).length;
    const bytes = content();
    const [answer] = await sendRaw(primum.mllpPort, framed(bytes), { count: 1 });
    expect(answer).toMatchObject({ ack, code });
    const [row, ...others] = (await quarantined()).slice(before);
    expect(others).toEqual([]);
    expect(row?.reason_code).toBe(code);
    const { username, password } = primum.seeded.find(({ role }) => role === 'integration-engineer')!; // every role is seeded
    const shown = await ask(primum.httpPort, { path: `/api/quarantine/${row?.id}`, token: await signIn(primum, username, password) });
    expect(shown.status).toBe(200);
    const { text } = shown.body as { text: string }; // the contract's shape, which another test holds it to
    expect(text).toBe((typeof bytes === 'string' ? bytes : bytes.toString('latin1')).replaceAll('\r', '\n'));
    await expectAlive();
  });

  it('acknowledges what only the record refuses, then keeps it in quarantine with the reason', async () => {
    const unannounced: BenchPatient = { ...patient, mrn: 'NEVER-SEEN', visit: 'NEVER' };
    const cases: [string, ErrorCode][] = [
      [results(unannounced, 'U1', { order: 'U1', at: admittedAt, sentAt: admittedAt, values: [{ code: 'HR', unit: 'bpm', value: 80 }] }), 'hl7.patient-unknown'],
      [results(patient, 'U2', { order: 'NO-SUCH-ORDER', at: admittedAt, sentAt: admittedAt, values: [{ code: 'HR', unit: 'bpm', value: 80 }], status: 'D' }), 'hl7.correction-unmatched'],
    ];
    for (const [text, code] of cases) {
      const answers = await primum.send(text);
      expect(answers[0]).toContain('MSA|AA|');
      expect((await quarantined()).at(-1)?.reason_code).toBe(code);
    }
    await expectAlive();
  });

  it('acknowledges a duplicate and stores it once', async () => {
    const text = good();
    const before = await kept();
    expect((await primum.send(text, text, text)).every((answer) => answer.includes('MSA|AA|'))).toBe(true);
    expect(await kept()).toBe(before + 1);
  });
});

describe('a model package', () => {
  const model = join(packDirectory, 'model');
  const load = (directory: string): Promise<unknown> => loadPackage(directory, { trustedKeys: trustedKeysOf(primum.home) });
  const altered = async (change: (directory: string) => Promise<void>): Promise<unknown> => {
    const { home, remove } = await temporaryHome();
    await cp(model, home, { recursive: true });
    await change(home);
    return load(home).finally(remove);
  };
  const flip = async (file: string): Promise<void> => {
    const bytes = await readFile(file);
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(file, bytes);
  };

  it('that ships is loaded', async () => {
    await expect(altered(async () => undefined)).resolves.toMatchObject({ manifest: { id: 'sepsis' } });
  });

  it('is not loaded with one bit changed or a file gone, whichever it is', async () => {
    for (const file of await readdir(model)) {
      const expected = file === 'manifest.json' || file === 'signature.json' ? /^model\.(signature-invalid|package-invalid)$/ : /^model\.digest-mismatch$/;
      await expect(altered((directory) => flip(join(directory, file)))).rejects.toMatchObject({ code: expect.stringMatching(expected) });
      await expect(altered((directory) => rm(join(directory, file)))).rejects.toMatchObject({ code: 'model.package-invalid' });
    }
  });

  it('is not loaded when its maker is not trusted, or another signature stands there', async () => {
    await expect(loadPackage(model, { trustedKeys: [] })).rejects.toMatchObject({ code: 'model.signature-invalid' });
    await expect(altered(async (directory) => {
      const file = join(directory, 'signature.json');
      const signature = JSON.parse(await readFile(file, 'utf8')) as Record<string, string>; // signature.json: names to texts
      const turned = Object.fromEntries(Object.entries(signature).map(([name, text]) => [name, name === 'signature' ? text.replace(/^./, (first) => (first === 'A' ? 'B' : 'A')) : text]));
      await writeFile(file, JSON.stringify(turned));
    })).rejects.toMatchObject({ code: 'model.signature-invalid' });
  });
});

/** Runs the command as a person would; gives its exit code and what it said. */
function primumCommand(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ code: number; said: string }> {
  const { DATABASE_URL: _url, PRIMUM_HOME: _home, ...rest } = process.env;
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(import.meta.dirname, '..', 'apps', 'primum', 'src', 'main.ts'), ...args], { env: { ...rest, ...env }, timeout: 45_000 }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, said: `${stdout}${stderr}` });
    });
  });
}

describe('a start that cannot be', () => {
  it.each(['http', 'mllp'] as const)('names the %s port that is taken, and leaves its owner alone', async (kind) => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => { taken.once('listening', resolve); });
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const database = await createTestDatabase();
    const { home, remove } = await temporaryHome();
    const { code, said } = await primumCommand(['up', '--home', home, '--no-ward', '--no-console', '--http-port', kind === 'http' ? `${port}` : '0', '--mllp-port', kind === 'mllp' ? `${port}` : '0'], { DATABASE_URL: database.url });
    expect(said).toContain('[net.port-in-use]');
    expect(said).toContain(`--${kind}-port`);
    expect(code).toBe(1);
    taken.close();
    await database.drop();
    await remove();
  });

  it('refuses a database of a newer schema, and changes nothing in it', async () => {
    const database = await createTestDatabase();
    const { home, remove } = await temporaryHome();
    await database.db.query('insert into schema_migration (version, name, digest) values (9999, \'9999_future\', $1)', [Buffer.alloc(32)]);
    const { code, said } = await primumCommand(['up', '--home', home, '--no-ward', '--no-console', '--http-port', '0', '--mllp-port', '0'], { DATABASE_URL: database.url });
    expect(said).toContain('[store.schema-newer]');
    expect(said).toContain('backup');
    expect(code).toBe(1);
    expect(await database.db.query('select count(*) as count from app_user', [])).toEqual([{ count: 0 }]);
    await database.drop();
    await remove();
  });

  it('says that no database answers at DATABASE_URL', async () => {
    const { home, remove } = await temporaryHome();
    const { code, said } = await primumCommand(['up', '--home', home, '--no-ward', '--no-console', '--http-port', '0', '--mllp-port', '0'], { DATABASE_URL: 'postgresql://primum@127.0.0.1:1/primum' });
    expect(said).toContain('[store.unreachable]');
    expect(said).toContain('DATABASE_URL');
    expect(code).toBe(1);
    await remove();
  });

  it('answers a wrong command line with how to ask', async () => {
    for (const args of [['no-such-command'], ['up', '--no-such-option'], ['up', '--http-port', 'eighty'], ['replay', 'not-an-id'], ['quarantine', 'eat'], ['import', 'physionet2019']]) {
      const { code, said } = await primumCommand(args, { PRIMUM_HOME: primum.home, DATABASE_URL: primum.core.db.url });
      expect({ args, code }).toEqual({ args, code: 64 });
      expect(said).toContain('[config.usage]');
      expect(said).toContain('primum --help');
    }
  });
});

describe('an import file', () => {
  it.each([
    ['without a column', 'patient_id,HR\na,80\n', 'import.column-missing'],
    ['that is not there', null, 'import.file-unreadable'],
  ])('%s is refused by name', async (_what, content, code) => {
    const { home, remove } = await temporaryHome();
    const file = `${home}.csv`;
    if (content !== null) await writeFile(file, content);
    const result = await primumCommand(['import', 'physionet2019', file], { PRIMUM_HOME: primum.home, DATABASE_URL: primum.core.db.url });
    expect(result.said).toContain(`[${code}]`);
    expect(result.code).toBe(1);
    await remove();
  });
});
