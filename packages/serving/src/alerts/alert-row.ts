import type { AlertState, Tier } from '@primum/contract';
import type { Sql } from '@primum/store';

/** An alert as it is stored. Instants in ms by the source's clock; `version` counts its events. */
export type AlertRow = {
  id: string;
  patientId: string;
  stayId: string;
  tier: Tier;
  status: AlertState;
  raisedAt: number;
  /** The prediction that raised it. */
  raisedBy: string;
  ownerId: string | null;
  acknowledgedAt: number | null;
  acknowledgedAs: string | null;
  handedTo: string | null;
  snoozedUntil: number | null;
  snoozedBy: string | null;
  /** Keys of the facts that its tier rests on, as they were known at `evidenceSeq`. */
  evidence: string[];
  evidenceSeq: number;
  evidenceWithdrawnAt: number | null;
  closedAt: number | null;
  version: number;
};

/** One event of an alert; `n` counts from 1 within it. `at` is the source's clock. */
export type AlertEventRow = {
  alertId: string;
  n: number;
  kind: string;
  at: number;
  actor: string;
  predictionId: string | null;
  detail: Record<string, string | number>;
};

type Stored = {
  id: string; patient_id: string; stay_id: string; tier: Tier; status: AlertState; raised_at: Date; raised_by: string;
  owner_id: string | null; acknowledged_at: Date | null; acknowledged_as: string | null; handed_to: string | null;
  snoozed_until: Date | null; snoozed_by: string | null; evidence: string[]; evidence_seq: number;
  evidence_withdrawn_at: Date | null; closed_at: Date | null; version: number;
};

const selectAlerts = `
select id, patient_id, stay_id, tier, status, raised_at, raised_by, owner_id, acknowledged_at, acknowledged_as, handed_to,
       snoozed_until, snoozed_by, evidence, evidence_seq, evidence_withdrawn_at, closed_at, version
from alert where tenant = $1 and id = any($2::uuid[])`;

/** Read them under the lock of their stays' risks. */
export async function readAlerts(sql: Sql, tenant: number, ids: readonly string[]): Promise<Map<string, AlertRow>> {
  if (ids.length === 0) return new Map();
  const rows = await sql.query<Stored>(selectAlerts, [tenant, ids]);
  return new Map(rows.map((row) => [row.id, {
    id: row.id,
    patientId: row.patient_id,
    stayId: row.stay_id,
    tier: row.tier,
    status: row.status,
    raisedAt: row.raised_at.getTime(),
    raisedBy: row.raised_by,
    ownerId: row.owner_id,
    acknowledgedAt: row.acknowledged_at?.getTime() ?? null,
    acknowledgedAs: row.acknowledged_as,
    handedTo: row.handed_to,
    snoozedUntil: row.snoozed_until?.getTime() ?? null,
    snoozedBy: row.snoozed_by,
    evidence: row.evidence,
    evidenceSeq: row.evidence_seq,
    evidenceWithdrawnAt: row.evidence_withdrawn_at?.getTime() ?? null,
    closedAt: row.closed_at?.getTime() ?? null,
    version: row.version,
  }]));
}

/** Sets rows rather than statements: an upsert of whole alerts, an insert of their events. */
const upsertAlerts = `
insert into alert (tenant, id, patient_id, stay_id, tier, status, raised_at, raised_by, owner_id, acknowledged_at, acknowledged_as,
  handed_to, snoozed_until, snoozed_by, evidence, evidence_seq, evidence_withdrawn_at, closed_at, version)
select $1, a.id, a."patientId", a."stayId", a.tier, a.status, a."raisedAt", a."raisedBy", a."ownerId", a."acknowledgedAt", a."acknowledgedAs",
  a."handedTo", a."snoozedUntil", a."snoozedBy", a.evidence, a."evidenceSeq", a."evidenceWithdrawnAt", a."closedAt", a.version
from jsonb_to_recordset($2::jsonb) as a (id uuid, "patientId" uuid, "stayId" uuid, tier text, status text, "raisedAt" timestamptz,
  "raisedBy" uuid, "ownerId" uuid, "acknowledgedAt" timestamptz, "acknowledgedAs" text, "handedTo" text, "snoozedUntil" timestamptz,
  "snoozedBy" uuid, evidence uuid[], "evidenceSeq" bigint, "evidenceWithdrawnAt" timestamptz, "closedAt" timestamptz, version int)
on conflict (tenant, id) do update set tier = excluded.tier, status = excluded.status, owner_id = excluded.owner_id,
  acknowledged_at = excluded.acknowledged_at, acknowledged_as = excluded.acknowledged_as, handed_to = excluded.handed_to,
  snoozed_until = excluded.snoozed_until, snoozed_by = excluded.snoozed_by, evidence = excluded.evidence,
  evidence_seq = excluded.evidence_seq, evidence_withdrawn_at = excluded.evidence_withdrawn_at, closed_at = excluded.closed_at,
  version = excluded.version`;

const insertEvents = `
insert into alert_event (tenant, alert_id, n, kind, at, actor, prediction_id, detail)
select $1, e."alertId", e.n, e.kind, e.at, e.actor, e."predictionId", e.detail
from jsonb_to_recordset($2::jsonb) as e ("alertId" uuid, n int, kind text, at timestamptz, actor text, "predictionId" uuid, detail jsonb)`;

export async function writeAlerts(tx: Sql, tenant: number, alerts: readonly AlertRow[], events: readonly AlertEventRow[]): Promise<void> {
  if (alerts.length > 0) await tx.query(upsertAlerts, [tenant, JSON.stringify(alerts.map(stored))]);
  if (events.length > 0) await tx.query(insertEvents, [tenant, JSON.stringify(events.map((event) => ({ ...event, at: instant(event.at) })))]);
}

function stored(alert: AlertRow): object {
  return {
    ...alert,
    raisedAt: instant(alert.raisedAt),
    acknowledgedAt: instant(alert.acknowledgedAt),
    snoozedUntil: instant(alert.snoozedUntil),
    evidenceWithdrawnAt: instant(alert.evidenceWithdrawnAt),
    closedAt: instant(alert.closedAt),
  };
}

function instant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
