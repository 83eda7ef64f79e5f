import type { Sql } from '@primum/store';

/**
 * Alerts (of those asked for) that rest on a fact which is no longer what it was when they were raised: corrected to
 * another value or time, retracted, or no longer this patient's. A result that became final unchanged, or was corrected
 * to the same value, withdraws nothing.
 */
const selectWithdrawn = `
with asked as (
  select a.id, a.evidence, a.evidence_seq, p.root_id
  from alert a join stay s on s.tenant = a.tenant and s.id = a.stay_id join patient p on p.tenant = s.tenant and p.id = s.patient_id
  where a.tenant = $1 and a.id = any($2::uuid[]) and a.closed_at is null and a.evidence_withdrawn_at is null
), rows as (
  select a.id, a.evidence_seq, f.key, f.seq, f.n, f.value, f.effective_at, f.status
  from asked a join patient p on p.tenant = $1 and p.root_id = a.root_id
  join fact f on f.tenant = $1 and f.patient_id = p.id and f.key = any(a.evidence)
), known_then as (
  select distinct on (id, key) * from rows where seq <= evidence_seq order by id, key, seq desc, n desc
), known_now as (
  select distinct on (id, key) * from rows order by id, key, seq desc, n desc
)
select distinct a.id from asked a cross join unnest(a.evidence) as e (key)
left join known_then t on t.id = a.id and t.key = e.key
left join known_now n on n.id = a.id and n.key = e.key
where n.key is null or n.status = 'retracted' or n.value is distinct from t.value or n.effective_at is distinct from t.effective_at`;

export async function withdrawnEvidence(sql: Sql, tenant: number, alertIds: readonly string[]): Promise<Set<string>> {
  if (alertIds.length === 0) return new Set();
  const rows = await sql.query<{ id: string }>(selectWithdrawn, [tenant, alertIds]);
  return new Set(rows.map(({ id }) => id));
}
