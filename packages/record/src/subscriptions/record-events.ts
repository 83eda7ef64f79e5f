import type { Resource } from '@medplum/fhirtypes';
import { errorFields, PrimumError, type Clock, type Log } from '@primum/base';
import type { Sql } from '@primum/store';
import { scopesAllow, standingPrincipal, type Keys, type PatientFacts, type Policy, type Principal, type Purpose } from '@primum/trust';
import { resourceAad } from '../resources/resource-rows.ts';
import type { SearchIndex } from '../repository/write-versions.ts';
import { compileMatcher, statedOf, type Matcher, type Stated } from './match-change.ts';
import { readSubscription } from './read-subscription.ts';
import { openSubscription, ownerOf, subscriptionColumns, type SubscriptionRow } from './subscription-rows.ts';
import type { Interaction } from './topics.ts';

export type RecordEventsDeps = { keys: Keys; policy: Policy; clock: Clock; log: Log; search: SearchIndex; base(): string };

/** As `resource.changed` lists it: type, row id, version, deleted. */
export type ChangedResource = readonly [type: string, id: string, version: number, deleted: boolean];

export type RecordEvents = (tx: Sql, changed: readonly ChangedResource[]) => Promise<number>;

type Row = { type: string; id: string; version: number; deleted: boolean; patient_id: string | null; body: Buffer; before: Buffer | null; before_deleted: boolean | null };
type Happened = { type: string; id: string; version: number; interaction: Interaction; patientId: string | null; now: () => Promise<Stated | null>; before: () => Promise<Stated | null> };

/**
 * Gives changes of resources to the subscriptions that they are for, as numbered events, in the caller's transaction. What
 * is compared are the versions of before and now, opened by the record itself; an event is written only where the policies
 * let the subscription's owner read the resource at this moment, so that not even a number tells of others. Where
 * `maxWaiting` events wait, further ones are counted and not kept. Gives how many were written.
 */
export function createRecordEvents(deps: RecordEventsDeps, tenant: number, { maxWaiting = 10_000 }: { maxWaiting?: number } = {}): RecordEvents {
  const { keys, log, search } = deps;
  const compiled = new Map<string, Matcher | null>();
  const matcherOf = async (row: SubscriptionRow): Promise<Matcher | null> => {
    const key = `${row.id} ${row.version}`;
    const known = compiled.get(key);
    if (known !== undefined) return known;
    if (compiled.size > 5_000) compiled.clear();
    let made: Matcher | null = null;
    try {
      made = compileMatcher({ keys, clock: deps.clock, base: deps.base() }, tenant, readSubscription(await openSubscription(keys, tenant, row)));
    } catch (error) {
      if (!(error instanceof PrimumError)) throw error;
      log.error('subscription.unreadable', errorFields(error));
    }
    compiled.set(key, made);
    return made;
  };

  return async (tx, changed) => {
    const subscriptions = await tx.query<SubscriptionRow>(`select ${subscriptionColumns} from subscription where tenant = $1 and status <> 'off' and resource_type = any($2) order by id`, [tenant, [...new Set(changed.map(([type]) => type))]]);
    if (subscriptions.length === 0) return 0;
    const types = new Set(subscriptions.map((row) => row.resource_type));
    const happened = await happenings(tx, changed.filter(([type]) => types.has(type)));
    const matched: { subscription: SubscriptionRow; event: Happened }[] = [];
    for (const subscription of subscriptions) {
      const matcher = await matcherOf(subscription);
      for (const event of matcher === null ? [] : happened) {
        if (event.type === subscription.resource_type && await meets(matcher!, event)) matched.push({ subscription, event });
      }
    }
    return matched.length === 0 ? 0 : write(tx, tenant, await allowed(deps, tx, tenant, matched), maxWaiting);
  };

  async function meets(matcher: Matcher, event: Happened): Promise<boolean> {
    if (!matcher.interactions.includes(event.interaction)) return false;
    if (!matcher.opens) return true;
    const [now, before] = [await event.now(), await event.before()];
    return now !== null && matcher.matches({ interaction: event.interaction, now: () => now, before: () => before });
  }

  async function happenings(tx: Sql, wanted: readonly ChangedResource[]): Promise<Happened[]> {
    const rows = await tx.query<Row>(`
      select r.type, r.id, r.version, r.deleted, r.patient_id, r.body, b.body as before, b.deleted as before_deleted
      from unnest($2::text[], $3::uuid[], $4::int[]) with ordinality as t(type, id, version, n)
      join resource r on r.tenant = $1 and r.type = t.type and r.id = t.id and r.version = t.version
      left join resource b on b.tenant = $1 and b.type = t.type and b.id = t.id and b.version = t.version - 1
      order by t.n`, [tenant, wanted.map(([type]) => type), wanted.map(([, id]) => id), wanted.map(([, , version]) => version)]);
    const once = (make: () => Promise<Stated | null>): (() => Promise<Stated | null>) => {
      let made: Promise<Stated | null> | undefined;
      return () => made ??= make();
    };
    const opened = async (body: Buffer, { type, id }: Row, version: number): Promise<Stated | null> => {
      try {
        return statedOf(search, id, JSON.parse((await keys.open(tenant, body, resourceAad(tenant, type, id, version))).toString()) as Resource); // only resources are sealed under this aad
      } catch (error) {
        if (error instanceof PrimumError && error.code === 'trust.key-missing') return null; // erased meanwhile
        throw error;
      }
    };
    return rows.map((row) => {
      const there = row.before !== null && row.before_deleted === false;
      return {
        type: row.type, id: row.id, version: row.version, patientId: row.patient_id, interaction: row.deleted ? 'delete' : there ? 'update' : 'create',
        now: once(() => opened(row.body, row, row.version)), before: once(async () => (there ? opened(row.before!, row, row.version - 1) : null)),
      };
    });
  }
}

