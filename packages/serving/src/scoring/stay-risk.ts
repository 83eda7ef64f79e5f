import type { Sql } from '@primum/store';
import type { StayRisk } from './read-stays.ts';

/** `patientId` is the root; `ended` once the stay left the ICU or was finished. */
export type StayRiskRow = StayRisk & { patientId: string; ended: boolean };

const upsertRisks = `
insert into stay_risk (tenant, stay_id, patient_id, prediction_id, status, reasons, as_of, scored_id, scored_as_of, probability, tier, policy_state, alert_id, ended)
select $1, r."stayId", r."patientId", r."predictionId", r.status, array(select jsonb_array_elements_text(r.reasons)), r."asOf",
  r."scoredId", r."scoredAsOf", r.probability, r.tier, r."policyState", r."alertId", r.ended
from jsonb_to_recordset($2::jsonb) as r ("stayId" uuid, "patientId" uuid, "predictionId" uuid, status text, reasons jsonb, "asOf" timestamptz,
  "scoredId" uuid, "scoredAsOf" timestamptz, probability float8, tier text, "policyState" jsonb, "alertId" uuid, ended boolean)
on conflict (tenant, stay_id) do update set patient_id = excluded.patient_id, prediction_id = excluded.prediction_id, status = excluded.status,
  reasons = excluded.reasons, as_of = excluded.as_of, scored_id = excluded.scored_id, scored_as_of = excluded.scored_as_of,
  probability = excluded.probability, tier = excluded.tier, policy_state = excluded.policy_state, alert_id = excluded.alert_id, ended = excluded.ended`;

export async function writeStayRisks(tx: Sql, tenant: number, rows: readonly StayRiskRow[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(upsertRisks, [tenant, JSON.stringify(rows.map((row) => ({
    ...row,
    asOf: new Date(row.asOf).toISOString(),
    scoredAsOf: row.scoredAsOf === null ? null : new Date(row.scoredAsOf).toISOString(),
  })))]);
}
