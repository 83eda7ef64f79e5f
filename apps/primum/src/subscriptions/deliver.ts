import type { Bundle } from '@medplum/fhirtypes';
import {
  notificationOf, openSubscription, ownerOf, readSubscription, readSubscriptionEvents, subscriptionColumns, type NotificationType, type SubscriptionReason, type SubscriptionRow, type SubscriptionWish,
} from '@primum/record';
import { standingPrincipal, type AuditInput } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { Sent } from './post-notification.ts';
import { tellEvents } from './tell-events.ts';

export type DeliveryDeps = {
  core: Core;
  base(): string;
  send(row: SubscriptionRow, wish: SubscriptionWish, bundle: Bundle): Promise<Sent>;
  signal: AbortSignal;
  pace: DeliveryPace;
};

/** Pauses after failures double from `firstPauseMs` to `longestPauseMs`; after `failuresToError` in a row it is in error, and goes on being tried. */
export type DeliveryPace = { firstPauseMs: number; longestPauseMs: number; failuresToError: number; /** Beyond a channel's time limit, how long a process that died keeps a subscription. */ leaseMs: number };
export const usualPace: DeliveryPace = { firstPauseMs: 1_000, longestPauseMs: 300_000, failuresToError: 5, leaseMs: 10_000 };

const batchesAtOnce = 50;

/** Those that something is to be done for, each for one process and for a while. `bound`: whose web sockets are open here. */
export async function claimDue({ db }: Pick<Core, 'db'>, { leaseMs }: DeliveryPace, bound: readonly string[], limit: number): Promise<SubscriptionRow[]> {
  return db.query<SubscriptionRow>(`
    update subscription s set leased_until = now() + make_interval(secs => s.timeout_s + $3)
    from (select id from subscription where tenant = $1 and status <> 'off' and (leased_until is null or leased_until < now()) and (next_attempt_at is null or next_attempt_at <= now())
      and (ends_at <= now() or ((channel = 'rest-hook' or id = any($2::uuid[]))
        and (last_number > delivered_number or (channel = 'rest-hook' and handshake_at is null) or last_sent_at + make_interval(secs => heartbeat_s) <= now())))
      order by next_attempt_at nulls first, id limit $4 for update skip locked) due
    where s.tenant = $1 and s.id = due.id returning ${subscriptionColumns.split(', ').map((column) => `s.${column}`).join(', ')}`, [tenant, bound, leaseMs / 1_000, limit]);
}

/**
 * Brings one subscription up to date: handshake, what waits in the order of its numbers, a heartbeat where nothing was
 * sent for long. A number is done with (`delivered_number`) in one transaction with the audit of who was named to whom,
 * after the receiver took it; so it may be told twice, and is not lost. Gives whether it was a success.
 */
export async function deliver(deps: DeliveryDeps, claimed: SubscriptionRow): Promise<boolean> {
  const { core, signal } = deps;
  const { db, keys } = core;
  let row = claimed;
  try {
    if (row.ends_at !== null && row.ends_at.getTime() <= core.clock.now().getTime()) return await end(core, row, 'ended');
    const principal = await standingPrincipal(db, core, tenant, ownerOf(row));
    if (principal === null) return await end(core, row, 'owner-gone');
    const wish = readSubscription(await openSubscription(keys, tenant, row));
    const sent = (type: NotificationType, events: Parameters<typeof notificationOf>[4] = []): Promise<Sent> => deps.send(row, wish, notificationOf(deps.base(), { ...row, status: 'active', reason: null }, type, core.clock.now(), events));
    if (row.channel === 'rest-hook' && row.handshake_at === null) {
      const shaken = await sent('handshake');
      if (!shaken.ok) return await failed(deps, row, shaken.reason);
      const [next] = await advance(core, row, { number: row.delivered_number, withheld: 0, handshake: true });
      if (next === undefined) return true; // deleted or changed meanwhile
      row = next;
    }
    for (let batch = 0; batch < batchesAtOnce && !signal.aborted; batch += 1) {
      const events = await readSubscriptionEvents(db, tenant, row.id, { from: row.delivered_number + 1, limit: row.max_count });
      const last = events.at(-1);
      if (last === undefined) {
        // Numbers without rows: not kept, or erased.
        if (row.last_number > row.delivered_number) [row = claimed] = await advance(core, row, { number: row.last_number, withheld: 0 });
        else if (batch === 0 && heartbeatDue(core, row)) {
          const beat = await sent('heartbeat');
          if (!beat.ok) return await failed(deps, row, beat.reason);
          await advance(core, row, { number: row.delivered_number, withheld: 0 });
        }
        break;
      }
      const now = batch === 0 ? principal : await standingPrincipal(db, core, tenant, ownerOf(row));
      if (now === null) return await end(core, row, 'owner-gone');
      const { told, patientIds, withheld } = await tellEvents(core, row, now, events);
      if (told.length > 0) {
        const posted = await sent('event-notification', told);
        if (signal.aborted && !posted.ok) return false;
        const numbers = new Set(told.map(({ number }) => number));
        const audited = {
          tenant, principal: now, purpose: row.purpose, action: 'subscription.notified', at: core.clock.now(), patientIds,
          entities: [{ type: 'subscription', id: row.id }, ...events.filter(({ number }) => numbers.has(number)).map(({ type, resource_id: id }) => ({ type, id }))],
        };
        if (!posted.ok) {
          await core.audit.write(db, [{ ...audited, outcome: 'minor-failure' }]);
          return await failed(deps, row, posted.reason);
        }
        const [next] = await advance(core, row, { number: last.number, withheld, audited: { ...audited, outcome: 'success' } });
        if (next === undefined) return true;
        row = next;
      } else {
        const [next] = await advance(core, row, { number: last.number, withheld });
        if (next === undefined) return true;
        row = next;
      }
    }
    return true;
  } finally {
    await db.query('update subscription set leased_until = null where tenant = $1 and id = $2', [tenant, row.id]);
  }
}

