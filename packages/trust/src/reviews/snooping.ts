import { setTimeout as sleep } from 'node:timers/promises';
import { errorFields, type Log } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import { mintSystemPrincipal } from '../access/principal.ts';
import { looksContext, type LooksContextDeps } from './looks-context.ts';
import { openReview, type NewReview } from './open-review.ts';
import type { SnoopingRules } from './snooping-rules.ts';
import { suspicionsOf, type Looks, type Suspicion } from './suspicions.ts';
import { volumeFindings } from './volume-findings.ts';

export type SnoopingDeps = LooksContextDeps & { db: Db; rules: SnoopingRules; log: Log };

type EventRow = { id: string; recorded_at: Date; actor: string; purpose: string; action: string; outcome: string; patient_ids: string[] };

const eventsPerRound = 2_000;
/** A stretch of the log without anybody's look is only noted when it is this long: a commit costs an fsync. */
const lazyOffset = 10_000;
const checksPerRound = 200;
const hourMs = 3_600_000;

/**
 * The snooping detector reads the audit log behind its numbers, with a place of its own: it slows no read, misses none,
 * and after a crash goes on where its last committed round ended. Who looked at whom on a day is held against the rules;
 * each finding names its audit events, and a person, patient, kind and day make one finding however often they looked.
 */
export function startSnoopingDetector(deps: SnoopingDeps, { tenant, pollMs = 2_000 }: { tenant: number; pollMs?: number }): { close(): Promise<void> } {
  const stop = new AbortController();
  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stop.signal.aborted) {
      let more = false;
      try {
        more = await detectSnooping(deps, tenant);
        failures = 0;
      } catch (error) {
        failures += 1;
        deps.log.warn('snooping.interrupted', errorFields(error));
      }
      if (!more) await sleep(Math.min(60_000, pollMs * 2 ** Math.min(failures, 10)), undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    close: async () => {
      stop.abort();
      await running;
    },
  };
}

/** One round: the next stretch of the log, and the looks whose second question is due. Says whether more of the log waits. */
export async function detectSnooping(deps: SnoopingDeps, tenant: number): Promise<boolean> {
  const { db, clock, rules } = deps;
  const [place] = await db.query<{ head: number; seq: number; due: boolean; people: boolean }>(
    `select h.head, p.seq, exists (select 1 from relationship_check where tenant = $1 and ask_again_at <= $2) as due,
       exists (select 1 from audit_event where tenant = $1 and seq > p.seq and seq <= p.seq + $3 and actor like 'user:%') as people
     from (select coalesce((select seq from audit_head where tenant = $1), 0) as head) h,
       (select coalesce((select seq from review_progress where tenant = $1), 0) as seq) p`,
    [tenant, clock.now(), eventsPerRound],
  );
  const { head, seq, due, people } = place!; // scalar subqueries: always one row
  if (!due && !people && head - seq < Math.min(lazyOffset, eventsPerRound)) return false;
  return db.transaction(async (tx) => {
    await tx.query('insert into review_progress (tenant, seq) values ($1, 0) on conflict do nothing', [tenant]);
    const [held] = await tx.query<{ seq: number }>('select seq from review_progress where tenant = $1 for update', [tenant]);
    const fromSeq = held!.seq; // inserted just before
    const upToSeq = Math.min(head, fromSeq + eventsPerRound);
    const events = await tx.query<EventRow>(
      `select id, recorded_at, actor, purpose, action, outcome, coalesce(patient_ids, array_remove(array[patient_id], null)) as patient_ids
       from audit_event where tenant = $1 and seq > $2 and seq <= $3 and actor like 'user:%' order by seq`,
      [tenant, fromSeq, upToSeq],
    );
    const opened = events.filter(({ outcome, action, purpose, patient_ids }) =>
      outcome === 'success' && patient_ids.length > 0 && !rules.notLooks.includes(action) && !rules.notPurposes.includes(purpose));
    const looks = await looksOf(deps, tx, tenant, opened);
    const context = looks.length === 0 ? undefined : await looksContext(deps, tx, tenant, looks);
    const suspicions = context === undefined ? [] : looks.flatMap((one) => suspicionsOf(rules, one, context));
    await askLater(tx, tenant, rules, suspicions.filter(({ kind }) => kind === 'no-relationship'));
    await report(deps, tx, [
      ...suspicions.filter(({ kind }) => kind !== 'no-relationship').map((suspicion) => reviewOf(tenant, suspicion)),
      ...await volumeFindings(tx, rules, tenant, opened.map(({ actor, recorded_at }) => ({ actor, at: recorded_at })), upToSeq),
      ...await manyEmergencies(tx, rules, tenant, events),
      ...await stillUnrelated(deps, tx, tenant),
    ]);
    await tx.query('delete from access_hour where tenant = $1 and hour < $2', [tenant, new Date(clock.now().getTime() - (rules.unusualVolume.baselineDays + 1) * 24 * hourMs)]);
    await tx.query('update review_progress set seq = greatest(seq, $2) where tenant = $1', [tenant, upToSeq]);
    return upToSeq < head;
  });
}

