import { uuidv7 } from '@primum/base';
import type { Sql } from '@primum/store';
import type { AlertRow } from './alert-row.ts';

/** One for each person who acknowledged or snoozed an alert whose evidence was withdrawn. */
export async function writeNotices(tx: Sql, tenant: number, alerts: readonly AlertRow[]): Promise<void> {
  const told = alerts.flatMap((alert) => [...new Set([alert.ownerId, alert.snoozedBy])].filter((id) => id !== null).map((userId) => ({ alert, userId })));
  if (told.length === 0) return;
  await tx.query(
    `insert into notice (tenant, id, user_id, alert_id, patient_id, kind)
     select $1, id, user_id, alert_id, patient_id, 'evidence-withdrawn'
     from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[]) as n (id, user_id, alert_id, patient_id)`,
    [tenant, told.map(() => uuidv7()), told.map(({ userId }) => userId), told.map(({ alert }) => alert.id), told.map(({ alert }) => alert.patientId)],
  );
}
