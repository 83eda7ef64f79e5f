import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import { erasedPatientOf } from '@primum/trust';

/** A person's records: the root and everything that was merged with it. */
export type PatientGroup = { rootId: string; memberIds: readonly string[] };

type Row = { id: string; root_id: string };

const selectGroup = `
select g.id, g.root_id from patient p join patient g on g.tenant = p.tenant and g.root_id = p.root_id
where p.tenant = $1 and p.id = $2 order by g.id`;

/** The group that a patient belongs to now. Throws record.not-found, record.erased. */
export async function patientGroup(sql: Sql, tenant: number, patientId: string): Promise<PatientGroup> {
  const rows = await sql.query<Row>(selectGroup, [tenant, patientId]);
  if (rows.length === 0 && await erasedPatientOf(sql, tenant, patientId) !== undefined) throw new PrimumError('record.erased');
  return toGroup(rows);
}

/**
 * The same, under the lock that whatever writes to this person takes first (the root's row), so that nothing is merged,
 * applied or erased meanwhile.
 */
export async function lockGroup(tx: Sql, tenant: number, patientId: string): Promise<PatientGroup> {
  const { rootId } = await patientGroup(tx, tenant, patientId);
  await tx.query('select from patient where tenant = $1 and id = $2 for update', [tenant, rootId]);
  const group = await patientGroup(tx, tenant, patientId);
  if (group.rootId !== rootId) throw new PrimumError('store.conflict');
  return group;
}

function toGroup(rows: readonly Row[]): PatientGroup {
  const [first] = rows;
  if (first === undefined) throw new PrimumError('record.not-found', 'Patient');
  return { rootId: first.root_id, memberIds: rows.map(({ id }) => id) };
}
