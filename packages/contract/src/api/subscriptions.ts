import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';

/** A subscription as those who run the feeds see it: who, where to, how far; never what it tells. */
export const SubscriptionRow = Type.Object({
  id: Uuid,
  clientId: Type.String(),
  /** Whether it is a person's, through the app. */
  person: Type.Boolean(),
  /** Canonical URL; null: criteria of R4's own kind. */
  topic: Nullable(Type.String()),
  resourceType: Type.String(),
  channel: OneOf(['rest-hook', 'websocket'] as const),
  /** Host that is sent to; null for web sockets. */
  host: Nullable(Type.String()),
  content: OneOf(['empty', 'id-only', 'full-resource'] as const),
  status: OneOf(['requested', 'active', 'error', 'off'] as const),
  reason: Nullable(Type.String()),
  /** Events since it began. */
  events: Type.Integer(),
  /** Not delivered yet. */
  waiting: Type.Integer(),
  /** When the oldest of them happened. */
  oldestWaitingAt: Nullable(Instant),
  /** Not kept, because too many waited. */
  missed: Type.Integer(),
  /** Not told, because the owner may not read them any more. */
  withheld: Type.Integer(),
  failures: Type.Integer(),
  lastSentAt: Nullable(Instant),
  nextAttemptAt: Nullable(Instant),
  createdAt: Instant,
});
export type SubscriptionRow = Type.Static<typeof SubscriptionRow>;

export const SubscriptionsPage = Type.Object({
  subscriptions: Type.Array(SubscriptionRow),
  topics: Type.Array(Type.Object({ url: Type.String(), title: Type.String(), description: Type.String(), filters: Type.Array(Type.String()) })),
});
export type SubscriptionsPage = Type.Static<typeof SubscriptionsPage>;
