/**
 * Plants values of persons through every way into a running Primum, good and refused, kills it, starts it again, takes
 * backups and exports, and then looks for each value in every file that all this left: the data directory with its
 * write-ahead log, logs, output of every process, temporary files, backups; as it is, compressed, and in other encodings.
 * Values planted in clear by the torture itself must be found, or it could not have found the others.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectMllp } from '@primum/ingest';
import { openDb, type Db } from '@primum/store';
import { ask } from '../support/booted.ts';
import { framed, sendRaw } from '../support/raw-mllp.ts';
import { createFinder, type Hit } from './canary/find-planted.ts';
import { badMessages, facility, goodMessages } from './canary/messages.ts';
import { plantedPersons, type Planted } from './canary/persons.ts';
import { requestEverywhere } from './canary/requests.ts';
import { scanPlaces, type Place, type Scanned } from './canary/scan-places.ts';
import { command, killServer, printedSignIns, startServer, stopServer, type Bench, type Server } from './canary/server.ts';
import type { Torture } from './main.ts';

/** Columns in clear by design (docs/data-in-clear.md), where a sender or a person decides what stands; no name is planted there. */
const notPlanted = ['MSH-3, 4, 9 and 10', 'OBX-3.1 and OBX-6 of a result without a mapping', 'PV1-3 ward and bed', 'whom an alert is handed to', 'names of staff, groups, clients and contract partners'];

export const runCanary: Torture = async (options) => {
  const count = Number(options['planted'] ?? 200);
  const seed = Number(options['seed'] ?? 1);
  const work = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-canary-'));
  chmodSync(work, 0o711);
  const bench: Bench = { work, home: join(work, 'home'), output: join(work, 'output'), temporary: join(work, 'temporary') };
  for (const folder of [bench.output, bench.temporary, join(work, 'exports')]) mkdirSync(folder);
  const persons = plantedPersons(count, seed);
  const controls = plantedPersons(10, seed + 1_000_000).slice(0, 6).map(({ family, mrn }) => `${family} ${mrn}`);
  const finder = createFinder([...persons.flatMap((person) => Object.values(person)), ...controls]);
  const say = (text: string): void => { process.stderr.write(`${((performance.now() - startedMs) / 1000).toFixed(1)} s  ${text}\n`); };
  const startedMs = performance.now();
  let server: Server | undefined;
  try {
    if (await command(bench, 'source', 'add', '--application', 'CANARY', '--facility', facility, '--mapping', 'ward-simulator') !== 0) throw new Error('the source could not be registered');
    server = await startServer(bench);
    const messages = await sendMessages(server, persons);
    say(`${messages.accepted} of ${messages.sent} messages accepted`);
    const { requests, done } = await sendRequests(server, bench, persons);
    say(`${requests} requests, ${done} carried out`);
    const commands = await runCommands(bench, persons);
    const failedStatements = await failStatements(server, persons);
    say(`${commands} commands, ${failedStatements} failed statements; now it is killed`);
    await killServer(server, bench);
    const places: Place[] = ['home', 'output', 'temporary', 'exports', 'backups', 'key-backups'].map((name) => ({ name, path: join(work, name) }));
    const afterKill = scanPlaces(places, finder);
    server = await startServer(bench);
    await sendMessages(server, persons.slice(0, Math.ceil(count / 10)), 'again');
    const exported = [
      await command(bench, 'backup', '--to', join(work, 'backups')),
      ...await Promise.all([command(bench, 'backup', 'keys', '--out', join(work, 'key-backups')), command(bench, 'audit', 'export', '--out', join(work, 'exports', 'audit')), command(bench, 'backup', 'verify', '--from', join(work, 'backups'))]),
    ];
    say(`backup, its keys, audit export, restore drill: exit codes ${exported.join(', ')}`);
    const { tables, rows } = await scanTables(server, finder, controls);
    plantControls(bench, controls);
    await stopServer(server);
    const atRest = scanPlaces(places, finder);
    say(`${atRest.files} files, ${Math.round(atRest.bytes / 1e6)} MB read`);
    return report({ persons, controls, finder: finder.forms, scans: [afterKill, rows, atRest], counts: { ...messages, requests, requests_carried_out: done, commands, failed_statements: failedStatements, tables }, seconds: (performance.now() - startedMs) / 1000, backedUp: exported[0] === 0 && exported[1] === 0 && exported[3] === 0 });
  } finally {
    if (server !== undefined) await killServer(server, bench).catch(() => undefined);
    if (options['keep'] === undefined) rmSync(work, { recursive: true, force: true });
    else say(work);
  }
};

