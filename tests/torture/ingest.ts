/**
 * A sender streams while the whole process tree is killed with -9, again and again. Every message that was
 * acknowledged must be in the record, once: applied, with the facts it brought, none twice. Every start must succeed.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildMessage, component, formatTs, parseMessage, segmentNamed, type SegmentInput } from '@primum/formats';
import { connectMllp } from '@primum/ingest';
import { openDb, startPostgres } from '@primum/store';
import { silentLog } from '@primum/base';
import { killTree } from './kill-tree.ts';
import type { Torture } from './main.ts';

const root = join(import.meta.dirname, '..', '..');
const beds = 24;
const facility = 'TORTURE';

type Sent = { acknowledged: Set<string>; next: number };

const header = (type: readonly string[], id: string, at: number): SegmentInput =>
  ['MSH', ['SENDER'], [facility], ['PRIMUM'], ['PRIMUM'], ts(at), '', type, id, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
const ts = (at: number): string => formatTs(new Date(at), { offsetMinutes: 0 });

function subject(bed: number, admittedAt: number): SegmentInput[] {
  const fields: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
  fields[1] = 'I';
  fields[2] = ['ICU', 'ICU', String(bed)];
  fields[18] = [`TV${bed}`, '', '', facility, 'VN'];
  fields[43] = ts(admittedAt);
  return [['PID', '1', '', [`T${bed}`, '', '', facility, 'MR'], '', ['Torture', `Bed${bed}`], '', '19600101', 'F'], ['PV1', ...fields]];
}

/** Message n: the first of each bed admits, the others bring one heart rate whose number is n. */
function messageOf(n: number, epoch: number): { id: string; text: string } {
  const bed = n % beds;
  const at = epoch + Math.floor(n / beds) * 60_000;
  const id = `T-${n}`;
  if (n < beds) return { id, text: buildMessage([header(['ADT', 'A01', 'ADT_A01'], id, at), ['EVN', 'A01', ts(at)], ...subject(bed, epoch)]) };
  return {
    id,
    text: buildMessage([header(['ORU', 'R01', 'ORU_R01'], id, at), ...subject(bed, epoch),
      ['OBR', '1', id, id, ['VITALS', 'Vital signs', 'L'], '', '', ts(at)],
      ['OBX', '1', 'NM', ['HR', 'Heart rate', 'L'], '', String(60 + (n % 80)), 'bpm', '', '', '', '', 'F', '', '', ts(at)]]),
  };
}

