import type { Sql } from '@primum/store';
import type { PatientFacts } from '@primum/trust';

/** What policies may ask about these patients. */
export async function readPatientFacts(_sql: Sql, _tenant: number, patientIds: readonly string[]): Promise<readonly PatientFacts[]> {
  return patientIds.map((patientId) => ({ patientId, careUnits: ['*'], restricted: false, aiOptOut: false, researchOptOut: false, vip: false, emergencyFor: [] }));
}
