import type { Sql } from '@primum/store';
import type { PatientFacts } from '@primum/trust';

type Row = { patient_id: string; root_id: string; restricted: boolean; ai_opt_out: boolean; research_opt_out: boolean; vip: boolean; care_units: string[]; emergency_for: string[] };

/** What policies may ask about these patients, now. Ids that are no patient's are left out. */
export async function readPatientFacts(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<readonly PatientFacts[]> {
  // Of one patient by `=`: PostgreSQL then keeps the plan, which costs more than the look-up (a list's length is part of a plan's cost).
  const rows = patientIds.length === 1
    ? await sql.query<Row>('select * from patient_facts where tenant = $1 and patient_id = $2', [tenant, patientIds[0]], { point: true })
    : await sql.query<Row>('select * from patient_facts where tenant = $1 and patient_id = any($2::uuid[])', [tenant, patientIds]);
  return rows.map((row) => ({
    patientId: row.patient_id, rootId: row.root_id, careUnits: row.care_units, restricted: row.restricted, aiOptOut: row.ai_opt_out, researchOptOut: row.research_opt_out, vip: row.vip,
    emergencyFor: row.emergency_for,
  }));
}
