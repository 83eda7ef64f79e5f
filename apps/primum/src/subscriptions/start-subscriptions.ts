import type { IncomingMessage, Server } from 'node:http';
import { errorFields } from '@primum/base';
import { createRecordEvents, notificationOf, ownerOf, stringifyFhir, subscriptionColumns, type ChangedResource, type SubscriptionRow } from '@primum/record';
import { runConsumer, type NumberedSource } from '@primum/store';
import { standingPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { Fhir } from '../fhir.ts';
import { claimDue, deliver, end, usualPace, type DeliveryPace } from './deliver.ts';
import type { EndpointRules } from './endpoint-rules.ts';
import { createPost } from './post-notification.ts';
import { createWebSockets } from './web-sockets.ts';

export type Subscriptions = {
  rules: EndpointRules;
  /** There may be something to send. */
  kick(): void;
  /** Opens web sockets on the server and begins to deliver. */
  serve(server: Server, isOurs: (request: IncomingMessage) => boolean): void;
  close(): Promise<void>;
};

export type SubscriptionOptions = {
  rules: EndpointRules; base(): string; sequencer?: NumberedSource;
  pace?: DeliveryPace; /** Events that may wait for one subscription; further ones are counted alone. */ maxWaiting?: number; atOnce?: number; pollMs?: number;
};

/** How long events that were delivered can be asked for again ($events). */
const keptDays = 7;
const sweepMs = 2_000;
const trimEvery = 30;

/**
 * FHIR subscriptions: a consumer writes events into the table as resources change, in the transaction that moves its place
 * in the stream; delivery takes them from there, one notification at a time for each subscription, many subscriptions at once.
 */
export function startSubscriptions(core: Core, { search }: Pick<Fhir, 'search'>, options: SubscriptionOptions): Subscriptions {
  const { db, keys, log, clock } = core;
  const { rules, base, sequencer, pace = usualPace, maxWaiting = 10_000, atOnce = 16, pollMs = 1_000 } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const { post, close: closePost } = createPost(rules);
  const running = new Set<Promise<void>>();
  let wanted = false;
  let serving = false;
  let consuming: Promise<void> | undefined;
  let looking: Promise<void> | undefined;

  const sockets = createWebSockets({
    keys, now: () => clock.now(),
    opened: async (id) => {
      const [row] = await db.query<SubscriptionRow>(`select ${subscriptionColumns} from subscription where tenant = $1 and id = $2 and status <> 'off' and channel = 'websocket'`, [tenant, id]);
      if (row === undefined || await standingPrincipal(db, core, tenant, ownerOf(row)) === null) return null;
      await db.query('update subscription set last_sent_at = now(), next_attempt_at = null where tenant = $1 and id = $2', [tenant, id]);
      setTimeout(kick, 0);
      return JSON.stringify(notificationOf(base(), row, 'handshake', clock.now()));
    },
  });

  /** Looks again for as long as something was found, or was wanted meanwhile. */
  const look = async (): Promise<void> => {
    do {
      wanted = false;
      const due = signal.aborted || running.size >= atOnce ? [] : await claimDue(core, pace, sockets.bound(), atOnce - running.size);
      for (const row of due) {
        const work = deliver({
          core, base, pace, signal, send: (to, wish, bundle) => (to.channel === 'websocket' ? sockets.send(to.id, stringifyFhir(bundle)) : post(wish, stringifyFhir(bundle), signal)),
        }, row).then(() => undefined, (error: unknown) => {
          log.error('subscription.failed', errorFields(error));
          return db.query('update subscription set next_attempt_at = now() + interval \'5 seconds\' where tenant = $1 and id = $2', [tenant, row.id]).then(() => undefined, () => undefined);
        }).finally(() => {
          running.delete(work);
          kick();
        });
        running.add(work);
      }
    } while (wanted && !signal.aborted);
  };
  function kick(): void {
    wanted = true;
    if (signal.aborted || !serving) return;
    looking ??= look().catch((error: unknown) => log.error('subscription.failed', errorFields(error))).finally(() => { looking = undefined; });
  }

  /** Ends those whose creator is not there any more, also where nothing happens; cuts their sockets; trims what was delivered long ago. */
  let sweeps = 0;
  const sweep = async (): Promise<void> => {
    const gone = await db.query<{ id: string }>(`
      select id from subscription s where tenant = $1 and status <> 'off' and (not exists (select from client c where c.tenant = s.tenant and c.id = s.client_id and c.disabled_at is null)
        or (user_id is not null and not exists (select from oidc_grant g where g.tenant = s.tenant and g.client_id = s.client_id and g.user_id = s.user_id and g.expires_at > $2))) limit 1000`, [tenant, clock.now()]);
    for (const row of gone) await end(core, row, 'owner-gone');
    const bound = sockets.bound();
    if (bound.length > 0) {
      const rows = await db.query<SubscriptionRow>(`select ${subscriptionColumns} from subscription where tenant = $1 and id = any($2::uuid[]) and status <> 'off' and channel = 'websocket'`, [tenant, bound]);
      const on = new Map(rows.map((row) => [row.id, row]));
      for (const id of bound) {
        const row = on.get(id);
        if (row === undefined || await standingPrincipal(db, core, tenant, ownerOf(row)) === null) sockets.drop(id, 'the subscription is over');
      }
    }
    if ((sweeps += 1) % trimEvery !== 0) return;
    await db.query(`delete from subscription_event e using subscription s where e.tenant = $1 and s.tenant = e.tenant and s.id = e.subscription_id and e.number <= s.delivered_number
      and (e.at < now() - make_interval(days => ${keptDays}) or e.number <= s.delivered_number - $2)`, [tenant, maxWaiting]);
    await db.query('delete from subscription where tenant = $1 and status = \'off\' and updated_at < now() - interval \'30 days\'', [tenant]);
  };

  const record = createRecordEvents({ ...core, search, base }, tenant, { maxWaiting });
  const consume = (): Promise<void> => runConsumer({ db, log, ...(sequencer === undefined ? {} : { sequencer }) }, { tenant, name: 'subscriptions', topics: ['resource.changed'], from: 'now', batchSize: 20, signal }, async (tx, events) => {
    // Written by `writeVersions`.
    const changed = events.flatMap(({ payload }) => (payload as unknown as { resources: ChangedResource[] }).resources);
    return await record(tx, changed) > 0 ? kick : undefined;
  });

  let sweeping: Promise<void> | undefined;
  const timers: NodeJS.Timeout[] = [];
  return {
    rules, kick,
    serve(server, isOurs) {
      sockets.serve(server, isOurs);
      serving = true;
      consuming = consume();
      timers.push(setInterval(kick, pollMs), setInterval(() => {
        sweeping ??= sweep().catch((error: unknown) => log.error('subscription.failed', errorFields(error))).finally(() => { sweeping = undefined; });
      }, sweepMs));
      kick();
    },
    async close() {
      stopping.abort();
      timers.forEach((timer) => clearInterval(timer));
      sockets.close();
      await Promise.all([consuming, looking, sweeping, ...running]);
      closePost();
    },
  };
}
