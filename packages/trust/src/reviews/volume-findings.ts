import type { Sql } from '@primum/store';
import { firstIdAt } from '../audit/search-audit.ts';
import type { NewReview } from './open-review.ts';
import type { SnoopingRules } from './snooping-rules.ts';
import { volumeLimit } from './unusual-volume.ts';

type HourRow = { actor: string; hour: Date; user_id: string | null; role: string | null; patients: number; event_ids: string[] };

const hourMs = 3_600_000;
const maxHours = 2_000;

/**
 * Counts the patients of each hour in which these people looked, keeps the counts as what is usual, and gives a finding
 * where one is not. `upToSeq` is the last event read, so that an hour's count says what was read so far.
 */
export async function volumeFindings(tx: Sql, rules: SnoopingRules, tenant: number, looks: readonly { actor: string; at: Date }[], upToSeq: number): Promise<NewReview[]> {
  const rule = rules.unusualVolume;
  const hours = new Map(looks.map(({ actor, at }) => [`${actor} ${Math.floor(at.getTime() / hourMs)}`, { actor, hour: new Date(Math.floor(at.getTime() / hourMs) * hourMs) }]));
  if (!rule.enabled || hours.size === 0) return [];
  const asked = [...hours.values()];
  const rows = await tx.query<HourRow>(
    `select k.actor, k.hour, u.id as user_id, u.role, n.patients, n.event_ids
     from unnest($2::text[], $3::timestamptz[], $4::uuid[], $5::uuid[]) k(actor, hour, first_id, end_id)
     left join app_user u on u.tenant = $1 and 'user:' || u.username = k.actor
     cross join lateral (
       select count(distinct p.id)::int as patients, (array_agg(distinct e.id order by e.id))[:200] as event_ids
       from audit_event e cross join lateral unnest(coalesce(e.patient_ids, array[e.patient_id])) p(id)
       where e.tenant = $1 and e.actor = k.actor and e.actor not like 'system:%' and e.id >= k.first_id and e.id < k.end_id
         and e.seq <= $6 and e.outcome = 'success' and e.action <> all($7) and e.purpose <> all($8) and p.id is not null
     ) n`,
    [tenant, asked.map(({ actor }) => actor), asked.map(({ hour }) => hour), asked.map(({ hour }) => firstIdAt(hour)), asked.map(({ hour }) => firstIdAt(new Date(hour.getTime() + hourMs))), upToSeq, rules.notLooks, rules.notPurposes],
  );
  const findings: NewReview[] = [];
  for (const { actor, hour, user_id, role, patients, event_ids } of rows) {
    if (patients >= Math.min(rule.minPatients, rule.limitWithoutBaseline)) {
      const since = new Date(hour.getTime() - rule.baselineDays * 24 * hourMs);
      const own = await usual(tx, 'actor = $4', [tenant, since, hour, actor]);
      const others = await usual(tx, 'actor in (select \'user:\' || username from app_user where tenant = $1 and role = $4)', [tenant, since, hour, role]);
      const limit = volumeLimit(rule, own, others);
      if (patients > limit) {
        findings.push({
          tenant, kind: 'unusual-volume', actor, ...(user_id === null ? {} : { userId: user_id }), patientId: null, at: hour, auditEventIds: event_ids, score: rule.score,
          detail: { patients, limit: Math.round(limit) },
        });
      }
    }
    await tx.query('insert into access_hour (tenant, actor, hour, patients) values ($1, $2, $3, $4) on conflict (tenant, actor, hour) do update set patients = excluded.patients', [tenant, actor, hour, patients]);
  }
  return findings;
}

async function usual(tx: Sql, whose: string, values: readonly unknown[]): Promise<number[]> {
  const rows = await tx.query<{ patients: number }>(
    `select patients from access_hour where tenant = $1 and hour >= $2 and hour < $3 and ${whose} order by hour desc limit ${maxHours}`, values,
  );
  return rows.map(({ patients }) => patients);
}
