import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { Keys } from '../keys/keys.ts';
import { openAuditEvent } from './audit.ts';
import { clearColumnsOf } from './audit-event.ts';

/** Sequence numbers; each list holds at most 1,000. */
export type AuditVerification = { checked: number; altered: number[]; missing: number[] };

const pageRows = 500;
const maxListed = 1_000;

type Row = { seq: number; id: string; recorded_at: Date; actor: string; action: string; outcome: string; purpose: string; patient_id: string | null; patient_ids: string[] | null; leaf: Buffer; sealed: Buffer };

/**
 * Recomputes the leaves of a range (by default the whole log up to its head) and reports which rows were altered, be it
 * the leaf, the sealed event or a column in clear beside it, and which numbers are missing. What it can't see: a log
 * whose head was set back with its last rows, and a whole row replaced by who holds the keys; checkpoints copied
 * outside are for that.
 */
export async function verifyAuditLeaves(sql: Sql, keys: Keys, tenant: number, range: { fromSeq?: number; toSeq?: number } = {}): Promise<AuditVerification> {
  if (!(await keys.has(tenant, { kind: 'tenant' }))) throw new PrimumError('trust.key-missing', 'tenant key');
  const [end] = await sql.query<{ seq: number }>(
    `select greatest((select seq from audit_head where tenant = $1), (select max(seq) from audit_event where tenant = $1), 0) as seq`, [tenant],
  );
  const last = range.toSeq ?? end!.seq;
  const found: AuditVerification = { checked: 0, altered: [], missing: [] };
  let next = range.fromSeq ?? 1;
  while (next <= last && found.missing.length < maxListed && found.altered.length < maxListed) {
    const rows = await sql.query<Row>(
      `select seq, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed
       from audit_event where tenant = $1 and seq >= $2 and seq <= $3 order by seq limit $4`,
      [tenant, next, last, pageRows],
    );
    for (const row of rows) {
      while (next < row.seq && found.missing.length < maxListed) found.missing.push(next++);
      if (!(await isUnaltered(keys, tenant, row)) && found.altered.length < maxListed) found.altered.push(row.seq);
      found.checked += 1;
      next = row.seq + 1;
    }
    if (rows.length < pageRows) {
      while (next <= last && found.missing.length < maxListed) found.missing.push(next++);
      break;
    }
  }
  return found;
}

async function isUnaltered(keys: Keys, tenant: number, row: Row): Promise<boolean> {
  try {
    const { event, leaf } = await openAuditEvent(keys, tenant, row.id, row.sealed);
    const said = clearColumnsOf(event);
    const patients = row.patient_ids ?? (row.patient_id === null ? [] : [row.patient_id]);
    return leaf.equals(row.leaf) && event.id === row.id && said.recordedAt === row.recorded_at.toISOString() && said.actor === row.actor
      && said.action === row.action && said.outcome === row.outcome && said.purpose === row.purpose && said.patients.join() === patients.join();
  } catch {
    // It does not open: its body, its id or the key it names is not what was sealed.
    return false;
  }
}
