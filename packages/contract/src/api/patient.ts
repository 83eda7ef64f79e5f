import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';
import { AlertView, Driver, RiskView, predictionStatuses, tiers } from './risk.ts';
import { Identity, ModelSummary, Reading, SiteView } from './worklist.ts';

export const RiskPoint = Type.Object({
  predictionId: Uuid,
  asOf: Instant,
  status: OneOf(predictionStatuses),
  probability: Nullable(Type.Number()),
  tier: OneOf(tiers),
});
export type RiskPoint = Type.Static<typeof RiskPoint>;

/** Drawn on the risk trend: alerts, acknowledgements, snoozes, corrections, changes of model. */
export const Annotation = Type.Object({
  at: Instant,
  kind: OneOf(['alert', 'acknowledged', 'snoozed', 'tier-rose', 'closed', 'correction', 'model-change', 'evidence-withdrawn'] as const),
  text: Type.String(),
});
export type Annotation = Type.Static<typeof Annotation>;

export const Series = Type.Object({
  code: Type.String(),
  label: Type.String(),
  unit: Type.String(),
  kind: OneOf(['vital', 'laboratory'] as const),
  points: Type.Array(Type.Object({
    at: Instant,
    value: Nullable(Type.Number()),
    corrected: Type.Boolean(),
    flag: Nullable(Type.String()),
  })),
});
export type Series = Type.Static<typeof Series>;

export const LabRow = Type.Object({
  reading: Reading,
  /** The pack's plausible-normal range in words, e.g. "0.5–2.0". */
  range: Nullable(Type.String()),
  outOfRange: Nullable(OneOf(['low', 'high'] as const)),
  previous: Nullable(Type.Number()),
  change: Nullable(Type.Number()),
});
export type LabRow = Type.Static<typeof LabRow>;

export const StayPage = Type.Object({
  site: SiteView,
  model: Nullable(ModelSummary),
  stayId: Uuid,
  patientId: Uuid,
  ward: Type.String(),
  bed: Type.String(),
  status: OneOf(['in-progress', 'finished', 'cancelled'] as const),
  identity: Identity,
  inTraining: Type.Boolean(),
  alreadyTreated: Type.Boolean(),
  icuFrom: Nullable(Instant),
  risk: RiskView,
  alert: Nullable(AlertView),
  trend: Type.Array(RiskPoint),
  annotations: Type.Array(Annotation),
  vitals: Type.Array(Series),
  labs: Type.Array(LabRow),
  labSeries: Type.Array(Series),
  /** Of the last score that was made; grouped by the page, strongest first. `expected` + all points = log-odds. */
  drivers: Type.Array(Driver),
  expectedPoints: Nullable(Type.Number()),
  unmapped: Type.Array(Type.Object({ code: Type.String(), times: Type.Integer() })),
});
export type StayPage = Type.Static<typeof StayPage>;

/** How one score was made: everything that pins it. */
export const PredictionView = Type.Object({
  id: Uuid,
  stayId: Uuid,
  status: OneOf(predictionStatuses),
  reasons: Type.Array(Type.String()),
  probability: Nullable(Type.Number()),
  margin: Nullable(Type.Number()),
  asOf: Instant,
  nowAt: Instant,
  madeAt: Instant,
  pinSeq: Type.Integer(),
  trigger: Type.String(),
  model: Type.Object({ name: Type.String(), version: Type.String(), digest: Type.String() }),
  featureSetDigest: Type.String(),
  policyDigest: Type.String(),
  codeDigest: Type.String(),
  runtime: Type.String(),
  inputsCommitment: Type.String(),
  inputs: Type.Array(Type.Object({ feature: Type.String(), label: Type.String(), text: Type.String(), points: Type.Number() })),
});
export type PredictionView = Type.Static<typeof PredictionView>;

export const ReplayReport = Type.Object({
  predictionId: Uuid,
  outcome: OneOf(['identical', 'differs', 'not-replayable'] as const),
  sameRuntime: Type.Boolean(),
  differences: Type.Array(Type.Object({ what: Type.String(), recorded: Type.String(), rebuilt: Type.String() })),
  text: Type.String(),
});
export type ReplayReport = Type.Static<typeof ReplayReport>;

export const Notice = Type.Object({
  id: Uuid,
  stayId: Uuid,
  bed: Type.String(),
  name: Type.String(),
  kind: OneOf(['evidence-withdrawn'] as const),
  text: Type.String(),
  createdAt: Instant,
});
export type Notice = Type.Static<typeof Notice>;