function start(home: string, mllpPort: number): ChildProcess {
  return spawn(process.execPath, [join(root, 'bin/primum.js'), 'up', '--no-ward', '--no-console', '--home', home, '--http-port', '0', '--mllp-port', String(mllpPort)],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Sends until the connection is lost, 16 unanswered at a time; remembers what was acknowledged. */
async function sendUntilLost(port: number, epoch: number, sent: Sent, again: number[], until: number): Promise<number[]> {
  const unanswered = new Set<number>(again);
  let client;
  try {
    client = await connectMllp({ host: '127.0.0.1', port, pipelining: 16, timeoutMs: 10_000 });
  } catch {
    return again;
  }
  const queue = [...again];
  const sending = new Set<Promise<void>>();
  let lost = false;
  while (!lost && Date.now() < until) {
    const n = queue.shift() ?? sent.next++;
    unanswered.add(n);
    const { id, text } = messageOf(n, epoch);
    const one: Promise<void> = client.send(text).then((answer) => {
      const parsed = parseMessage(answer.toString('utf8'));
      const msa = parsed.ok ? segmentNamed(parsed.message, 'MSA') : undefined;
      if (msa === undefined || component(msa, 1) !== 'AA') return;
      sent.acknowledged.add(component(msa, 2));
      unanswered.delete(n);
      if (component(msa, 2) !== id) throw new Error('an answer was for another message');
    }).catch(() => { lost = true; }).finally(() => sending.delete(one));
    sending.add(one);
    // The admissions are answered before results follow: a result of an unknown patient is quarantined.
    if (n < beds && !queue.some((other) => other < beds) && sent.next >= beds) await Promise.all(sending);
    if (sending.size >= 16) await Promise.race(sending);
  }
  await Promise.all(sending);
  await client.close().catch(() => undefined);
  return [...unanswered].sort((a, b) => a - b);
}

export const runIngestTorture: Torture = async (options) => {
  const kills = Number(options['kills'] ?? 20);
  const home = mkdtempSync(join(process.getuid?.() === 0 ? '/var/tmp' : tmpdir(), 'primum-torture-'));
  const mllpPort = Number(options['mllp-port'] ?? 32_575);
  const epoch = Date.parse('2026-01-01T00:00:00Z');
  const sent: Sent = { acknowledged: new Set(), next: 0 };
  let again: number[] = [];
  const added = spawnSync(process.execPath, [join(root, 'bin/primum.js'), 'source', 'add', '--home', home, '--application', 'SENDER', '--facility', facility, '--mapping', 'ward-simulator'], { cwd: root, stdio: 'inherit' });
  if (added.status !== 0) throw new Error('the source could not be registered');
  let child = start(home, mllpPort);
  let starts = 1;
  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const killAt = Date.now() + 700 + Math.random() * 2_500;
      let up = false;
      const deadline = Date.now() + 120_000;
      let killed = false;
      while (!killed) {
        if (Date.now() > deadline) throw new Error(`start ${starts} did not come up`);
        const before = sent.acknowledged.size;
        const until = up ? killAt : Date.now() + 300;
        again = await sendUntilLost(mllpPort, epoch, sent, again, until);
        up ||= sent.acknowledged.size > before;
        if (child.exitCode !== null) throw new Error(`start ${starts} ended with ${child.exitCode}`);
        if (up && Date.now() >= killAt) {
          // In mid-stream: a last burst goes on while the tree dies.
          const burst = sendUntilLost(mllpPort, epoch, sent, again, Date.now() + 5_000);
          await sleep(30 + Math.random() * 250);
          killTree(child, home);
          again = await burst;
          killed = true;
        } else if (!up) await sleep(50);
      }
      child = start(home, mllpPort);
      starts += 1;
      process.stderr.write(`kill ${kill + 1} of ${kills}: ${sent.acknowledged.size} acknowledged\n`);
    }
    // What was never answered is sent once more, as a sender would.
    const deadline = Date.now() + 60_000;
    while (again.length > 0 && Date.now() < deadline) again = await sendUntilLost(mllpPort, epoch, { ...sent, next: sent.next }, again, Date.now() + 1_000);
    await drained(home);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    return { kills, starts, acknowledged: sent.acknowledged.size, ...(await count(home, sent.acknowledged)) };
  } finally {
    killTree(child, home);
    await sleep(300);
    if (options['keep'] === undefined) rmSync(home, { recursive: true, force: true });
  }
};

/** Waits until nothing that was accepted still waits in its lane. */
async function drained(home: string): Promise<void> {
  const { databaseUrl } = JSON.parse(readFileSync(join(home, 'primum.json'), 'utf8')) as { databaseUrl: string }; // written by primum up
  const db = await openDb({ url: databaseUrl, max: 1 });
  try {
    for (const until = Date.now() + 120_000; Date.now() < until; await sleep(100)) {
      const [row] = await db.query<{ waiting: number }>(`select count(*) as waiting from message where status = 'received'`);
      if (row?.waiting === 0) return;
    }
  } finally {
    await db.close();
  }
}

async function count(home: string, acknowledged: ReadonlySet<string>): Promise<{ lost: number; duplicated: number; not_applied: number; passed: boolean }> {
  const postgres = await startPostgres({ home, log: silentLog });
  const db = await openDb({ url: postgres.connection.url });
  try {
    const rows = await db.query<{ control_id: string; times: number; applied: number; facts: number }>(`
      select m.control_id, count(distinct m.id) as times, count(distinct m.id) filter (where m.status = 'applied') as applied,
             count(f.n) filter (where f.code = '8867-4') as facts
      from message m left join fact f on f.tenant = m.tenant and f.message_id = m.id group by m.control_id`);
    const byId = new Map(rows.map((row) => [row.control_id, row]));
    let lost = 0;
    let duplicated = 0;
    let notApplied = 0;
    for (const id of acknowledged) {
      const row = byId.get(id);
      const brings = Number(id.slice(2)) < beds ? 0 : 1;
      if (row === undefined || row.times === 0) lost += 1;
      else if (row.applied === 0) notApplied += 1;
      else if (row.facts < brings) lost += 1;
      if (row !== undefined && (row.times > 1 || row.facts > brings)) duplicated += 1;
    }
    return { lost, duplicated, not_applied: notApplied, passed: lost === 0 && duplicated === 0 && notApplied === 0 };
  } finally {
    await db.close();
    await postgres.stop();
  }
}
