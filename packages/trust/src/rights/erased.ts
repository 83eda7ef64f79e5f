import type { Sql } from '@primum/store';

/** Whose an id was that is answered for with `record.erased`; undefined where it never was, or is there. */
export async function erasedPatientOf(sql: Sql, tenant: number, id: string): Promise<string | undefined> {
  const [row] = await sql.query<{ patient_id: string }>(
    `select patient_id from erased_patient where tenant = $1 and patient_id = $2
     union all select patient_id from erased_record where tenant = $1 and id = $2 limit 1`, [tenant, id]);
  return row?.patient_id;
}