function heartbeatDue({ clock }: Pick<Core, 'clock'>, { heartbeat_s: every, last_sent_at: sentAt }: SubscriptionRow): boolean {
  return every !== null && sentAt !== null && sentAt.getTime() + every * 1_000 <= clock.now().getTime() + 500;
}

type Advance = { number: number; withheld: number; handshake?: boolean; audited?: AuditInput };

async function advance({ db, audit }: Core, row: SubscriptionRow, { number, withheld, handshake = false, audited }: Advance): Promise<SubscriptionRow[]> {
  return db.transaction(async (tx) => {
    const rows = await tx.query<SubscriptionRow>(`
      update subscription set delivered_number = greatest(delivered_number, $3), withheld = withheld + $4, failures = 0, next_attempt_at = null, last_sent_at = now(), status = 'active', reason = null,
        handshake_at = case when $5 then now() else handshake_at end, leased_until = now() + make_interval(secs => timeout_s + 10)
      where tenant = $1 and id = $2 and status <> 'off' and version = $6 returning ${subscriptionColumns}`, [tenant, row.id, number, withheld, handshake, row.version]);
    if (audited !== undefined) await audit.write(tx, [audited]);
    return rows;
  });
}

async function failed({ core, pace, signal }: DeliveryDeps, row: SubscriptionRow, reason: SubscriptionReason): Promise<false> {
  if (signal.aborted) return false;
  const failures = row.failures + 1;
  const pauseMs = Math.min(pace.longestPauseMs, pace.firstPauseMs * 2 ** Math.min(failures - 1, 20));
  await core.db.query(`
    update subscription set failures = $3::int, next_attempt_at = now() + make_interval(secs => $4::float8), reason = case when reason = 'behind' then reason else $5::text end,
      status = case when $3::int >= $6::int and status <> 'off' then 'error' else status end
    where tenant = $1 and id = $2 and version = $7`, [tenant, row.id, failures, pauseMs / 1_000, reason, pace.failuresToError, row.version]);
  core.log.warn('subscription.not-delivered', { code: reason, attempt: failures, waiting: row.last_number - row.delivered_number });
  return false;
}

/** Ends it: nothing is told any more, and what waited goes. */
export async function end({ db, audit }: Pick<Core, 'db' | 'audit'>, { id }: Pick<SubscriptionRow, 'id'>, reason: SubscriptionReason, by?: AuditInput): Promise<true> {
  await db.transaction(async (tx) => {
    await tx.query('update subscription set status = \'off\', reason = $3, updated_at = now() where tenant = $1 and id = $2', [tenant, id, reason]);
    await tx.query('delete from subscription_event where tenant = $1 and subscription_id = $2', [tenant, id]);
    if (by !== undefined) await audit.write(tx, [by]);
  });
  return true;
}