async function sendMessages({ mllpPort, databaseUrl }: Server, persons: readonly Planted[], again = ''): Promise<{ sent: number; accepted: number }> {
  const counts = { sent: 0, accepted: 0 };
  await using client = await connectMllp({ host: '127.0.0.1', port: mllpPort, pipelining: 16, timeoutMs: 30_000 });
  const send = async (message: string | Buffer): Promise<void> => {
    counts.sent += 1;
    const answer = await client.send(message);
    if (answer.toString().includes('MSA|AA|')) counts.accepted += 1;
  };
  for (const [n, person] of persons.entries()) {
    const good = goodMessages(person, persons[(n + 1) % persons.length]!, n).map((text) => text.replaceAll(`|C${n}-`, `|C${n}${again}-`));
    await Promise.all([...good, ...badMessages(person, n)].map(send));
  }
  // Frames that come in pieces, end in the middle, are too long, or are none.
  const [first] = persons as readonly [Planted];
  const frame = framed(goodMessages(first, first, 0)[1]!);
  for (const bytes of [Buffer.from(first.note), frame.subarray(0, -2), frame.subarray(0, 200), framed(`${frame.toString()}NTE|1||${first.note.repeat(400_000)}`)]) {
    await sendRaw(mllpPort, bytes, { count: 1, end: true }).catch(() => undefined);
    counts.sent += 1;
  }
  const db = await openDb({ url: databaseUrl, max: 1 });
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(100)) {
    const [row] = await db.query<{ waiting: number }>("select count(*) as waiting from message where status = 'received'");
    if (row!.waiting === 0) break;
  }
  await db.close();
  return counts;
}

async function sendRequests({ httpPort, databaseUrl }: Server, bench: Bench, persons: readonly Planted[]): Promise<{ requests: number; done: number }> {
  const tokens: string[] = [];
  for (const { username, password } of printedSignIns(bench)) {
    const answer = await ask(httpPort, { method: 'POST', path: '/api/session', body: { username, password } });
    const token = /^primum_session=([^;]+)/.exec([answer.headers['set-cookie'] ?? []].flat()[0] ?? '')?.[1];
    if (token !== undefined) tokens.push(token);
  }
  if (tokens.length < 7) throw new Error(`${tokens.length} people could sign in`);
  const db = await openDb({ url: databaseUrl, max: 1 });
  const patients = await db.query<{ id: string }>('select id from patient order by id limit 50');
  const quarantined = await db.query<{ id: string }>("select id from message where status = 'quarantined' order by id limit 20");
  await db.close();
  for (const token of tokens) for (const { id } of quarantined.slice(0, 8)) await ask(httpPort, { path: `/api/quarantine/${id}`, token });
  for (const { id } of quarantined.slice(8, 12)) for (const token of tokens) await ask(httpPort, { method: 'POST', path: `/api/quarantine/${id}/replay`, token });
  for (const { id } of quarantined.slice(12, 16)) await command(bench, 'quarantine', 'discard', id);
  return await requestEverywhere(httpPort, tokens, persons, patients.map(({ id }) => id));
}

/** What people mistype on a command line, and files that are none. */
async function runCommands(bench: Bench, persons: readonly Planted[]): Promise<number> {
  const [a, b, c] = persons as readonly [Planted, Planted, Planted];
  const file = join(bench.work, 'no-import.csv');
  writeFileSync(file, `${a.family}|HR|${b.note}\n${c.mrn}|80|${a.street}\n`);
  const tried = [
    [a.family], ['user', 'reset', b.family], ['quarantine', 'show', c.mrn], ['replay', a.note], ['source', 'add', '--application', a.family, '--facility', facility, '--mapping', b.family],
    ['verify', `--${c.family}`], ['import', 'physionet2019', file, '--run', a.mrn], ['import', 'physionet2019', file, '--patients', '2'], ['import', a.family, b.street], ['erase', c.family], ['erase', 'verify', join(bench.work, a.family)],
  ];
  for (let at = 0; at < tried.length; at += 4) await Promise.all(tried.slice(at, at + 4).map((args) => command(bench, ...args)));
  rmSync(file);
  return tried.length;
}

