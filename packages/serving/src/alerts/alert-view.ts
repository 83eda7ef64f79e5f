import { acknowledgements, type AlertView } from '@primum/contract';
import type { Sql } from '@primum/store';
import type { AlertRow } from './alert-row.ts';

/** An alert as a screen shows it; `names` are the display names of users by id. */
export function alertView(alert: AlertRow, names: ReadonlyMap<string, string>): AlertView {
  const instant = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  const nameOf = (id: string | null): string | null => (id === null ? null : names.get(id) ?? 'a former user');
  return {
    id: alert.id,
    tier: alert.tier,
    status: alert.status,
    raisedAt: new Date(alert.raisedAt).toISOString(),
    predictionId: alert.raisedBy,
    owner: nameOf(alert.ownerId),
    acknowledgedAt: instant(alert.acknowledgedAt),
    acknowledgedAs: acknowledgements.find((item) => item === alert.acknowledgedAs) ?? null,
    handedTo: alert.handedTo,
    snoozedUntil: instant(alert.snoozedUntil),
    snoozedBy: nameOf(alert.snoozedBy),
    evidenceWithdrawnAt: instant(alert.evidenceWithdrawnAt),
    version: alert.version,
  };
}

export async function displayNames(sql: Sql, tenant: number, alerts: readonly AlertRow[]): Promise<Map<string, string>> {
  const ids = [...new Set(alerts.flatMap(({ ownerId, snoozedBy }) => [ownerId, snoozedBy]))].filter((id) => id !== null);
  if (ids.length === 0) return new Map();
  const rows = await sql.query<{ id: string; display_name: string }>('select id, display_name from app_user where tenant = $1 and id = any($2::uuid[])', [tenant, ids]);
  return new Map(rows.map(({ id, display_name }) => [id, display_name]));
}
