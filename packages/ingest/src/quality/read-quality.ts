import type { Sql } from '@primum/store';
import { alarmAt, dayMs, learnRhythm } from './feed-rhythm.ts';
import { applies, type Dimension, type QualityRules } from './rule.ts';

/** 0 to 1 with how many facts (and, for validity, refused messages) it rests on; null without any. */
export type Score = { value: number | null; n: number };
export type Scores = Readonly<Record<Dimension, Score>>;

export type Sums = { messages: number; refused: number; facts: number; missing: number; flagged: number; timed: number; late: number; inconsistent: number };

/** The formulas of docs/quality.md. */
export function scoresOf({ refused, facts, missing, flagged, timed, late, inconsistent }: Sums): Scores {
  const share = (bad: number, n: number): Score => ({ value: n === 0 ? null : Math.max(0, 1 - bad / n), n });
  return { completeness: share(missing, facts), validity: share(flagged + refused, facts + refused), timeliness: share(late, timed), consistency: share(inconsistent, facts) };
}

export type SourceQuality = {
  id: number; name: string; site: string; lastReceivedAt: Date | null; silentSince: Date | null;
  /** When silence would be called; null: not while it is silent, or never. */
  alarmAt: Date | null;
  today: Scores; messages: number;
  days: readonly { day: string; scores: Scores }[];
};

export type StoredFinding = { id: string; rule: string; kind: string; source: string | null; code: string | null; message_id: string | null; found_at: Date; resolved_at: Date | null };

export type QualityOverview = { sources: readonly SourceQuality[]; counts: readonly { rule: string; source: string | null; found: number }[]; findings: readonly StoredFinding[] };

const daysShown = 14;
const findingsShown = 50;

/** What a person sees of data quality: each source's scores over the last 24 hours and by day, rules by what they found in a week, the newest findings. */
export async function readQuality(sql: Sql, tenant: number, rules: QualityRules, now: Date): Promise<QualityOverview> {
  const sums = ['messages', 'refused', 'facts', 'missing', 'flagged', 'timed', 'late', 'inconsistent'].map((name) => `sum(${name})::float8 as ${name}`).join(', ');
  const day = "to_char(hour at time zone 'UTC', 'YYYY-MM-DD')";
  const [sources, byDay, lately, hours, counts, findings] = await Promise.all([
    sql.query<{ id: number; name: string; site: string; last_received_at: Date | null; silent_since: Date | null; since: Date | null; worst: number[] | null; clock_rate: number }>(`
      select s.id, s.application || '|' || s.facility as name, t.code as site, s.last_received_at, q.silent_since, q.since, q.worst, t.clock_rate
      from source s join site t on t.tenant = s.tenant and t.id = s.site_id left join quality_feed q on q.tenant = s.tenant and q.source_id = s.id
      where s.tenant = $1 order by s.application, s.facility limit 500`, [tenant]),
    sql.query<Sums & { source_id: number; day: string }>(`select source_id, ${day} as day, ${sums} from quality_hour where tenant = $1 and hour >= $2 group by 1, 2`,
      [tenant, new Date(Math.floor(now.getTime() / dayMs) * dayMs - (daysShown - 1) * dayMs)]),
    sql.query<Sums & { source_id: number }>(`select source_id, ${sums} from quality_hour where tenant = $1 and hour > $2 group by 1`, [tenant, new Date(now.getTime() - dayMs)]),
    sql.query<{ source_id: number; hour: Date; messages: number }>('select source_id, hour, messages from quality_hour where tenant = $1 and hour >= $2 and messages > 0', [tenant, new Date(now.getTime() - 56 * dayMs)]),
    sql.query<{ rule: string; source: string | null; found: number }>(`
      select c.rule, s.application || '|' || s.facility as source, sum(c.found)::float8 as found
      from quality_count c left join source s on s.tenant = c.tenant and s.id = c.source_id
      where c.tenant = $1 and c.hour > $2 group by 1, 2 order by 3 desc limit 200`, [tenant, new Date(now.getTime() - 7 * dayMs)]),
    sql.query<StoredFinding>(`
      select f.id, f.rule, f.kind, s.application || '|' || s.facility as source, f.code, f.message_id, f.found_at, f.resolved_at
      from quality_finding f left join source s on s.tenant = f.tenant and s.id = f.source_id
      where f.tenant = $1 order by f.found_at desc limit $2`, [tenant, findingsShown]),
  ]);
  const empty: Sums = { messages: 0, refused: 0, facts: 0, missing: 0, flagged: 0, timed: 0, late: 0, inconsistent: 0 };
  const dayNames = Array.from({ length: daysShown }, (_, n) => new Date(now.getTime() - (daysShown - 1 - n) * dayMs).toISOString().slice(0, 10));
  const api = byDay.some(({ source_id }) => source_id === 0) ? [{ id: 0, name: 'FHIR', site: '', last_received_at: null, silent_since: null, since: null, worst: null, clock_rate: 0 }] : [];
  return {
    sources: [...sources, ...api].map((row) => {
      const rule = rules.find((one) => one.kind === 'silent' && applies(one, row.name, ''));
      const learned = row.since === null || row.last_received_at === null || row.silent_since !== null || row.clock_rate === 0 || rule?.kind !== 'silent' ? null
        : alarmAt(learnRhythm(hours.filter(({ source_id }) => source_id === row.id).map(({ hour, messages }) => ({ hour: hour.getTime(), messages })), row.since.getTime(), now.getTime()), row.worst ?? [], row.last_received_at.getTime(), rule);
      const last = lately.find(({ source_id }) => source_id === row.id) ?? empty;
      return {
        id: row.id, name: row.name, site: row.site, lastReceivedAt: row.last_received_at, silentSince: row.silent_since, alarmAt: learned === null ? null : new Date(learned),
        today: scoresOf(last), messages: last.messages,
        days: dayNames.map((name) => ({ day: name, scores: scoresOf(byDay.find(({ source_id, day: one }) => source_id === row.id && one === name) ?? empty) })),
      };
    }),
    counts, findings,
  };
}

const findingDays = 30;
const countDays = 90;

/** Bounds what is kept: findings for a month, counts and hours for three. */
export async function trimQuality(sql: Sql, tenant: number, now: Date): Promise<void> {
  const before = (days: number): Date => new Date(now.getTime() - days * dayMs);
  await sql.query('delete from quality_finding where tenant = $1 and found_at < $2 and (kind <> $3 or resolved_at is not null)', [tenant, before(findingDays), 'silent']);
  await sql.query('delete from quality_count where tenant = $1 and hour < $2', [tenant, before(countDays)]);
  await sql.query('delete from quality_hour where tenant = $1 and hour < $2', [tenant, before(countDays)]);
}
