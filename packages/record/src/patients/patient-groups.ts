import type { Sql } from '@primum/store';

/** The groups of merged records that these patients belong to, every member of each; `rootId` names the group. */
export async function patientGroups(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<{ patientId: string; rootId: string }[]> {
  if (patientIds.length === 0) return [];
  const rows = await sql.query<{ id: string; root_id: string }>(
    `select m.id, m.root_id from (select distinct root_id from patient where tenant = $1 and id = any($2::uuid[])) r
     join patient m on m.tenant = $1 and m.root_id = r.root_id`,
    [tenant, patientIds],
  );
  return rows.map(({ id, root_id }) => ({ patientId: id, rootId: root_id }));
}
