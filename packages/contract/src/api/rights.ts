import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';

/** What a person may object to. */
export const objectionScopes = ['ai-scoring', 'research'] as const;
export type ObjectionScope = (typeof objectionScopes)[number];
export const objectionGivers = ['patient', 'representative'] as const;
/** Why an erasure is asked for (GDPR Article 17(1)): the person asked, consent was withdrawn, nobody needs it, it was never lawful. */
export const erasureBases = ['requested-by-person', 'consent-withdrawn', 'no-longer-needed', 'unlawful'] as const;
export type ErasureBasis = (typeof erasureBases)[number];
export const erasureRefusals = ['legal-hold', 'stay-open', 'retention-duty'] as const;
export type ErasureRefusal = (typeof erasureRefusals)[number];
export const dataClasses = ['raw-messages', 'record', 'predictions', 'audit', 'sessions', 'exports'] as const;
export type DataClass = (typeof dataClasses)[number];
export const modelDecisions = ['keep', 'retrain', 'retire'] as const;

const Reason = Text(2_000, 3);
const Mrn = Text(100, 1);

export const FindSubjectRequest = Type.Object({ mrn: Mrn });
export const RightsSubject = Type.Object({ patientId: Uuid, name: Type.String(), birthDate: Type.String(), mrn: Type.String() });
export type RightsSubject = Type.Static<typeof RightsSubject>;

export const Objection = Type.Object({
  id: Uuid, scope: OneOf(objectionScopes), status: OneOf(['active', 'withdrawn'] as const), inForce: Type.Boolean(),
  from: Instant, until: Nullable(Instant), recordedAt: Instant, withdrawnAt: Nullable(Instant),
});
export type Objection = Type.Static<typeof Objection>;
export const ObjectionRequest = Type.Object({
  patientId: Uuid, scope: OneOf(objectionScopes), givenBy: OneOf(objectionGivers),
  /** From now on where it isn't given. */
  from: Type.Optional(Instant),
  until: Type.Optional(Instant),
  note: Type.Optional(Text(2_000)),
});
export type ObjectionRequest = Type.Static<typeof ObjectionRequest>;

export const LegalHold = Type.Object({
  id: Uuid, patientId: Nullable(Uuid), dataClass: Nullable(OneOf(dataClasses)), placedAt: Instant, releasedAt: Nullable(Instant), reason: Type.String(),
});
export type LegalHold = Type.Static<typeof LegalHold>;
export const HoldRequest = Type.Object({ patientId: Type.Optional(Uuid), dataClass: Type.Optional(OneOf(dataClasses)), reason: Reason });
export type HoldRequest = Type.Static<typeof HoldRequest>;

export const rightsCaseKinds = ['restriction', 'rectification'] as const;
export const RightsCase = Type.Object({
  id: Uuid, kind: OneOf(rightsCaseKinds), status: OneOf(['standing', 'lifted', 'requested', 'accepted', 'performed', 'denied', 'disputed'] as const),
  openedAt: Instant, dueAt: Instant, changedAt: Instant,
  /** What was said at each step, the first being the request itself. */
  statements: Type.Array(Type.Object({ event: Type.String(), text: Type.String(), at: Instant })),
});
export type RightsCase = Type.Static<typeof RightsCase>;
export const CaseRequest = Type.Object({ patientId: Uuid, kind: OneOf(rightsCaseKinds), reason: Reason });
export type CaseRequest = Type.Static<typeof CaseRequest>;
export const CaseStep = Type.Object({ event: OneOf(['lift', 'accept', 'deny', 'perform', 'dispute'] as const), statement: Reason });
export type CaseStep = Type.Static<typeof CaseStep>;