/** Statements that fail with values in them, in each way that PostgreSQL would quote them; and one that spills to disk. */
async function failStatements({ databaseUrl }: Server, persons: readonly Planted[]): Promise<number> {
  const db = await openDb({ url: databaseUrl, max: 2, statementTimeoutMs: 2_000 });
  let failed = 0;
  const fail = async (text: string, values?: readonly unknown[]): Promise<void> => {
    await db.query(text, values).catch(() => { failed += 1; });
  };
  for (const { family, note, mrn, street } of persons.slice(0, 5)) {
    const literal = (value: string): string => `'${value.replaceAll("'", "''")}'`;
    await fail('select $1::int', [family]);
    await fail(`select ${literal(note)}::timestamptz`);
    await fail(`select ${literal(street)}::jsonb`);
    await fail(`select * from "${mrn}"`);
    await fail('insert into tenant (code, name) values ($1, $2)', [mrn, note]); // a row without its key, which PostgreSQL would quote
    await fail(`do $body$ begin raise exception '%', ${literal(family)}; end $body$`);
    await fail(`do $body$ begin raise warning '%', ${literal(family)}; perform 1/0; end $body$`);
    await fail('select pg_sleep(5), $1::text', [note]);
    await fail('select set_config($1, $2, false)', [family, note]);
  }
  // A sort that needs more than it may have on disk, as on a full one.
  await fail(`set temp_file_limit = '64kB'; set work_mem = '64kB'; select count(*) from (select repeat(g::text, 50) as t from generate_series(1, 20000) g order by 1) s`);
  await db.close();
  return failed;
}

/** Every row as text: what PostgreSQL compressed in its files shows here. The last control goes into a table of its own. */
async function scanTables({ databaseUrl }: Server, finder: ReturnType<typeof createFinder>, controls: readonly string[]): Promise<{ tables: number; rows: Scanned }> {
  const db: Db = await openDb({ url: databaseUrl, max: 1 });
  const rows: Scanned = { found: [], files: 0, bytes: 0 };
  try {
    await db.query('create unlogged table canary_control (value text)');
    await db.query('insert into canary_control values ($1)', [controls[1]]);
    await db.query('checkpoint');
    const tables = await db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'");
    for (const { name } of tables) {
      const hits: Hit[] = [];
      // Row by row in pages, so that a large table does not fill the memory.
      for (let offset = 0, page: { row: string }[] = []; offset === 0 || page.length === 5_000; offset += 5_000) {
        page = await db.query<{ row: string }>(`select t::text as row from "${name}" t order by ctid limit 5000 offset ${offset}`);
        const bytes = Buffer.from(page.map(({ row }) => row).join('\n'));
        rows.bytes += bytes.length;
        hits.push(...finder.search(bytes));
      }
      if (hits.length > 0) rows.found.push({ place: 'rows', file: name, hits });
    }
    return { tables: tables.length, rows };
  } finally {
    await db.close();
  }
}

/** One in clear, one in a table (above), then base64, UTF-16, gzip, and a file of another kind in which it is percent-encoded. */
function plantControls({ home, temporary }: Bench, controls: readonly string[]): void {
  writeFileSync(join(home, 'control.txt'), `before ${controls[0]} after`);
  writeFileSync(join(temporary, 'control.b64'), Buffer.from(`x${controls[2]}y`).toString('base64'));
  writeFileSync(join(temporary, 'control.utf16'), Buffer.from(`before ${controls[3]} after`, 'utf16le'));
  writeFileSync(join(home, 'control.bin'), Buffer.concat([Buffer.alloc(1_000, 7), gzipSync(Buffer.from(`before ${controls[4]} after`)), Buffer.alloc(100)]));
  writeFileSync(join(temporary, 'control.url'), `GET /?q=${encodeURIComponent(controls[5]!)} HTTP/1.1`);
}

function report({ persons, controls, finder, scans, counts, seconds, backedUp }: {
  persons: readonly Planted[]; controls: readonly string[]; finder: number; scans: readonly Scanned[]; counts: Record<string, number>; seconds: number; backedUp: boolean;
}): Record<string, unknown> {
  const kindOf = new Map(persons.flatMap((person) => Object.entries(person).map(([kind, value]) => [value, kind] as const)));
  const controlsFound = new Set<string>();
  const places = new Map<string, number>();
  const leaked = new Set<string>();
  for (const { place, file, hits } of scans.flatMap(({ found }) => found)) {
    for (const { value, form } of hits) {
      const kind = kindOf.get(value);
      if (kind === undefined) controlsFound.add(value);
      else {
        leaked.add(value);
        const where = `${place}: ${file}: ${kind} as ${form}`;
        places.set(where, (places.get(where) ?? 0) + 1);
      }
    }
  }
  return {
    planted: kindOf.size, persons: persons.length, found: leaked.size, places: [...places].map(([where, times]) => `${where} (${times})`).slice(0, 100),
    controls: controls.length, control_found: controlsFound.size, forms: finder, ...counts,
    files: scans.reduce((sum, scan) => sum + scan.files, 0), mb_read: Math.round(scans.reduce((sum, scan) => sum + scan.bytes, 0) / 1e6), seconds: Math.round(seconds), not_planted: notPlanted,
    passed: leaked.size === 0 && controlsFound.size === controls.length && backedUp,
  };
}
