import type { Sql } from '@primum/store';

/** Why a person's record must be kept now: a stay that goes on, or the years after the last one, which end `until`. */
export type RetentionDuty = { openStay: boolean; until: Date | null };

/**
 * Years are counted from the end of the last stay by its site's clock (from the record's beginning where there was no
 * stay), since a stay's times are the source's.
 */
const selectDuty = `
select coalesce(bool_or(s.status = 'in-progress'), false) as open_stay,
  max(e.until) filter (where e.until > e.now) as until
from patient p
join site t on t.tenant = p.tenant and t.id = p.site_id
left join stay s on s.tenant = p.tenant and s.patient_id = p.id
cross join lateral (select
  coalesce(s.ended_at, s.admitted_at, p.created_at) + make_interval(years => $3) as until,
  case when s.id is null then now() else coalesce(t.anchor_source_at + (now() - t.anchor_wall_at) * t.clock_rate, now()) end as now) e
where p.tenant = $1 and p.id = any($2::uuid[])`;

export async function retentionDuty(sql: Sql, tenant: number, memberIds: readonly string[], years: number): Promise<RetentionDuty> {
  const [row] = await sql.query<{ open_stay: boolean; until: Date | null }>(selectDuty, [tenant, memberIds, years]);
  return { openStay: row?.open_stay ?? false, until: row?.until ?? null };
}
