import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';

export const Figures = Type.Object({
  messagesIn: Type.Integer(),
  messagesApplied: Type.Integer(),
  waiting: Type.Integer(),
  quarantined: Type.Integer(),
  predictions: Type.Integer(),
  alerts: Type.Integer(),
  p50Ms: Nullable(Type.Number()),
  p99Ms: Nullable(Type.Number()),
});
export type Figures = Type.Static<typeof Figures>;

export const QuarantineRow = Type.Object({
  id: Uuid,
  source: Nullable(Type.String()),
  controlId: Type.String(),
  type: Type.String(),
  receivedAt: Instant,
  code: Type.String(),
  detail: Type.String(),
  action: Type.String(),
});
export type QuarantineRow = Type.Static<typeof QuarantineRow>;

export const QuarantineDetail = Type.Intersect([QuarantineRow, Type.Object({ text: Type.String() })]);
export type QuarantineDetail = Type.Static<typeof QuarantineDetail>;

export const UnmappedCode = Type.Object({
  source: Type.String(),
  code: Type.String(),
  unit: Type.String(),
  why: OneOf(['code', 'unit'] as const),
  times: Type.Integer(),
  lastAt: Instant,
});
export type UnmappedCode = Type.Static<typeof UnmappedCode>;

/** What of a source's messages is not valid FHIR R4, by element and rule. */
export const FeedIssue = Type.Object({
  source: Type.String(),
  expression: Type.String(),
  code: Type.String(),
  severity: OneOf(['error', 'warning'] as const),
  detail: Type.String(),
  times: Type.Integer(),
  lastAt: Instant,
});
export type FeedIssue = Type.Static<typeof FeedIssue>;

export const FeedRow = Type.Object({
  source: Type.String(),
  site: Type.String(),
  mapping: Type.String(),
  received: Type.Integer(),
  lastMessageAt: Nullable(Instant),
  waiting: Type.Integer(),
  quarantined: Type.Integer(),
  /** What becomes of messages that make resources which are not valid FHIR. */
  validation: OneOf(['accept', 'quarantine', 'reject'] as const),
});
export const FeedsPage = Type.Object({
  figures: Figures,
  feeds: Type.Array(FeedRow),
  unmapped: Type.Array(UnmappedCode),
  issues: Type.Array(FeedIssue),
  quarantine: Type.Array(QuarantineRow),
});
export type FeedsPage = Type.Static<typeof FeedsPage>;

export const AuditRow = Type.Object({
  id: Uuid,
  seq: Nullable(Type.Integer()),
  at: Instant,
  actor: Type.String(),
  action: Type.String(),
  outcome: Type.String(),
  purpose: Type.String(),
  patientId: Nullable(Uuid),
  entities: Type.Array(Type.Object({ type: Type.String(), id: Type.String() })),
});
export type AuditRow = Type.Static<typeof AuditRow>;
export const AuditPage = Type.Object({ rows: Type.Array(AuditRow), cursor: Nullable(Type.String()) });
export type AuditPage = Type.Static<typeof AuditPage>;

export const ModelPage = Type.Object({
  name: Type.String(),
  version: Type.String(),
  digest: Type.String(),
  createdAt: Instant,
  cardMarkdown: Type.String(),
  metrics: Type.Unknown(),
});
export type ModelPage = Type.Static<typeof ModelPage>;

/** What the server-sent event stream at /api/events says; every event names what to load again, never content. */
export const serverEvents = ['hello', 'worklist', 'stay', 'feeds', 'figures', 'reviews', 'beat'] as const;
export type ServerEvent =
  | { type: 'hello'; now: string }
  | { type: 'worklist' }
  | { type: 'stay'; stayId: string }
  | { type: 'feeds' }
  | { type: 'reviews' }
  | { type: 'figures'; figures: Figures }
  | { type: 'beat'; now: string };
