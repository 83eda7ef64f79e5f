import { Type } from 'typebox';
import { reviewKinds, reviewStates } from '../lifecycles.ts';
import { Instant, Int32, Nullable, OneOf, Text, Uuid } from './common.ts';

/** One thing that the privacy office looks at. The queue names no patient: that is opened with the item, and audited. */
export const ReviewItem = Type.Object({
  id: Uuid,
  kind: OneOf(reviewKinds),
  actor: Type.String(),
  displayName: Nullable(Type.String()),
  role: Nullable(Type.String()),
  patientId: Nullable(Uuid),
  at: Instant,
  /** End of an emergency access. */
  until: Nullable(Instant),
  dueAt: Instant,
  overdue: Type.Boolean(),
  /** Audit events that it rests on, as far as they are kept with it. */
  looks: Type.Integer(),
  score: Type.Number(),
  /** The numbers that the rule rests on, e.g. {"patients": 41, "limit": 25}. */
  detail: Type.Record(Type.String(), Type.Number()),
  status: OneOf(reviewStates),
  version: Type.Integer(),
  decidedAt: Nullable(Instant),
  decidedBy: Nullable(Type.String()),
});
export type ReviewItem = Type.Static<typeof ReviewItem>;

export const ReviewQueue = Type.Object({ items: Type.Array(ReviewItem), open: Type.Integer(), overdue: Type.Integer() });
export type ReviewQueue = Type.Static<typeof ReviewQueue>;

/** What identifies a patient, and nothing else of the record. */
export const PatientLine = Type.Object({ patientId: Uuid, name: Nullable(Type.String()), birthDate: Nullable(Type.String()), mrn: Nullable(Type.String()) });
export type PatientLine = Type.Static<typeof PatientLine>;

export const ReviewDetail = Type.Object({
  item: ReviewItem,
  patient: Nullable(PatientLine),
  events: Type.Array(Type.Object({ id: Uuid, seq: Nullable(Type.Integer()), at: Instant, action: Type.String(), outcome: Type.String(), purpose: Type.String() })),
  /** Other items of the same person: about the same patient, or of the same kind. */
  earlier: Type.Array(ReviewItem),
  note: Nullable(Type.String()),
  /** What the person gave as the reason of an emergency access. */
  reason: Nullable(Type.String()),
});
export type ReviewDetail = Type.Static<typeof ReviewDetail>;

export const ReviewDecision = Type.Object({
  verdict: OneOf(['justified', 'violation', 'needs-more'] as const),
  note: Text(2_000, 3),
  version: Int32,
}, { additionalProperties: false });
export type ReviewDecision = Type.Static<typeof ReviewDecision>;

export const FindPatientRequest = Type.Object({ mrn: Text(64, 1) }, { additionalProperties: false });

/** Uses of one person, app or system, of one kind and purpose, on one UTC day. */
export const AccountEntry = Type.Object({
  firstAt: Instant,
  lastAt: Instant,
  times: Type.Integer(),
  actor: Type.String(),
  who: Type.String(),
  role: Nullable(Type.String()),
  action: Type.String(),
  purpose: Type.String(),
  outcome: Type.String(),
});
export type AccountEntry = Type.Static<typeof AccountEntry>;

export const accountKinds = ['accesses', 'disclosures'] as const;
export const Account = Type.Object({
  kind: OneOf(accountKinds),
  patient: PatientLine,
  from: Instant,
  to: Instant,
  entries: Type.Array(AccountEntry),
  truncated: Type.Boolean(),
});
export type Account = Type.Static<typeof Account>;
