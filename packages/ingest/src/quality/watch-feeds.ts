import { uuidv7, type Clock } from '@primum/base';
import { writeOutbox, type Db, type Sql } from '@primum/store';
import { mintSystemPrincipal, type Audit } from '@primum/trust';
import { alarmAt, dayMs, expectedBetween, gapsAfterDay, hourMs, learnRhythm, type Rhythm } from './feed-rhythm.ts';
import { applies, type QualityRules } from './rule.ts';

export type WatchDeps = { db: Db; audit: Audit; clock: Clock; rules: QualityRules };

/** Silence counts from here at the earliest: while this program did not run, nobody could send to it. */
export type WatchState = { startedAt: number; rhythms: Map<number, { hour: number; rhythm: Rhythm }> };

export const newWatch = (startedAt: number): WatchState => ({ startedAt, rhythms: new Map() });

type Row = {
  id: number; name: string; received: number; last_received_at: Date; clock_rate: number;
  known: number | null; since: Date | null; last_at: Date | null; worst: number[] | null; worst_today: number | null; today: string | null; silent_since: Date | null;
};

const weeksLearned = 8;

/**
 * One look at all feeds: what came since the last look is counted and its gaps learned; a feed that is silent beyond its rhythm becomes
 * a finding, with an event on the audit log, and one that is heard again ends it. Arrivals are on the wall's clock, whatever
 * clock the site has; a site whose clock stands still between messages (a replay) is never called silent.
 */
export async function watchFeeds(deps: WatchDeps, tenant: number, state: WatchState): Promise<{ silent: number; returned: number }> {
  const { rules } = deps;
  const now = deps.clock.now().getTime();
  return deps.db.transaction(async (tx) => {
    const rows = await tx.query<Row>(`
      select s.id, s.application || '|' || s.facility as name, s.received, s.last_received_at, t.clock_rate,
        q.received as known, q.since, q.last_at, q.worst, q.worst_today, q.today::text as today, q.silent_since
      from source s join site t on t.tenant = s.tenant and t.id = s.site_id left join quality_feed q on q.tenant = s.tenant and q.source_id = s.id
      where s.tenant = $1 and s.last_received_at is not null order by s.id`, [tenant]);
    let silent = 0;
    let returned = 0;
    for (const row of rows) {
      const lastReceived = row.last_received_at.getTime();
      const day = new Date(now).toISOString().slice(0, 10);
      if (row.known === null || row.since === null || row.last_at === null) {
        await countMessages(tx, tenant, row.id, now, row.received);
        await tx.query('insert into quality_feed (tenant, source_id, received, since, last_at, today) values ($1, $2, $3, $4, $5, $6) on conflict do nothing',
          [tenant, row.id, row.received, new Date(now), new Date(lastReceived), day]);
        continue;
      }
      const since = row.since.getTime();
      const rhythm = await rhythmOf(tx, tenant, row.id, since, now, state);
      let worst = row.worst ?? [];
      let worstToday = row.worst_today ?? 0;
      const heard = row.received > row.known;
      if (heard) {
        await countMessages(tx, tenant, row.id, now, row.received - row.known);
        worstToday = Math.max(worstToday, expectedBetween(rhythm, Math.max(row.last_at.getTime(), state.startedAt), lastReceived));
      }
      if (row.today !== day && heard) {
        worst = gapsAfterDay(rhythm, worst, worstToday);
        worstToday = 0;
      }
      let silentSince = row.silent_since?.getTime() ?? null;
      const rule = rules.find((one) => one.kind === 'silent' && applies(one, row.name, ''));
      if (heard && silentSince !== null) {
        await ended(tx, deps, tenant, row.id, now);
        silentSince = null;
        returned += 1;
      } else if (!heard && silentSince === null && rule?.kind === 'silent' && row.clock_rate > 0) {
        const due = alarmAt(rhythm, worst, Math.max(lastReceived, state.startedAt), rule);
        if (due !== null && due <= now && !await anyWaiting(tx, tenant, row.id)) {
          await begun(tx, deps, tenant, row.id, rule.id, now);
          silentSince = lastReceived;
          silent += 1;
        }
      }
      if (heard || silentSince !== (row.silent_since?.getTime() ?? null)) {
        await tx.query(`
          update quality_feed set received = $3, last_at = $4, worst = $5, worst_today = $6, today = $7, silent_since = $8 where tenant = $1 and source_id = $2`,
        [tenant, row.id, row.received, new Date(lastReceived), worst, worstToday, heard ? day : row.today, silentSince === null ? null : new Date(silentSince)]);
      }
    }
    return { silent, returned };
  });
}

async function rhythmOf(tx: Sql, tenant: number, sourceId: number, since: number, now: number, { rhythms }: WatchState): Promise<Rhythm> {
  const hour = Math.floor(now / hourMs);
  const kept = rhythms.get(sourceId);
  if (kept?.hour === hour) return kept.rhythm;
  const rows = await tx.query<{ hour: Date; messages: number }>('select hour, messages from quality_hour where tenant = $1 and source_id = $2 and hour >= $3 and messages > 0',
    [tenant, sourceId, new Date(now - weeksLearned * 7 * dayMs)]);
  const rhythm = learnRhythm(rows.map((row) => ({ hour: row.hour.getTime(), messages: row.messages })), since, now);
  rhythms.set(sourceId, { hour, rhythm });
  return rhythm;
}

async function countMessages(tx: Sql, tenant: number, sourceId: number, now: number, messages: number): Promise<void> {
  await tx.query(`
    insert into quality_hour as q (tenant, source_id, hour, messages) values ($1, $2, $3, $4)
    on conflict (tenant, source_id, hour) do update set messages = q.messages + excluded.messages`, [tenant, sourceId, new Date(Math.floor(now / hourMs) * hourMs), messages]);
}

/** What was accepted and waits for the applier is not silence. */
async function anyWaiting(tx: Sql, tenant: number, sourceId: number): Promise<boolean> {
  return (await tx.query("select from message where tenant = $1 and status = 'received' and source_id = $2 limit 1", [tenant, sourceId])).length > 0;
}

async function begun(tx: Sql, deps: WatchDeps, tenant: number, sourceId: number, rule: string, now: number): Promise<void> {
  await tx.query("insert into quality_finding (tenant, id, rule, kind, source_id, found_at) values ($1, $2, $3, 'silent', $4, $5) on conflict do nothing",
    [tenant, uuidv7(), rule, sourceId, new Date(now)]);
  await tell(tx, deps, tenant, sourceId, 'feed.silent', now);
}

async function ended(tx: Sql, deps: WatchDeps, tenant: number, sourceId: number, now: number): Promise<void> {
  await tx.query("update quality_finding set resolved_at = $3 where tenant = $1 and source_id = $2 and kind = 'silent' and resolved_at is null", [tenant, sourceId, new Date(now)]);
  await tell(tx, deps, tenant, sourceId, 'feed.returned', now);
}

async function tell(tx: Sql, { audit }: WatchDeps, tenant: number, sourceId: number, action: 'feed.silent' | 'feed.returned', now: number): Promise<void> {
  await audit.write(tx, [{
    tenant, principal: mintSystemPrincipal('ingest'), purpose: 'HOPERAT', action, outcome: action === 'feed.silent' ? 'minor-failure' : 'success', at: new Date(now),
    entities: [{ type: 'source', id: String(sourceId) }],
  }]);
  await writeOutbox(tx, [{ tenant, topic: 'feed.changed', payload: { sourceId } }]);
}
