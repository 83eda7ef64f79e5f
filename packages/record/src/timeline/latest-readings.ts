import type { Sql } from '@primum/store';
import type { Fact } from './fact.ts';

/** The last word on a code: what is latest by its effective time, and whether it was corrected. */
export type LatestReading = { rootId: string; code: string; value: number | null; text: string | null; effectiveAt: number; flag: Fact['flag'] | null; corrected: boolean };

type Row = { root_id: string; code: string; value: number | null; text: string | null; effective_at: Date; flag: Fact['flag'] | null; status: Fact['status'] };

/**
 * For each patient (by root, merges followed) and code, the latest standing value of the last `sinceMs`; missing and
 * flagged ones included, withdrawn ones not.
 */
export async function latestReadings(
  sql: Sql, query: { tenant: number; rootIds: readonly string[]; codes: readonly string[]; sinceMs: number },
): Promise<LatestReading[]> {
  const rows = await sql.query<Row>(`
    select distinct on (root_id, code) root_id, code, value, text, effective_at, flag, status
    from (
      select distinct on (p.root_id, f.key) p.root_id, f.code, f.value, f.text, f.effective_at, f.flag, f.status
      from patient p join fact f on f.tenant = p.tenant and f.patient_id = p.id
      where p.tenant = $1 and p.root_id = any($2::uuid[]) and f.code = any($3::text[]) and f.effective_at >= $4
      order by p.root_id, f.key, f.seq desc, f.n desc
    ) standing
    where status <> 'retracted'
    order by root_id, code, effective_at desc`,
  [query.tenant, query.rootIds, query.codes, new Date(query.sinceMs)]);
  return rows.map((row) => ({
    rootId: row.root_id, code: row.code, value: row.value, text: row.text, effectiveAt: row.effective_at.getTime(), flag: row.flag, corrected: row.status === 'corrected',
  }));
}
