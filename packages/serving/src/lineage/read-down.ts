import type { Sql } from '@primum/store';

export type AlertEventHead = { alertId: string; n: number; kind: string; at: number; actor: string; predictionId: string | null };

export async function readAlertEvents(sql: Sql, tenant: number, alertIds: readonly string[], limit: number): Promise<AlertEventHead[]> {
  const rows = await sql.query<Omit<AlertEventHead, 'at'> & { at: Date }>(
    `select alert_id as "alertId", n, kind, at, actor, prediction_id as "predictionId" from alert_event where tenant = $1 and alert_id = any($2::uuid[]) order by at, n limit $3`,
    [tenant, alertIds, limit]);
  return rows.map((row) => ({ ...row, at: row.at.getTime() }));
}

/** Alerts of these stays that one of these predictions raised or moved. */
export async function alertsOfPredictions(sql: Sql, tenant: number, predictions: readonly { id: string; stayId: string }[], limit: number): Promise<{ alertId: string; predictionId: string }[]> {
  return sql.query(
    `select distinct a.id as "alertId", p.id as "predictionId"
     from unnest($2::uuid[], $3::uuid[]) as p (id, stay_id)
     join alert a on a.tenant = $1 and a.stay_id = p.stay_id
     where a.raised_by = p.id or exists (select from alert_event e where e.tenant = $1 and e.alert_id = a.id and e.prediction_id = p.id)
     limit $4`,
    [tenant, predictions.map(({ id }) => id), predictions.map(({ stayId }) => stayId), limit]);
}

/** Predictions about these patients whose pin lies at or behind a sequence: those that can have seen it. Earliest first. */
export async function predictionsSince(sql: Sql, tenant: number, patientIds: readonly string[], seq: number, limit: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select id from prediction where tenant = $1 and patient_id = any($2::uuid[]) and pin_seq >= $3 order by as_of, id limit $4`, [tenant, patientIds, seq, limit]);
  return rows.map(({ id }) => id);
}

/** The latest predictions of a model. */
export async function predictionsOfModel(sql: Sql, tenant: number, digest: string, limit: number): Promise<string[]> {
  const rows = await sql.query<{ id: string }>(
    `select id from prediction where tenant = $1 and model_digest = $2 order by id desc limit $3`, [tenant, Buffer.from(digest, 'hex'), limit]);
  return rows.map(({ id }) => id);
}
