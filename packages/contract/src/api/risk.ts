import { Type } from 'typebox';
import { Instant, Int32, Nullable, OneOf, Text, Uuid } from './common.ts';

export const featureGroups = ['physiology', 'process', 'missing'] as const;
export const tiers = ['none', 'watch', 'high'] as const;
export const predictionStatuses = ['scored', 'withheld', 'ineligible'] as const;
export const acknowledgements = ['assessing', 'already-treating', 'not-sepsis', 'handed-over'] as const;
export type FeatureGroup = (typeof featureGroups)[number];
export type Tier = (typeof tiers)[number];
export type PredictionStatus = (typeof predictionStatuses)[number];
export type Acknowledgement = (typeof acknowledgements)[number];

/** One driver of a score: a signed contribution in log-odds points and the input in clinical words. */
export const Driver = Type.Object({
  feature: Type.String(),
  label: Type.String(),
  group: OneOf(featureGroups),
  value: Nullable(Type.Number()),
  unit: Type.String(),
  /** The value in words as a clinician reads it, unit included, e.g. "118 /min" or "not measured". */
  text: Type.String(),
  points: Type.Number(),
});
export type Driver = Type.Static<typeof Driver>;

/**
 * What a screen may show of a stay's risk. `probability` is the last score that was made, which is the present one
 * only where `status` is `scored` and `stale` is false: a withheld score keeps the last one with its age.
 */
export const RiskView = Type.Object({
  status: OneOf([...predictionStatuses, 'none'] as const),
  /** Why it is withheld or the patient is outside the intended use, in clinical words, e.g. "no blood pressure for 3 h". */
  reasons: Type.Array(Type.String()),
  probability: Nullable(Type.Number()),
  /** The end of the completed hour that the last score speaks of. */
  asOf: Nullable(Instant),
  ageMinutes: Nullable(Type.Number()),
  stale: Type.Boolean(),
  tier: OneOf(tiers),
  /** Change of probability over 4 h; null where either end is missing. */
  change4h: Nullable(Type.Number()),
  predictionId: Nullable(Uuid),
});
export type RiskView = Type.Static<typeof RiskView>;

export const alertStates = ['open', 'acknowledged', 'snoozed', 'closed'] as const;
export const AlertView = Type.Object({
  id: Uuid,
  tier: OneOf(tiers),
  status: OneOf(alertStates),
  raisedAt: Instant,
  predictionId: Uuid,
  owner: Nullable(Type.String()),
  acknowledgedAt: Nullable(Instant),
  acknowledgedAs: Nullable(OneOf(acknowledgements)),
  handedTo: Nullable(Type.String()),
  snoozedUntil: Nullable(Instant),
  snoozedBy: Nullable(Type.String()),
  /** Set when a fact that this alert rested on was corrected or withdrawn. */
  evidenceWithdrawnAt: Nullable(Instant),
  version: Type.Integer(),
});
export type AlertView = Type.Static<typeof AlertView>;

export const AcknowledgeRequest = Type.Object({
  as: OneOf(acknowledgements),
  handedTo: Type.Optional(Text(100, 1)),
  version: Int32,
}, { additionalProperties: false });
export type AcknowledgeRequest = Type.Static<typeof AcknowledgeRequest>;

export const SnoozeRequest = Type.Object({
  minutes: Type.Integer({ minimum: 15, maximum: 240 }),
  version: Int32,
}, { additionalProperties: false });
export type SnoozeRequest = Type.Static<typeof SnoozeRequest>;