/** Of what matched that which the owners may read now. */
async function allowed({ policy, clock }: RecordEventsDeps, tx: Sql, tenant: number, matched: readonly { subscription: SubscriptionRow; event: Happened }[]): Promise<{ subscription: SubscriptionRow; event: Happened }[]> {
  const patientIds = [...new Set(matched.flatMap(({ event }) => event.patientId ?? []))];
  const facts = new Map((patientIds.length === 0 ? [] : await policy.factsOf(tx, tenant, patientIds)).map((one) => [one.patientId, one]));
  const principals = new Map<string, Principal | null>();
  const kept = [];
  for (const one of matched) {
    const { subscription, event } = one;
    let principal = principals.get(subscription.id);
    if (principal === undefined) principals.set(subscription.id, principal = await standingPrincipal(tx, { clock }, tenant, ownerOf(subscription)));
    if (principal !== null && mayHear(policy, tenant, principal, subscription.purpose, event, facts)) kept.push(one);
  }
  return kept;
}

/** Whether an owner may read what an event is about. A patient of whom nothing is known (any more) is nobody's. */
export function mayHear(policy: Pick<Policy, 'decide'>, tenant: number, principal: Principal, purpose: Purpose, event: { type: string; patientId: string | null }, facts: ReadonlyMap<string, PatientFacts>): boolean {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  if (scopes !== undefined && !scopesAllow(scopes, 'r', event.type) && !scopesAllow(scopes, 's', event.type)) return false;
  const asked = { tenant, principal, authority: 'patient.read', purpose, resourceType: event.type } as const;
  if (event.patientId === null) return policy.decide(asked).allowed;
  const subject = facts.get(event.patientId);
  return subject !== undefined && policy.decide({ ...asked, subject }).allowed;
}

async function write(tx: Sql, tenant: number, matched: readonly { subscription: SubscriptionRow; event: Happened }[], maxWaiting: number): Promise<number> {
  const bySubscription = Map.groupBy(matched, ({ subscription }) => subscription.id);
  const locked = await tx.query<{ id: string; last_number: number; delivered_number: number }>(
    'select id, last_number, delivered_number from subscription where tenant = $1 and id = any($2::uuid[]) and status <> \'off\' order by id for update', [tenant, [...bySubscription.keys()]]);
  const rows: { id: string; number: number; event: Happened }[] = [];
  const counts: { id: string; last: number; missed: number }[] = [];
  for (const { id, last_number: last, delivered_number: delivered } of locked) {
    const events = bySubscription.get(id) ?? [];
    const kept = events.slice(0, Math.max(0, maxWaiting - (last - delivered)));
    rows.push(...kept.map(({ event }, n) => ({ id, number: last + 1 + n, event })));
    counts.push({ id, last: last + events.length, missed: events.length - kept.length });
  }
  await Promise.all([
    rows.length === 0 ? undefined : tx.query(`
      insert into subscription_event (tenant, subscription_id, number, type, resource_id, version, interaction, patient_id)
      select $1, * from unnest($2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::int[], $7::text[], $8::uuid[])`,
    [tenant, rows.map(({ id }) => id), rows.map(({ number }) => number), rows.map(({ event }) => event.type), rows.map(({ event }) => event.id), rows.map(({ event }) => event.version), rows.map(({ event }) => event.interaction), rows.map(({ event }) => event.patientId)]),
    tx.query(`
      update subscription s set last_number = t.last, missed = s.missed + t.missed,
        status = case when t.missed > 0 then 'error' else s.status end, reason = case when t.missed > 0 then 'behind' else s.reason end
      from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as t(id, last, missed) where s.tenant = $1 and s.id = t.id`,
    [tenant, counts.map(({ id }) => id), counts.map(({ last }) => last), counts.map(({ missed }) => missed)]),
  ]);
  return rows.length;
}