/** One entry a person, patient (survivor of merges) and UTC day. */
async function looksOf(deps: SnoopingDeps, tx: Sql, tenant: number, events: readonly EventRow[]): Promise<Looks[]> {
  const members = await deps.groups(tx, tenant, [...new Set(events.flatMap(({ patient_ids }) => patient_ids))]);
  const roots = new Map(members.map(({ patientId, rootId }) => [patientId, rootId]));
  const found = new Map<string, Looks & { purposes: Set<string> }>();
  for (const { id, actor, recorded_at, purpose, patient_ids } of events) {
    for (const patientId of new Set(patient_ids.map((each) => roots.get(each) ?? each))) {
      const key = `${actor} ${patientId} ${dayOf(recorded_at)}`;
      const looks = found.get(key) ?? { actor, patientId, at: recorded_at, eventIds: [], purposes: new Set<string>() };
      looks.eventIds.push(id);
      looks.purposes.add(purpose);
      found.set(key, looks);
    }
  }
  return [...found.values()];
}

function reviewOf(tenant: number, { kind, looks, userId, score }: Suspicion): NewReview {
  return { tenant, kind, actor: looks.actor, userId, patientId: looks.patientId, at: looks.at, auditEventIds: looks.eventIds, score, detail: { looks: looks.eventIds.length } };
}

/** A bed may be given, or a patient transferred, minutes after somebody looked: the question waits. */
async function askLater(tx: Sql, tenant: number, rules: SnoopingRules, unrelated: readonly Suspicion[]): Promise<void> {
  for (const { looks, userId } of unrelated) {
    await tx.query(
      `insert into relationship_check as c (tenant, actor, patient_id, day, user_id, at, ask_again_at, audit_event_ids) values ($1, $2, $3, $4, $5, $6, $7, $8::uuid[])
       on conflict (tenant, actor, patient_id, day) do update set audit_event_ids = (c.audit_event_ids || excluded.audit_event_ids)[:200]`,
      [tenant, looks.actor, looks.patientId, dayOf(looks.at), userId, looks.at, new Date(looks.at.getTime() + rules.noRelationship.askAgainAfterHours * hourMs), looks.eventIds.slice(0, 200)],
    );
  }
}

type CheckRow = { actor: string; patient_id: string; user_id: string; at: Date; audit_event_ids: string[] };

async function stillUnrelated(deps: SnoopingDeps, tx: Sql, tenant: number): Promise<NewReview[]> {
  const checks = await tx.query<CheckRow>(
    `delete from relationship_check where (tenant, actor, patient_id, day) in
       (select tenant, actor, patient_id, day from relationship_check where tenant = $1 and ask_again_at <= $2 order by ask_again_at limit ${checksPerRound})
     returning actor, patient_id, user_id, at, audit_event_ids`,
    [tenant, deps.clock.now()],
  );
  if (checks.length === 0) return [];
  const units = await deps.careUnits(tx, tenant, [...new Set(checks.map(({ user_id }) => user_id))]);
  const facts = new Map((await deps.policy.factsOf(tx, tenant, [...new Set(checks.map(({ patient_id }) => patient_id))])).map((each) => [each.patientId, each]));
  return checks
    .filter(({ user_id, patient_id }) => {
      const known = facts.get(patient_id);
      return known !== undefined && !(units.get(user_id) ?? []).some((unit) => known.careUnits.includes(unit));
    })
    .map(({ actor, user_id, patient_id, at, audit_event_ids }) => ({
      tenant, kind: 'no-relationship' as const, actor, userId: user_id, patientId: patient_id, at, auditEventIds: audit_event_ids, score: deps.rules.noRelationship.score,
      detail: { looks: audit_event_ids.length },
    }));
}

/** Counted on the queue itself, where each emergency access is an item. */
async function manyEmergencies(tx: Sql, rules: SnoopingRules, tenant: number, events: readonly EventRow[]): Promise<NewReview[]> {
  const { enabled, times, days, score } = rules.manyEmergencies;
  const actors = [...new Set(events.filter(({ purpose }) => purpose === 'BTG').map(({ actor }) => actor))];
  if (!enabled || actors.length === 0) return [];
  const rows = await tx.query<{ actor: string; user_id: string | null; times: number; last: Date; event_ids: string[] }>(
    `select r.actor, (array_agg(r.user_id))[1] as user_id, count(*)::int as times, max(r.at) as last,
       (select array_agg(e) from review_item i cross join lateral unnest(i.audit_event_ids) e where i.tenant = $1 and i.actor = r.actor and i.kind = 'emergency-access' and i.at > max(r.at) - $3 * interval '1 day') as event_ids
     from review_item r
     where r.tenant = $1 and r.actor = any($2) and r.kind = 'emergency-access'
       and r.at > (select max(at) from review_item m where m.tenant = $1 and m.actor = r.actor and m.kind = 'emergency-access') - $3 * interval '1 day'
     group by r.actor having count(*) >= $4`,
    [tenant, actors, days, times],
  );
  return rows.map((row) => ({
    tenant, kind: 'many-emergencies', actor: row.actor, ...(row.user_id === null ? {} : { userId: row.user_id }), patientId: null, at: row.last, auditEventIds: row.event_ids, score,
    detail: { times: row.times, days },
  }));
}

/** Onto the queue and, where new, onto the audit log: the office is told of findings by name of the rule only. */
async function report(deps: SnoopingDeps, tx: Sql, reviews: readonly NewReview[]): Promise<void> {
  const principal = mintSystemPrincipal('trust');
  for (const review of reviews) {
    const { id, isNew } = await openReview(tx, review);
    if (!isNew) continue;
    await deps.audit.write(tx, [{
      tenant: review.tenant, action: 'review.opened', outcome: 'success', principal, purpose: 'HCOMPL', at: deps.clock.now(),
      ...(review.patientId === null ? {} : { patientId: review.patientId }), entities: [{ type: 'review', id }, { type: 'rule', id: review.kind }],
    }]);
  }
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}
