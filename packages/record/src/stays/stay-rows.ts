import type { StayState } from '@primum/contract';
import type { Sql } from '@primum/store';
import { reduceStay } from './reduce-stay.ts';
import type { StayEvent, StayEventDetail, StayEventKind } from './stay-event.ts';

type EventRow = {
  stay_id: string; seq: number; n: number; kind: StayEventKind; effective_at: Date; detail: StayEventDetail; cancels_seq: number | null; cancels_n: number | null;
};

/** The events of some stays, in the order in which they became known. */
export async function readStayEvents(sql: Sql, tenant: number, stayIds: readonly string[]): Promise<Map<string, StayEvent[]>> {
  const rows = await sql.query<EventRow>(
    'select stay_id, seq, n, kind, effective_at, detail, cancels_seq, cancels_n from stay_event where tenant = $1 and stay_id = any($2::uuid[]) order by stay_id, seq, n',
    [tenant, stayIds],
  );
  const events = new Map<string, StayEvent[]>(stayIds.map((id) => [id, []]));
  for (const row of rows) {
    events.get(row.stay_id)?.push({
      seq: row.seq, n: row.n, kind: row.kind, effectiveAt: row.effective_at.getTime(), ...row.detail,
      ...(row.cancels_seq === null || row.cancels_n === null ? {} : { cancels: { seq: row.cancels_seq, n: row.cancels_n } }),
    });
  }
  return events;
}

/** `messageId`: which message said so; null where it came by FHIR, whose Encounter's versions are known at the same sequence. */
export type NewStayEvent = { stayId: string; messageId: string | null; event: StayEvent };

export async function writeStayEvents(tx: Sql, tenant: number, rows: readonly NewStayEvent[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(`
    insert into stay_event (tenant, stay_id, seq, n, kind, effective_at, detail, cancels_seq, cancels_n, message_id)
    select $1, t.stay_id, t.seq, t.n, t.kind, to_timestamp(t.effective_ms / 1000), t.detail, t.cancels_seq, t.cancels_n, t.message_id
    from unnest($2::uuid[], $3::bigint[], $4::int[], $5::text[], $6::float8[], $7::jsonb[], $8::bigint[], $9::int[], $10::uuid[])
      as t(stay_id, seq, n, kind, effective_ms, detail, cancels_seq, cancels_n, message_id)`,
  [
    tenant, rows.map(({ stayId }) => stayId), rows.map(({ event }) => event.seq), rows.map(({ event }) => event.n), rows.map(({ event }) => event.kind),
    rows.map(({ event }) => event.effectiveAt), rows.map(({ event }) => JSON.stringify(detailOf(event))),
    rows.map(({ event }) => event.cancels?.seq ?? null), rows.map(({ event }) => event.cancels?.n ?? null), rows.map(({ messageId }) => messageId),
  ]);
}

function detailOf({ location, hospitalAdmittedAt, died }: StayEvent): StayEventDetail {
  return {
    ...(location === undefined ? {} : { location }),
    ...(hospitalAdmittedAt === undefined ? {} : { hospitalAdmittedAt }),
    ...(died === undefined ? {} : { died }),
  };
}

export type StayRow = { id: string; patientId: string; siteId: number; visitToken: string; events: readonly StayEvent[] };

/** Stores what the stays' events add up to: new stays, and the changed ones. */
export async function writeStays(tx: Sql, tenant: number, seq: number, stays: readonly StayRow[]): Promise<void> {
  if (stays.length === 0) return;
  const summaries = stays.map(({ events }) => reduceStay(events));
  await tx.query(`
    insert into stay (tenant, id, patient_id, site_id, visit_token, status, ward, bed, icu, icu_from, admitted_at, ended_at, changed_seq)
    select $1, t.id, t.patient_id, t.site_id, t.visit_token, t.status, t.ward, t.bed, t.icu,
      to_timestamp(t.icu_from / 1000), to_timestamp(t.admitted / 1000), to_timestamp(t.ended / 1000), $2
    from unnest($3::uuid[], $4::uuid[], $5::int[], $6::bytea[], $7::text[], $8::text[], $9::text[], $10::boolean[], $11::float8[], $12::float8[], $13::float8[])
      as t(id, patient_id, site_id, visit_token, status, ward, bed, icu, icu_from, admitted, ended)
    on conflict (tenant, id) do update set patient_id = excluded.patient_id, site_id = excluded.site_id, visit_token = excluded.visit_token, status = excluded.status, ward = excluded.ward, bed = excluded.bed, icu = excluded.icu,
      icu_from = excluded.icu_from, admitted_at = excluded.admitted_at, ended_at = excluded.ended_at, changed_seq = excluded.changed_seq`,
  [
    tenant, seq, stays.map(({ id }) => id), stays.map(({ patientId }) => patientId), stays.map(({ siteId }) => siteId),
    stays.map(({ visitToken }) => Buffer.from(visitToken, 'hex')), summaries.map(({ status }) => status satisfies StayState),
    summaries.map(({ location }) => location?.ward ?? null), summaries.map(({ location }) => location?.bed ?? null),
    summaries.map(({ location }) => location?.icu ?? false), summaries.map(({ icuFrom }) => icuFrom),
    summaries.map(({ admittedAt }) => admittedAt), summaries.map(({ endedAt }) => endedAt),
  ]);
}
