import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createLog, systemClock } from '@primum/base';
import { createAcceptor, createApplier, createBacklog, createSourceDirectory, listenMllp, loadMappings, registerSource } from '@primum/ingest';
import { createValidator, parseCodeTable } from '@primum/record';
import { createObjects, createSequencer, migrate, openDb, startPostgres } from '@primum/store';
import { createAudit, openKeys } from '@primum/trust';

const tenant = 1;

/**
 * Messages per second over real MLLP sockets from a sender in a process of its own, four ORU^R01 of 8 OBX to one ADT^A08
 * (`--mix oru`: ORU^R01 alone), each committed and
 * fsynced before its AA. Two bursts (1 and 16 connections, one message in flight each) while the applier works beside
 * them, and the steady state: the bound of waiting messages holds the sender back to what is applied.
 */
export async function runHl7Ingest(options: Readonly<Record<string, string>> = {}): Promise<Record<string, number>> {
  const seconds = Number(options['seconds'] ?? 10);
  const log = createLog((line) => process.stderr.write(line), 'warn');
  const home = mkdtempSync(join(tmpdir(), 'primum-bench-'));
  chmodSync(home, 0o711); // PostgreSQL's user must get through
  const postgres = await startPostgres({ home: join(home, 'primum'), log });
  try {
    const db = await openDb({ url: postgres.connection.url });
    await migrate(db);
    const keys = await openKeys({ directory: join(home, 'keys'), tenants: [tenant] });
    const codes = parseCodeTable(JSON.parse(readFileSync(new URL('../packs/sepsis/codes.json', import.meta.url), 'utf8')));
    const mappings = await loadMappings(codes);
    const validator = createValidator();
    for (const application of ['BENCHADT', 'BENCHMON']) {
      await registerSource(db, { tenant, application, facility: 'BENCH', siteCode: 'bench', siteName: 'Bench', mapping: 'ward-simulator', clockRate: 0, simulated: true });
    }
    const shared = { db, keys, objects: createObjects(join(home, 'objects')), clock: systemClock, log, sources: createSourceDirectory({ db, now: Date.now }, tenant) };
    const sequencer = createSequencer({ db, log });

    const phase = async (connections: number, bound: number, run: string): Promise<{ acceptedPerS: number; appliedPerS: number; left: number }> => {
      const backlog = createBacklog({ db }, tenant, bound);
      const applier = createApplier({ ...shared, audit: createAudit({ keys }), codes, mappings, backlog, validator, onCommitted: () => sequencer.kick() }, { tenant });
      const acceptor = createAcceptor({ ...shared, backlog, onCommitted: () => applier.kick() }, { tenant });
      const listener = await listenMllp({ accept: acceptor.accept, saturated: acceptor.saturated, log }, { host: '127.0.0.1', port: 0 });
      const sending = send(listener.port, connections, seconds, run, options['mix'] ?? 'mixed');
      // From the first message on: the sender's process takes its time to start.
      while (acceptor.figures().accepted === 0) await Promise.race([sleep(2), sending]);
      const before = performance.now();
      const { accepted, refused, seconds: took } = await sending;
      if (refused > 0) throw new Error(`${refused} messages were refused`);
      const appliedPerS = applier.figures().applied / ((performance.now() - before) / 1000);
      const left = await backlog.refresh();
      process.stderr.write(`${run}: ${connections} connections, ${Math.round(accepted / took)} accepted/s, ${Math.round(appliedPerS)} applied/s, ${left} left waiting\n`);
      await applier.idle();
      await listener.close();
      await acceptor.close();
      await applier.close();
      return { acceptedPerS: Math.round(accepted / took), appliedPerS: Math.round(appliedPerS), left };
    };

    const one = await phase(1, 100_000, 'one');
    const sixteen = await phase(16, 100_000, 'sixteen');
    const steady = await phase(16, 300, 'steady');
    const lost = await db.query<{ status: string; count: number }>('select status, count(*) as count from message group by status', []);
    process.stderr.write(`${JSON.stringify(lost)}\n`);
    await sequencer.close();
    await db.close();
    return {
      accepted_per_s_1: one.acceptedPerS,
      accepted_per_s_16: sixteen.acceptedPerS,
      applied_per_s: Math.min(steady.acceptedPerS, steady.appliedPerS),
      applied_per_s_during_burst_of_16: sixteen.appliedPerS,
      waiting_after_burst_of_16: sixteen.left,
    };
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function send(port: number, connections: number, seconds: number, run: string, mix: string): Promise<{ accepted: number; refused: number; seconds: number }> {
  const script = fileURLToPath(new URL('./support/hl7-sender.ts', import.meta.url));
  const child = spawn(process.execPath, [script, String(port), String(connections), String(seconds), '48', run, mix], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('the sender failed');
  return JSON.parse(said) as { accepted: number; refused: number; seconds: number }; // our own script's last line
}
