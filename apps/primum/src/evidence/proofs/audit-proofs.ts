import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { PrimumError, silentLog } from '@primum/base';
import type { Sql } from '@primum/store';
import { outsideDirectory, startAuditLog, verifyAudit, verifyAuditIn } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { expectThat, type Proof } from '../proof.ts';
import type { Scratch } from '../scratch.ts';

/** The real log of this home, from its events up to the checkpoints outside the database. */
export const auditVerify = (directories: readonly string[]): Proof<Core> => ({
  id: 'audit-verify', title: 'This home’s audit log, verified from its events upwards', again: 'primum verify',
  run: async ({ db, keys, home }) => {
    const report = await verifyAudit(db, keys, { tenant, directories: [outsideDirectory(home, tenant), ...directories] });
    if (report.head === 0) return { passed: null, says: 'Nothing is on this home’s audit log yet.', figures: {} };
    const [oldest] = await db.query<{ at: Date | null }>('select min(recorded_at) as at from audit_event where tenant = $1', [tenant]);
    return {
      passed: report.ok, says: `${report.checked} events were opened, hashed again and compared with ${report.outside.reduce((sum, { checkpoints }) => sum + checkpoints, 0)} signed checkpoints outside the database: ${report.ok ? 'nothing was altered, removed, inserted or moved' : 'the log is not whole'}.`,
      figures: { ...report, findings: report.findings.slice(0, 100), oldestEventAt: oldest?.at?.toISOString() ?? null },
    };
  },
});

type Alteration = { name: string; kinds: readonly string[]; do(tx: Sql, seq: number): Promise<unknown> };
const column = (name: string, assignment: string): Alteration => ({ name, kinds: ['altered'], do: (tx, seq) => tx.query(`update audit_event set ${assignment} where tenant = $1 and seq = $2`, [tenant, seq]) });
const alterations: readonly Alteration[] = [
  column('actor changed', "actor = 'user:somebody'"), column('action changed', "action = action || 'x'"), column('outcome changed', "outcome = 'serious-failure'"),
  column('time moved', "recorded_at = recorded_at - interval '1 day'"), column('patient changed', 'patient_id = gen_random_uuid(), patient_ids = null'),
  column('body changed', 'sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1)'), column('leaf changed', 'leaf = set_byte(leaf, 7, get_byte(leaf, 7) # 128)'),
  { name: 'row removed', kinds: ['removed'], do: (tx, seq) => tx.query('delete from audit_event where tenant = $1 and seq = $2', [tenant, seq]) },
  {
    name: 'row removed, the rest renumbered', kinds: ['removed'],
    do: async (tx, seq) => {
      await tx.query('drop index audit_numbered');
      await tx.query('delete from audit_event where tenant = $1 and seq = $2', [tenant, seq]);
      await tx.query('update audit_event set seq = seq - 1 where tenant = $1 and seq > $2', [tenant, seq]);
      await tx.query('update audit_head set seq = seq - 1 where tenant = $1', [tenant]);
    },
  },
  {
    name: 'tail cut off with its checkpoints', kinds: ['removed'],
    do: async (tx, seq) => {
      await tx.query('delete from audit_event where tenant = $1 and seq >= $2', [tenant, seq]);
      await tx.query('delete from audit_checkpoint where tenant = $1 and size >= $2', [tenant, seq]);
      await tx.query('update audit_head set seq = $2 where tenant = $1', [tenant, seq - 1]);
    },
  },
];

const lockTries = 40;

/** Tries again where the running server was in the way. */
async function undisturbed(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const busy = error instanceof PrimumError && (error.code === 'store.conflict' || error.code === 'store.timeout');
      if (!busy || attempt === lockTries) throw error;
      await sleep(50);
    }
  }
}

/** Alters a log as who owns the database could, each alteration undone before the next. The long form is `npm run torture -- tamper`. */
export const auditTamper = (times: number): Proof<Scratch> => ({
  id: 'audit-tamper', title: 'Alterations of the audit log are found and named', again: 'npm run torture -- tamper',
  run: async ({ home, primum: { core } }) => {
    const { db, keys } = core;
    const directory = outsideDirectory(home, tenant);
    const log = await startAuditLog({ ...core, log: silentLog }, { tenant, keyDirectory: join(home, 'keys'), directories: [directory], everyMs: 3_600_000 });
    const { size } = await log.checkpoint();
    await log.close();
    const options = { tenant, directories: [directory] };
    const whole = async (): Promise<boolean> => (await verifyAudit(db, keys, options)).ok;
    expectThat(await whole(), 'the log was not whole before anything was altered');
    expectThat(size > 20, 'the log was too short to be altered');
    const tried: Record<string, { done: number; detected: number; named: number }> = {};
    for (let n = 0; n < times; n += 1) {
      const alteration = alterations[n % alterations.length]!; // the index is within it
      const seq = 1 + Math.floor(Math.random() * size);
      const undone = new Error('undone');
      const figures = (tried[alteration.name] ??= { done: 0, detected: 0, named: 0 });
      await undisturbed(() => db.transaction(async (tx) => {
        // All at once and first: taken one by one they would cross the running server's own. Not waited for long: what
        // this server does meanwhile may need another of its own connections to go on.
        await tx.query("set local lock_timeout = '500ms'");
        await tx.query('lock table audit_head, audit_event, audit_tile, audit_checkpoint in access exclusive mode');
        for (const table of ['audit_event', 'audit_tile', 'audit_checkpoint']) await tx.query(`alter table ${table} disable trigger all`);
        await alteration.do(tx, seq);
        const report = await verifyAuditIn(tx, keys, options);
        figures.done += 1;
        if (!report.ok) figures.detected += 1;
        if (report.findings.some(({ kind, fromSeq, toSeq }) => alteration.kinds.includes(kind) && fromSeq <= seq && seq <= toSeq)) figures.named += 1;
        throw undone;
      })).catch((error: unknown) => { if (error !== undone) throw error; });
    }
    const sum = (of: 'done' | 'detected' | 'named'): number => Object.values(tried).reduce((total, one) => total + one[of], 0);
    return {
      passed: sum('detected') === times && sum('named') === times && await whole(),
      says: `${times} alterations of ${alterations.length} kinds: ${sum('detected')} were detected and ${sum('named')} named by the number of the row; undone, the log verified again.`,
      figures: { alterations: sum('done'), detected: sum('detected'), named: sum('named'), kinds: tried, events: size },
    };
  },
});
