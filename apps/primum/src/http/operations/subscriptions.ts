import type { Bundle, Parameters, Subscription } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import type { SubscriptionRow as Shown, SubscriptionsPage, subscriptionsRoutes } from '@primum/contract';
import {
  compileMatcher, demandCriteria, loadPurposeViews, notificationOf, openSubscription, parseSearch, readSubscription, readSubscriptionEvents, subscriptionColumns, subscriptionStatusOf, subscriptionTopics, writeSubscription, type SubscriptionRow, type SubscriptionWish,
} from '@primum/record';
import { scopesAllow, type AuditInput, type Interaction, type Principal, type StandingOwner } from '@primum/trust';
import { tenant } from '../../core.ts';
import { end } from '../../subscriptions/deliver.ts';
import { demandEndpoint } from '../../subscriptions/endpoint-rules.ts';
import { tellEvents } from '../../subscriptions/tell-events.ts';
import { bindingToken, webSocketPath } from '../../subscriptions/web-sockets.ts';
import { callerOf, readerOf, textOf } from '../caller.ts';
import { headerOf, versionMatched } from '../fhir/exchange.ts';
import { answered, bundleOf, fhirCaller, resourceOf, type FhirCaller } from '../fhir/interaction.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const maxEvents = 1_000;

/** Subscriptions of FHIR: each is its creator's alone, an app's for a person or a service account's. */
export function subscriptionsOperations(deps: HandlerDeps): Record<keyof typeof subscriptionsRoutes, Handler> {
  const { core, subscriptions } = deps;
  const { db, keys, audit, clock } = core;
  const views = loadPurposeViews();

  /** Their own, by id: another's is as little there as none. */
  const own = async (caller: FhirCaller, id: string): Promise<SubscriptionRow> => {
    const { clientId, userId } = ownerOfCall(caller.principal);
    const [row] = uuid.test(id)
      ? await db.query<SubscriptionRow>(`select ${subscriptionColumns} from subscription where tenant = $1 and id = $2 and client_id = $3 and user_id is not distinct from $4`, [tenant, id, clientId, userId]) : [];
    if (row === undefined) throw new PrimumError('record.not-found', 'Subscription');
    return row;
  };
  const written = (call: Call, action: string, id: string): AuditInput => ({ tenant, principal: readerOf(call), purpose: call.purpose, action, outcome: 'success', at: clock.now(), entities: [{ type: 'subscription', id }] });

  const put = async (call: Call, standing: SubscriptionRow | null): Promise<unknown> => {
    const caller = fhirCaller(call);
    demandScope(caller.principal, standing === null ? 'c' : 'u');
    const resource = resourceOf(call.body, 'Subscription') as Subscription; // of that type
    const { id: _id, meta: _meta, error: _error, ...said } = resource;
    const wish = wishOf(caller, resource);
    const id = standing?.id ?? uuidv7();
    const row = await db.transaction(async (tx) => {
      const made = await writeSubscription(tx, keys, tenant, { id, owner: ownerOfCall(caller.principal), purpose: call.purpose, resource: said, wish }, standing?.version ?? null);
      await audit.write(tx, [written(call, standing === null ? 'subscription.created' : 'subscription.updated', id)]);
      return made;
    });
    subscriptions.kick();
    return answered(call, {
      status: standing === null ? 201 : 200, version: row.version, at: row.updated_at, ...(standing === null ? { location: `${caller.base}/Subscription/${id}/_history/1` } : {}),
      ...(caller.prefer.return === 'minimal' ? {} : { resource: await openSubscription(keys, tenant, row) }),
    });
  };

  /** What is asked for, as far as it may be at all. */
  const wishOf = ({ principal, purpose, base }: FhirCaller, resource: Subscription): SubscriptionWish => {
    const wish = readSubscription(resource);
    const view = views[purpose];
    if (view !== undefined && (view.pseudonyms || view.shiftDates)) throw new PrimumError('fhir.not-supported', 'a purpose that sees pseudonyms');
    if (view !== undefined) demandCriteria(view, parseSearch(wish.type, wish.filters));
    if (view !== undefined && view.types[wish.type] === undefined) throw new PrimumError('policy.view-missing', wish.type);
    const { scopes } = ownerOfCall(principal);
    if (!scopesAllow(scopes, 'r', wish.type) && !scopesAllow(scopes, 's', wish.type)) throw new PrimumError('auth.scope-insufficient');
    compileMatcher({ keys, clock, base }, tenant, wish);
    demandEndpoint(subscriptions.rules, wish);
    if (!['requested', 'active', 'off', undefined].includes(resource.status)) throw new PrimumError('fhir.invalid', 'Subscription.status');
    return wish;
  };

  const status: Handler = async (call) => {
    const caller = fhirCaller(call);
    const row = await own(caller, textOf(call.params, 'id'));
    return answered(call, { status: 200, resource: statuses(caller, [row]) });
  };
  const events: Handler = async (call) => {
    const caller = fhirCaller(call);
    demandScope(caller.principal, 'r');
    const row = await own(caller, textOf(call.params, 'id'));
    const asked = parametersOf(call);
    const content = asked.get('content')?.[0] ?? row.content;
    if (content !== 'empty' && content !== 'id-only' && content !== 'full-resource') throw new PrimumError('fhir.parameter-invalid', 'content');
    const [from, to] = [numberIn(asked, 'eventsSinceNumber') ?? 1, numberIn(asked, 'eventsUntilNumber') ?? null];
    const rows = await readSubscriptionEvents(db, tenant, row.id, { from, to, limit: maxEvents });
    const { told } = await tellEvents(core, row, caller.principal, rows, content);
    return answered(call, { status: 200, resource: notificationOf(caller.base, row, 'query-event', clock.now(), told, content) });
  };
  const token: Handler = async (call) => {
    const caller = fhirCaller(call);
    const row = await own(caller, textOf(call.params, 'id'));
    if (row.channel !== 'websocket') throw new PrimumError('fhir.not-supported', 'the subscription\'s channel is not a web socket');
    if (row.status === 'off') throw new PrimumError('record.not-found', 'Subscription');
    const { token: made, expiresAt } = bindingToken(keys, [row.id], clock.now());
    await audit.write(db, [written(call, 'subscription.bound', row.id)]);
    const parameters: Parameters = {
      resourceType: 'Parameters',
      parameter: [
        { name: 'token', valueString: made }, { name: 'expiration', valueDateTime: expiresAt.toISOString() }, { name: 'subscription', valueString: row.id },
        { name: 'websocket-url', valueUrl: `${caller.base.replace(/^http/, 'ws').replace(/\/api\/fhir$/, webSocketPath)}` },
      ],
    };
    return answered(call, { status: 200, resource: parameters });
  };

  const search = async (call: Call): Promise<{ caller: FhirCaller; rows: SubscriptionRow[] }> => {
    const caller = fhirCaller(call);
    demandScope(caller.principal, 's');
    const { clientId, userId } = ownerOfCall(caller.principal);
    const asked = new URLSearchParams(call.request.url.split('?')[1] ?? '');
    const unknown = [...asked.keys()].find((name) => !['_id', 'id', 'status', '_count', '_format', '_pretty'].includes(name));
    if (unknown !== undefined && caller.prefer.handling === 'strict') throw new PrimumError('fhir.parameter-unknown', 'of a Subscription _id and status');
    const wanted = (names: string[]): string[] | null => { const values = names.flatMap((name) => asked.getAll(name)).flatMap((value) => value.split(',')); return values.length === 0 ? null : values; };
    const rows = await db.query<SubscriptionRow>(
      `select ${subscriptionColumns} from subscription where tenant = $1 and client_id = $2 and user_id is not distinct from $3 and ($4::text[] is null or status = any($4)) and ($5::text[] is null or id::text = any($5)) order by created_at, id limit 500`,
      [tenant, clientId, userId, wanted(['status']), wanted(['_id', 'id'])]);
    return { caller, rows };
  };
  const statuses = (caller: FhirCaller, rows: readonly SubscriptionRow[]): Bundle => bundleOf('searchset', {
    total: rows.length, entry: rows.map((row) => ({ fullUrl: `${caller.base}/Subscription/${row.id}/$status`, resource: subscriptionStatusOf(caller.base, row, 'query-status'), search: { mode: 'match' } })),
  });

  return {
    createSubscription: (call) => put(call, null),
    updateSubscription: async (call) => {
      const caller = fhirCaller(call);
      demandScope(caller.principal, 'u');
      const row = await own(caller, textOf(call.params, 'id'));
      const ifMatch = versionMatched(headerOf(call, 'if-match'));
      if (ifMatch !== undefined && ifMatch !== row.version) throw new PrimumError('record.version-mismatch');
      if ((call.body as { id?: unknown } | null)?.id !== row.id) throw new PrimumError('fhir.invalid', 'id is not that of the address');
      return put(call, row);
    },
    readSubscription: async (call) => {
      const caller = fhirCaller(call);
      demandScope(caller.principal, 'r');
      const row = await own(caller, textOf(call.params, 'id'));
      return answered(call, { status: 200, version: row.version, at: row.updated_at, resource: await openSubscription(keys, tenant, row) });
    },
    deleteSubscription: async (call) => {
      const caller = fhirCaller(call);
      demandScope(caller.principal, 'd');
      const row = await own(caller, textOf(call.params, 'id'));
      await db.transaction(async (tx) => {
        await tx.query('delete from subscription where tenant = $1 and id = $2', [tenant, row.id]);
        await audit.write(tx, [written(call, 'subscription.deleted', row.id)]);
      });
      return answered(call, { status: 204 });
    },
    searchSubscriptions: async (call) => {
      const { caller, rows } = await search(call);
      const entry = await Promise.all(rows.map(async (row) => ({ fullUrl: `${caller.base}/Subscription/${row.id}`, resource: await openSubscription(keys, tenant, row), search: { mode: 'match' as const } })));
      return answered(call, { status: 200, resource: bundleOf('searchset', { total: rows.length, entry }) });
    },
    subscriptionStatuses: async (call) => {
      const { caller, rows } = await search(call);
      return answered(call, { status: 200, resource: statuses(caller, rows) });
    },
    subscriptionStatus: status, subscriptionStatusByForm: status,
    subscriptionEvents: events, subscriptionEventsByForm: events,
    webSocketToken: token, webSocketTokenByForm: token,

    subscriptions: async (): Promise<SubscriptionsPage> => {
      const rows = await db.query<SubscriptionRow & { oldest: Date | null }>(`
        select ${subscriptionColumns}, (select at from subscription_event e where e.tenant = s.tenant and e.subscription_id = s.id and e.number > s.delivered_number order by number limit 1) as oldest
        from subscription s where tenant = $1 order by case status when 'error' then 0 when 'requested' then 1 when 'active' then 2 else 3 end, created_at desc limit 1000`, [tenant]);
      return {
        subscriptions: await Promise.all(rows.map(async (row): Promise<Shown> => ({
          id: row.id, clientId: row.client_id, person: row.user_id !== null, topic: row.topic, resourceType: row.resource_type, channel: row.channel, content: row.content, status: row.status, reason: row.reason,
          host: row.channel === 'websocket' ? null : readSubscription(await openSubscription(keys, tenant, row)).endpoint?.host ?? null,
          events: row.last_number, waiting: row.last_number - row.delivered_number, oldestWaitingAt: row.oldest?.toISOString() ?? null, missed: row.missed, withheld: row.withheld, failures: row.failures,
          lastSentAt: row.last_sent_at?.toISOString() ?? null, nextAttemptAt: row.next_attempt_at?.toISOString() ?? null, createdAt: row.created_at.toISOString(),
        }))),
        topics: subscriptionTopics().map(({ url, title, description, canFilterBy }) => ({ url, title, description, filters: canFilterBy.map(({ filterParameter }) => filterParameter) })),
      };
    },
    retrySubscription: async (call) => {
      const id = textOf(call.params, 'id');
      await db.transaction(async (tx) => {
        const rows = await tx.query('update subscription set next_attempt_at = null where tenant = $1 and id = $2 and status <> \'off\' returning 1', [tenant, id]);
        if (rows.length === 0) throw new PrimumError('record.not-found', 'Subscription');
        await audit.write(tx, [{ ...written(call, 'subscription.retried', id), principal: callerOf(call) }]);
      });
      subscriptions.kick();
      return null;
    },
    endSubscription: async (call) => {
      const id = textOf(call.params, 'id');
      const [row] = await db.query<{ id: string }>('select id from subscription where tenant = $1 and id = $2', [tenant, id]);
      if (row === undefined) throw new PrimumError('record.not-found', 'Subscription');
      await end(core, row, 'closed', written(call, 'subscription.closed', id));
      return null;
    },
  };
}

