import type { Sql } from '@primum/store';

/** Rows by table. */
export type RowCounts = Readonly<Record<string, number>>;

/**
 * The rows of one package that belong to patients. Whoever owns tables exports one; the composition root collects them
 * in the order in which they are to be removed (what refers to others first). Erasure, retention and the bounding of a
 * demonstration's history all go through the same list, so that no table is forgotten by one of them.
 */
export type PersonalData = {
  name: string;
  tables: readonly string[];
  /** What there is of these patients; tables without rows are left out. */
  count(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<RowCounts>;
  /** Removes it, in the caller's transaction, and says how much. */
  remove(tx: Sql, tenant: number, patientIds: readonly string[]): Promise<RowCounts>;
};

/** A table's rows of some patients: `of` is a condition over $1 tenant and $2 patient ids. */
export type PatientRows = { table: string; of?: string };

/** The plain case: rows that are deleted, table by table in this order. */
export function personalTables(name: string, rows: readonly PatientRows[]): PersonalData {
  const conditionOf = ({ of = 'patient_id = any($2::uuid[])' }: PatientRows): string => `tenant = $1 and ${of}`;
  const run = async (sql: Sql, statement: (row: PatientRows) => string, values: readonly unknown[]): Promise<RowCounts> => {
    const counts: Record<string, number> = {};
    for (const row of rows) {
      const [answer] = await sql.query<{ n: number }>(statement(row), values);
      if (answer !== undefined && answer.n > 0) counts[row.table] = (counts[row.table] ?? 0) + answer.n;
    }
    return counts;
  };
  return {
    name,
    tables: [...new Set(rows.map(({ table }) => table))],
    count: (sql, tenant, patientIds) => run(sql, (row) => `select count(*) as n from ${row.table} where ${conditionOf(row)}`, [tenant, patientIds]),
    remove: (tx, tenant, patientIds) => run(tx, (row) => `with gone as (delete from ${row.table} where ${conditionOf(row)} returning 1) select count(*) as n from gone`, [tenant, patientIds]),
  };
}

export async function countPersonalData(list: readonly PersonalData[], sql: Sql, tenant: number, patientIds: readonly string[]): Promise<RowCounts> {
  return summed(list, (data) => data.count(sql, tenant, patientIds));
}

export async function removePersonalData(list: readonly PersonalData[], tx: Sql, tenant: number, patientIds: readonly string[]): Promise<RowCounts> {
  return summed(list, (data) => data.remove(tx, tenant, patientIds));
}

async function summed(list: readonly PersonalData[], work: (data: PersonalData) => Promise<RowCounts>): Promise<RowCounts> {
  const total: Record<string, number> = {};
  for (const data of list) {
    for (const [table, rows] of Object.entries(await work(data))) total[table] = (total[table] ?? 0) + rows;
  }
  return total;
}