export const Erasure = Type.Object({
  id: Uuid, patientId: Uuid, status: OneOf(['requested', 'refused', 'declined', 'approved', 'executed', 'verified'] as const),
  basis: OneOf(erasureBases), requestedAt: Instant, requestedBy: Type.String(),
  refusal: Nullable(OneOf(erasureRefusals)), refusedUntil: Nullable(Instant),
  decidedAt: Nullable(Instant), decidedBy: Nullable(Type.String()), verifiedAt: Nullable(Instant), hasReceipt: Type.Boolean(),
});
export type Erasure = Type.Static<typeof Erasure>;
/** `mrn` is typed by the person who asks: the wrong patient is not erased by a slip. */
export const ErasureRequest = Type.Object({ patientId: Uuid, basis: OneOf(erasureBases), mrn: Mrn });
export type ErasureRequest = Type.Static<typeof ErasureRequest>;
export const ErasureDecision = Type.Object({ decision: OneOf(['approve', 'decline'] as const) });

/** What was destroyed, when, and what the check found; signed with Ed25519 over the canonical JSON of `content`. */
export const ErasureReceipt = Type.Object({
  content: Type.Object({
    format: Type.String(), erasureId: Uuid, basis: Type.String(), requestedAt: Instant, approvedAt: Instant, executedAt: Instant, verifiedAt: Instant,
    patientIds: Type.Array(Uuid),
    /** Rows removed (of messages: content removed), by table. */
    removed: Type.Record(Type.String(), Type.Integer()),
    /** Ids of the destroyed keys. */
    destroyedKeys: Type.Array(Uuid),
    verification: Type.Object({
      rowsLeft: Type.Record(Type.String(), Type.Integer()), keysLeft: Type.Integer(),
      /** Waiting or quarantined messages that could not be read as a message, hence were searched for the identifiers as text only. */
      searchedAsText: Type.Integer(),
    }),
    models: Type.Array(Type.Object({ digest: Type.String(), name: Type.String(), dueAt: Instant })),
  }),
  signature: Type.Object({ algorithm: Type.String(), keyId: Type.String(), publicKey: Type.String(), signature: Type.String() }),
});
export type ErasureReceipt = Type.Static<typeof ErasureReceipt>;

export const SubjectPage = Type.Object({
  subject: RightsSubject,
  members: Type.Integer(),
  restricted: Type.Boolean(), aiOptOut: Type.Boolean(), researchOptOut: Type.Boolean(),
  /** Why an erasure would be refused now, and until when. */
  erasureRefusal: Nullable(Type.Object({ reason: OneOf(erasureRefusals), until: Nullable(Instant) })),
  objections: Type.Array(Objection), holds: Type.Array(LegalHold), cases: Type.Array(RightsCase), erasures: Type.Array(Erasure),
});
export type SubjectPage = Type.Static<typeof SubjectPage>;

export const ModelDecision = Type.Object({
  id: Uuid, erasureId: Uuid, model: Type.String(), digest: Type.String(), openedAt: Instant, dueAt: Instant,
  decision: Nullable(OneOf(modelDecisions)), decidedAt: Nullable(Instant),
});
export type ModelDecision = Type.Static<typeof ModelDecision>;
export const ModelDecisionRequest = Type.Object({ decision: OneOf(modelDecisions), reason: Reason });
export type ModelDecisionRequest = Type.Static<typeof ModelDecisionRequest>;

export const RetentionClass = Type.Object({
  dataClass: OneOf(dataClasses), tables: Type.Array(Type.String()), basis: Type.String(),
  archiveAfterDays: Nullable(Type.Integer()), disposeAfterDays: Nullable(Type.Integer()),
  /** What the next round would do. */
  due: Type.Array(Type.Object({ action: OneOf(['archive', 'dispose'] as const), before: Instant, rows: Type.Integer() })),
  held: Type.Boolean(),
});
export const RetentionView = Type.Object({
  recordYearsAfterLastStay: Type.Integer(),
  classes: Type.Array(RetentionClass),
  runs: Type.Array(Type.Object({ at: Instant, dataClass: OneOf(dataClasses), action: OneOf(['archive', 'dispose'] as const), before: Instant, rows: Type.Integer(), held: Type.Boolean() })),
});
export type RetentionView = Type.Static<typeof RetentionView>;