function ownerOfCall(principal: Principal): Omit<StandingOwner, 'since'> {
  if (principal.kind === 'client') return { clientId: principal.clientId, userId: null, patientId: null, scopes: principal.scopes };
  if (principal.kind !== 'user' || principal.via === undefined) throw new PrimumError('subscription.owner-needed');
  const { clientId, scopes, patientId = null } = principal.via;
  return { clientId, userId: principal.userId, patientId, scopes };
}

function demandScope(principal: Principal, interaction: Interaction): void {
  if (!scopesAllow(ownerOfCall(principal).scopes, interaction, 'Subscription')) throw new PrimumError('auth.scope-insufficient');
}

/** Of the address, and of a body that is a resource Parameters. */
function parametersOf({ request }: Call): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (name: string, value: string): void => void found.set(name, [...found.get(name) ?? [], value]);
  for (const [name, value] of new URLSearchParams(request.url.split('?')[1] ?? '')) add(name, value);
  const body = request.body as Parameters | undefined | null;
  for (const one of (body?.resourceType === 'Parameters' && Array.isArray(body.parameter) ? body.parameter : []).slice(0, 100)) {
    const value = one.valueString ?? one.valueCode ?? one.valueId ?? one.valueInteger;
    if (typeof one.name === 'string' && value !== undefined) add(one.name, String(value));
  }
  return found;
}

function numberIn(asked: ReadonlyMap<string, readonly string[]>, name: string): number | undefined {
  const value = asked.get(name)?.[0];
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) throw new PrimumError('fhir.parameter-invalid', name);
  return Number(value);
}
