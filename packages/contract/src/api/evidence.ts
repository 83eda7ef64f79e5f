import { Type } from 'typebox';
import { breachEvents } from '../lifecycles.ts';
import { Instant, Nullable, OneOf, Text, Uuid } from './common.ts';

const Day = Type.String({ format: 'date' });
/** An agreement that ends within this many days is told of beforehand. */
export const renewWithinDays = 60;
export const agreementKinds = ['business-associate', 'processor', 'other'] as const;

export const AddAgreement = Type.Object({
  party: Text(200, 2),
  kind: OneOf(agreementKinds),
  scope: Text(1_000, 5),
  flows: Type.Array(Text(100, 2), { minItems: 1, maxItems: 50 }),
  validFrom: Day,
  validTo: Nullable(Day),
}, { additionalProperties: false });
export type AddAgreement = Type.Static<typeof AddAgreement>;

export const Agreement = Type.Object({
  id: Uuid, party: Type.String(), kind: OneOf(agreementKinds), scope: Type.String(), flows: Type.Array(Type.String()),
  validFrom: Day, validTo: Nullable(Day), recordedBy: Type.String(), endedAt: Nullable(Instant),
});
export type Agreement = Type.Static<typeof Agreement>;

/** One way that data leave the house. `covered`: by an agreement in force; null where none is needed (no personal data). */
export const DataFlow = Type.Object({
  id: Type.String(), what: Type.String(), to: Type.String(), personal: Type.Boolean(),
  covered: Nullable(Type.Boolean()), agreementId: Nullable(Uuid), endsInDays: Nullable(Type.Integer()),
});
export type DataFlow = Type.Static<typeof DataFlow>;
export const AgreementsPage = Type.Object({ agreements: Type.Array(Agreement), flows: Type.Array(DataFlow) });
export type AgreementsPage = Type.Static<typeof AgreementsPage>;

/** An evidence pack of this home in short, as `primum evidence` left it. */
export const EvidenceRun = Type.Object({
  madeAt: Instant,
  quick: Type.Boolean(),
  /** SHA-256, hex, of the pack's SHA256SUMS: names it on the audit log. */
  digest: Type.String(),
  /** The folder on the machine that made it. */
  out: Type.String(),
  controls: Type.Object({ shown: Type.Integer(), partly: Type.Integer(), notShown: Type.Integer(), notBySoftware: Type.Integer() }),
  proofs: Type.Array(Type.Object({ id: Type.String(), title: Type.String(), of: Type.String(), passed: Nullable(Type.Boolean()), says: Type.String(), finishedAt: Instant })),
});
export type EvidenceRun = Type.Static<typeof EvidenceRun>;
/** The newest; null before the first. */
export const EvidencePage = Type.Object({ newest: Nullable(EvidenceRun) });
export type EvidencePage = Type.Static<typeof EvidencePage>;

export const ResidencyPage = Type.Object({
  /** Where data may lie; null where nothing was declared. */
  allowed: Nullable(Type.Array(Type.String())),
  stores: Type.Array(Type.Object({ store: Type.String(), at: Type.String(), region: Nullable(Type.String()), allowed: Nullable(Type.Boolean()) })),
});
export type ResidencyPage = Type.Static<typeof ResidencyPage>;

export const breachKinds = ['account', 'client', 'key'] as const;
export const OpenBreach = Type.Object({
  kind: OneOf(breachKinds),
  /** A user name, a client's id, or a key: a patient's id, `tenant` or `master`. */
  subject: Text(200, 1),
  from: Instant,
  to: Instant,
  discoveredAt: Instant,
  drill: Type.Boolean(),
}, { additionalProperties: false });
export type OpenBreach = Type.Static<typeof OpenBreach>;

export const BreachStepRequest = Type.Object({ event: OneOf(breachEvents), note: Text(2_000, 5) }, { additionalProperties: false });
export type BreachStepRequest = Type.Static<typeof BreachStepRequest>;

export const BreachHead = Type.Object({
  id: Uuid, kind: OneOf(breachKinds), subject: Type.String(), from: Instant, to: Instant, discoveredAt: Instant, drill: Type.Boolean(),
  status: Type.String(), openedBy: Type.String(), openedAt: Instant,
});
export type BreachHead = Type.Static<typeof BreachHead>;

export const BreachReport = Type.Intersect([BreachHead, Type.Object({
  /** Most affected first; `truncated` where there are more than are listed. */
  affected: Type.Array(Type.Object({ patientId: Uuid, times: Type.Integer(), firstAt: Instant, lastAt: Instant, actions: Type.Array(Type.String()), purposes: Type.Array(Type.String()) })),
  affectedCount: Type.Integer(),
  truncated: Type.Boolean(),
  /** What was done, whoever it was about. */
  actions: Type.Array(Type.Object({ action: Type.String(), outcome: Type.String(), times: Type.Integer() })),
  /** What it means where a key, not an account, is lost. */
  reach: Type.String(),
  clocks: Type.Array(Type.Object({ duty: Type.String(), source: Type.String(), due: Instant, hoursLeft: Type.Number() })),
  steps: Type.Array(Type.Object({ n: Type.Integer(), event: Type.String(), at: Instant, actor: Type.String(), note: Type.String() })),
})]);
export type BreachReport = Type.Static<typeof BreachReport>;
