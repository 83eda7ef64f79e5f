import type { Fact } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Objection } from './objection.ts';
import type { CachedTimeline, TimelineCache } from './timeline-cache.ts';

type GroupRow = { root_id: string; members: string[]; known_seq: number; ai_opt_out: boolean; restricted: boolean };

/**
 * Who belongs to a root now, and up to where their facts are known: one statement, hence one snapshot. With $3 only
 * patients who are scored: in an ICU, or with a risk that was not ended.
 */
const selectGroups = `
select p.root_id, array_agg(p.id order by p.id) as members, max(p.known_seq) as known_seq, bool_or(p.ai_opt_out) as ai_opt_out, bool_or(p.restricted) as restricted
from patient p where p.tenant = $1 and p.root_id = any($2::uuid[]) group by p.root_id
having not $3 or bool_or(
  exists (select from stay s where s.tenant = $1 and s.patient_id = p.id and s.status = 'in-progress' and s.icu)
  or exists (select from stay s join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id and not r.ended where s.tenant = $1 and s.patient_id = p.id))`;

type FactRow = {
  patient_id: string; seq: number; key: string; code: string; value: number | null; text: string | null; effective_at: Date; status: string; flag: string | null;
};

const selectFacts = `
select f.patient_id, f.seq, f.key, f.code, f.value, f.text, f.effective_at, f.status, f.flag
from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as wanted (patient_id, after, pin)
cross join lateral (
  select * from fact where tenant = $1 and patient_id = wanted.patient_id and seq > wanted.after and seq <= wanted.pin
  offset 0 -- one range of the primary key per patient, whatever the planner thinks of the table's size
) f`;

/** A timeline brought up to date, and what came new with it (everything, where it was not cached). */
export type RefreshedTimeline = CachedTimeline & { news: readonly Fact[]; objection: Objection | null };

/**
 * The timelines of several root patients as known now, in two statements whatever their number: only rows that the
 * cache lacks are read. The pin of each is its `seq`: nothing above it was taken, nothing at or below it is missing,
 * because a patient's sequence grows in the order of commits and a group's members are locked together.
 */
export async function readTimelines(
  sql: Sql, cache: TimelineCache, tenant: number, rootIds: readonly string[], options: { onlyScored: boolean },
): Promise<Map<string, RefreshedTimeline>> {
  const groups = await sql.query<GroupRow>(selectGroups, [tenant, rootIds, options.onlyScored]);
  const wanted = groups.map(({ root_id, members, known_seq, ai_opt_out, restricted }) => {
    const group = members.join(' ');
    const cached = cache.get(root_id);
    const known = cached !== undefined && cached.group === group;
    return { rootId: root_id, members, group, pin: known_seq, after: known ? cached.seq : 0, whole: !known, objection: ai_opt_out ? 'objected' as const : restricted ? 'restricted' as const : null };
  });
  const reads = wanted.filter(({ pin, after, whole }) => whole || pin > after)
    .flatMap(({ rootId, members, after, pin }) => members.map((id) => ({ rootId, id, after, pin })));
  const facts = await factsByRoot(sql, tenant, reads);
  return new Map(wanted.map(({ rootId, group, pin, whole, objection }) => {
    const news = facts.get(rootId) ?? [];
    return [rootId, { ...cache.put(rootId, { group, seq: pin, rows: news, whole }), news, objection }];
  }));
}

async function factsByRoot(
  sql: Sql, tenant: number, reads: readonly { rootId: string; id: string; after: number; pin: number }[],
): Promise<Map<string, Fact[]>> {
  const byRoot = new Map<string, Fact[]>();
  if (reads.length === 0) return byRoot;
  const rows = await sql.query<FactRow>(selectFacts, [
    tenant, reads.map(({ id }) => id), reads.map(({ after }) => after), reads.map(({ pin }) => pin),
  ]);
  const rootOf = new Map(reads.map(({ id, rootId }) => [id, rootId]));
  for (const row of rows) {
    const rootId = rootOf.get(row.patient_id)!; // the join asked for these patients only
    const facts = byRoot.get(rootId);
    if (facts === undefined) byRoot.set(rootId, [factOf(row)]);
    else facts.push(factOf(row));
  }
  return byRoot;
}

function factOf(row: FactRow): Fact {
  return {
    key: row.key,
    code: row.code,
    value: row.value,
    effectiveAt: row.effective_at.getTime(),
    seq: row.seq,
    status: row.status as Fact['status'], // the writer's type is the column's only source
    ...(row.text === null ? {} : { text: row.text }),
    ...(row.flag === null ? {} : { flag: row.flag as NonNullable<Fact['flag']> }), // as above
  };
}
