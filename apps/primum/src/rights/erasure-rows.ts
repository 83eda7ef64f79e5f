import type { Erasure, ErasureBasis, ErasureReceipt, ErasureRefusal, ErasureState } from '@primum/contract';
import type { Sql } from '@primum/store';
import { tenant } from '../core.ts';

/** What is known between the removal of the rows and the check that nothing is left. */
export type Removal = { removed: Record<string, number>; searchedAsText: number; objects: string[] };

export type ErasureRow = {
  id: string; patient_id: string; status: ErasureState; basis: ErasureBasis; requested_at: Date; requested_by: string;
  refusal: ErasureRefusal | null; refused_until: Date | null; decided_at: Date | null; decided_by: string | null; executed_at: Date | null; verified_at: Date | null;
  receipt: Removal | ErasureReceipt | null;
  asked_by: string | null; decider: string | null;
};

const select = `
select e.id, e.patient_id, e.status, e.basis, e.requested_at, e.requested_by, e.refusal, e.refused_until, e.decided_at, e.decided_by, e.executed_at, e.verified_at, e.receipt,
  a.display_name as asked_by, d.display_name as decider
from erasure e
left join app_user a on a.tenant = e.tenant and a.id = e.requested_by
left join app_user d on d.tenant = e.tenant and d.id = e.decided_by
where e.tenant = $1`;

export async function readErasure(sql: Sql, id: string): Promise<ErasureRow | undefined> {
  const [row] = await sql.query<ErasureRow>(`${select} and e.id = $2`, [tenant, id]);
  return row;
}

export function readErasures(sql: Sql, patientIds?: readonly string[]): Promise<ErasureRow[]> {
  return sql.query<ErasureRow>(`${select} and ($2::uuid[] is null or e.patient_id = any($2)) order by e.requested_at desc limit 200`, [tenant, patientIds ?? null]);
}

export function erasureView(row: ErasureRow): Erasure {
  return {
    id: row.id, patientId: row.patient_id, status: row.status, basis: row.basis, requestedAt: row.requested_at.toISOString(), requestedBy: row.asked_by ?? '',
    refusal: row.refusal, refusedUntil: row.refused_until?.toISOString() ?? null,
    decidedAt: row.decided_at?.toISOString() ?? null, decidedBy: row.decider, verifiedAt: row.verified_at?.toISOString() ?? null, hasReceipt: row.status === 'verified',
  };
}
