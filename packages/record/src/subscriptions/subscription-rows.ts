import type { Subscription } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { Keys, Purpose, StandingOwner } from '@primum/trust';
import type { ChannelType, PayloadContent, SubscriptionWish } from './read-subscription.ts';

export type SubscriptionStatus = 'requested' | 'active' | 'error' | 'off';
/** Why one is not well: how sending failed, that too many events wait, or that whoever began it is not there any more. */
export type SubscriptionReason = 'refused' | 'unreachable' | 'no-response' | 'address-refused' | 'behind' | 'owner-gone' | 'ended' | 'closed';

export type SubscriptionRow = {
  id: string; version: number; client_id: string; user_id: string | null; patient_id: string | null; scopes: string[]; purpose: Purpose;
  topic: string | null; resource_type: string; channel: ChannelType; content: PayloadContent; heartbeat_s: number | null; timeout_s: number; max_count: number;
  status: SubscriptionStatus; reason: SubscriptionReason | null; created_at: Date; updated_at: Date; ends_at: Date | null; handshake_at: Date | null;
  last_number: number; delivered_number: number; missed: number; withheld: number; failures: number; last_sent_at: Date | null; next_attempt_at: Date | null;
  sealed: Buffer;
};

export const subscriptionColumns = 'id, version, client_id, user_id, patient_id, scopes, purpose, topic, resource_type, channel, content, heartbeat_s, timeout_s, max_count, status, reason, created_at, updated_at, ends_at, handshake_at, last_number, delivered_number, missed, withheld, failures, last_sent_at, next_attempt_at, sealed';

const maxPerOwner = 200;
const aadOf = (id: string): string => `subscription|${id}`;

export type NewSubscription = { id: string; owner: Omit<StandingOwner, 'since'>; purpose: Purpose; resource: Subscription; wish: SubscriptionWish };

export const ownerOf = ({ client_id, user_id, patient_id, scopes, created_at }: SubscriptionRow): StandingOwner => ({ clientId: client_id, userId: user_id, patientId: patient_id, scopes, since: created_at });

/** Writes one that begins now (`version` null), or puts it in the place of what stood there: what waits stays, and the handshake comes anew. */
export async function writeSubscription(tx: Sql, keys: Pick<Keys, 'seal'>, tenant: number, { id, owner, purpose, resource, wish }: NewSubscription, version: number | null): Promise<SubscriptionRow> {
  const sealed = keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(resource)), aadOf(id));
  const values = [
    tenant, id, owner.scopes, purpose, wish.topic, wish.type, wish.channel, wish.content, wish.heartbeatS, wish.timeoutS, wish.maxCount, wish.endsAt,
    resource.status === 'off' ? 'off' : wish.channel === 'websocket' ? 'active' : 'requested', sealed,
  ];
  if (version === null) {
    const [many] = await tx.query<{ n: number }>('select count(*) as n from subscription where tenant = $1 and client_id = $2 and user_id is not distinct from $3', [tenant, owner.clientId, owner.userId]);
    if ((many?.n ?? 0) >= maxPerOwner) throw new PrimumError('record.too-many', `more than ${maxPerOwner} subscriptions`);
  }
  const [row] = version === null
    ? await tx.query<SubscriptionRow>(
      `insert into subscription (tenant, id, version, client_id, user_id, patient_id, scopes, purpose, topic, resource_type, channel, content, heartbeat_s, timeout_s, max_count, ends_at, status, sealed)
       values ($1, $2, 1, $15, $16, $17, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) returning ${subscriptionColumns}`, [...values, owner.clientId, owner.userId, owner.patientId])
    : await tx.query<SubscriptionRow>(
      `update subscription set version = version + 1, scopes = $3, purpose = $4, topic = $5, resource_type = $6, channel = $7, content = $8, heartbeat_s = $9, timeout_s = $10, max_count = $11,
         ends_at = $12, status = $13, sealed = $14, reason = null, failures = 0, next_attempt_at = null, handshake_at = null, updated_at = now()
       where tenant = $1 and id = $2 and version = $15 returning ${subscriptionColumns}`, [...values, version]);
  if (row === undefined) throw new PrimumError('record.version-conflict');
  return row;
}

/** As it was sent; status, reason and version as they are. */
export async function openSubscription(keys: Pick<Keys, 'open'>, tenant: number, row: SubscriptionRow): Promise<Subscription> {
  const resource = JSON.parse((await keys.open(tenant, row.sealed, aadOf(row.id))).toString()) as Subscription; // only these are sealed under this aad
  return {
    ...resource, id: row.id, status: row.status, meta: { ...resource.meta, versionId: String(row.version), lastUpdated: row.updated_at.toISOString() },
    ...(row.reason === null ? {} : { error: row.reason }),
  };
}

export type SubscriptionEventRow = { number: number; type: string; resource_id: string; version: number; interaction: 'create' | 'update' | 'delete'; patient_id: string | null; at: Date };

/** Events by number, both bounds included, `limit` at most. */
export async function readSubscriptionEvents(sql: Sql, tenant: number, id: string, { from, to = null, limit }: { from: number; to?: number | null; limit: number }): Promise<SubscriptionEventRow[]> {
  return sql.query<SubscriptionEventRow>(
    `select number, type, resource_id, version, interaction, patient_id, at from subscription_event
     where tenant = $1 and subscription_id = $2 and number >= $3 and ($4::bigint is null or number <= $4) order by number limit $5`, [tenant, id, from, to, limit]);
}
