import type { Sql } from '@primum/store';
import { personalTables, type PersonalData } from '@primum/trust';

/**
 * Messages of a patient: sealed under the patient's key, or named by a resource that they wrote (a merge, a swap of beds:
 * those speak of several patients and lie under the tenant's key). Only their content goes. The row stays, with its
 * commitment, so that a sender who sends an old message again does not bring the person back. This comes before the
 * record's resources are removed, which say what belongs to whom.
 */
const ofPatients = `tenant = $1 and (sealed is not null or object_digest is not null) and (
  (get_byte(sealed, 1) = 1 and encode(substring(sealed from 3 for 16), 'hex')::uuid = any($2::uuid[]))
  or id in (select message_id from resource where tenant = $1 and patient_id = any($2::uuid[]) and message_id is not null))`;

async function countOf(sql: Sql, statement: string, values: readonly unknown[]): Promise<Readonly<Record<string, number>>> {
  const [row] = await sql.query<{ n: number }>(statement, values);
  return row === undefined || row.n === 0 ? {} : { message: row.n };
}

export const messagePersonalData: PersonalData = {
  name: 'messages',
  tables: ['message'],
  count: (sql, tenant, patientIds) => countOf(sql, `select count(*) as n from message where ${ofPatients}`, [tenant, patientIds]),
  remove: (tx, tenant, patientIds) => countOf(tx,
    `with gone as (update message set sealed = null, object_digest = null where ${ofPatients} returning 1) select count(*) as n from gone`, [tenant, patientIds]),
};

/** Objects in which archived messages of these patients lie. */
export async function archivedMessageObjects(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<string[]> {
  const rows = await sql.query<{ digest: string }>(
    `select encode(object_digest, 'hex') as digest from message where object_digest is not null and id in (
       select message_id from resource where tenant = $1 and patient_id = any($2::uuid[]) and message_id is not null) and tenant = $1`, [tenant, patientIds]);
  return rows.map(({ digest }) => digest);
}

/** Findings name the patient whose fact they are about. */
export const qualityPersonalData: PersonalData = personalTables('quality', [{ table: 'quality_finding' }]);
