import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock } from '@primum/base';
import { createSequencer, migrate, openDb, startPostgres } from '@primum/store';
import { createAudit, mintSystemPrincipal, openKeys, outsideDirectory, startAuditLog, userPrincipal, verifyAudit, verifyAuditIn, type AuditInput, type Keys } from '@primum/trust';
import { randomOf } from '../../bench/support/ward-messages.ts';
import { alterations, type Log } from './tamper/alterations.ts';

const tenant = 1;

/**
 * A log of some thousand events with checkpoints outside, altered in random ways as who owns the database could (triggers
 * off, and where it says so holding the tenant's key), each undone before the next. Every alteration must be found, and the
 * row, range, tile or checkpoint that it touched named; with none, nothing may be reported.
 */
export async function runTamper(options: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
  const wanted = Number(options['alterations'] ?? 1_000);
  const events = Number(options['events'] ?? 1_200);
  const seed = Number(options['seed'] ?? 1);
  const home = mkdtempSync(join(tmpdir(), 'primum-tamper-'));
  const postgres = await startPostgres({ home, log: silentLog });
  const db = await openDb({ url: postgres.connection.url, max: 4, applicationName: 'tamper' });
  try {
    await migrate(db);
    const keys = await openKeys({ directory: join(home, 'keys'), tenants: [tenant] });
    const outside = outsideDirectory(home, tenant);
    await fill({ db, keys, home, outside }, events);
    const verifying = { tenant, directories: [outside] };

    const control = await verifyAudit(db, keys, verifying);
    if (!control.ok || control.checked < events) throw new Error(`the control was not clean: ${JSON.stringify(control).slice(0, 500)}`);
    const random = randomOf(seed);
    const pick = (n: number): number => Math.floor(random() * n);
    const kinds = Object.entries(alterations);
    const byKind: Record<string, { done: number; detected: number; named: number }> = {};
    const missed: unknown[] = [];
    for (let i = 0; i < wanted; i += 1) {
      const [name, alter] = kinds[i % kinds.length]!;
      const figures = (byKind[name] ??= { done: 0, detected: 0, named: 0 });
      const undo = new Error('undone');
      await db.transaction(async (tx) => {
        for (const table of ['audit_event', 'audit_tile', 'audit_checkpoint']) await tx.query(`alter table ${table} disable trigger all`);
        const log: Log = { tx, keys, tenant, size: control.head, pick };
        const isNamed = await alter(log);
        const report = await verifyAuditIn(tx, keys, verifying);
        const named = isNamed(report);
        figures.done += 1;
        if (!report.ok) figures.detected += 1;
        if (named) figures.named += 1;
        else if (missed.length < 5) missed.push({ alteration: name, report: { ...report, findings: report.findings.slice(0, 5) } });
        throw undo;
      }).catch((error: unknown) => { if (error !== undo) throw error; });
      if ((i + 1) % 100 === 0) console.error(`${i + 1} alterations`);
    }
    const again = await verifyAudit(db, keys, verifying);
    const sum = (of: 'done' | 'detected' | 'named'): number => Object.values(byKind).reduce((total, figures) => total + figures[of], 0);
    if (missed.length > 0) console.error(JSON.stringify(missed, null, 1));
    return {
      alterations: sum('done'), detected: sum('detected'), named: sum('named'), events: control.head, controls: { reported: 0, cleanAfterwards: again.ok }, kinds: byKind,
      passed: sum('detected') === wanted && sum('named') === wanted && again.ok,
    };
  } finally {
    await db.close();
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function fill({ db, keys, home, outside }: { db: Awaited<ReturnType<typeof openDb>>; keys: Keys; home: string; outside: string }, events: number): Promise<void> {
  const audit = createAudit({ keys, db });
  const people = ['clinician', 'auditor', 'privacy'].map((username) => userPrincipal({ userId: randomUUID(), username, role: 'clinician' }, '10.0.0.7'));
  const patients = Array.from({ length: 20 }, () => randomUUID());
  const sequencer = createSequencer({ db, log: silentLog }, { pollMs: 10, auditEveryMs: 10 });
  const log = await startAuditLog({ db, keys, clock: systemClock, log: silentLog }, { tenant, keyDirectory: join(home, 'keys'), directories: [outside], everyMs: 1_000_000 });
  const step = Math.ceil(events / 8);
  for (let from = 0; from < events; from += step) {
    await audit.write(db, Array.from({ length: Math.min(step, events - from) }, (_, i): AuditInput => ({
      tenant, action: i % 7 === 0 ? 'phi.write' : 'stay.read', outcome: i % 31 === 0 ? 'minor-failure' : 'success', purpose: 'TREAT', at: systemClock.now(),
      principal: i % 7 === 0 ? mintSystemPrincipal('serving') : people[i % 3]!, entities: [{ type: 'Observation', id: randomUUID() }],
      ...(i % 11 === 0 ? { patientIds: [patients[i % 20]!, patients[(i + 1) % 20]!] } : { patientId: patients[i % 20]! }),
    })));
    while ((await db.query('select 1 from audit_event where seq is null limit 1')).length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    await log.checkpoint();
  }
  await log.close();
  await sequencer.close();
}
