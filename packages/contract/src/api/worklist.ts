import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';
import { AlertView, Driver, RiskView } from './risk.ts';

export const Identity = Type.Object({
  name: Type.String(),
  birthDate: Type.String(),
  mrn: Type.String(),
  sex: OneOf(['male', 'female', 'other', 'unknown'] as const),
  ageYears: Nullable(Type.Number()),
});
export type Identity = Type.Static<typeof Identity>;

/** A latest value as the source sent it: its own precision, its age on the source's clock. */
export const Reading = Type.Object({
  code: Type.String(),
  label: Type.String(),
  unit: Type.String(),
  /** The source's own text, so its precision; null where the last value is missing (flag says why). */
  text: Nullable(Type.String()),
  value: Nullable(Type.Number()),
  at: Instant,
  ageMinutes: Type.Number(),
  stale: Type.Boolean(),
  corrected: Type.Boolean(),
  flag: Nullable(OneOf(['implausible', 'unit-unknown', 'unmapped'] as const)),
});
export type Reading = Type.Static<typeof Reading>;

export const states = ['alert', 'rising', 'steady', 'falling', 'withheld', 'ineligible', 'new'] as const;
export const WorklistRow = Type.Object({
  stayId: Uuid,
  patientId: Uuid,
  bed: Type.String(),
  ward: Type.String(),
  identity: Identity,
  state: OneOf(states),
  risk: RiskView,
  /** [hours before now (negative), probability or null for a gap], oldest first, 12 h. */
  trend12h: Type.Array(Type.Tuple([Type.Number(), Nullable(Type.Number())])),
  drivers: Type.Array(Driver, { maxItems: 2 }),
  /** HR, RR, MAP, SpO2, Temp, in this order; null where never measured. */
  vitals: Type.Array(Nullable(Reading), { minItems: 5, maxItems: 5 }),
  alert: Nullable(AlertView),
  inTraining: Type.Boolean(),
  /** The order the brief asks for: unacknowledged alerts (oldest first), rising, then by risk. Withheld rows keep their last rank. */
  rank: Type.Integer(),
});
export type WorklistRow = Type.Static<typeof WorklistRow>;

export const FeedState = Type.Object({
  source: Type.String(),
  state: OneOf(['live', 'silent', 'never'] as const),
  lastMessageAt: Nullable(Instant),
  silentMinutes: Nullable(Type.Number()),
  /** In words, e.g. "labs silent 22 min: 6 scores withheld". */
  text: Type.String(),
});
export type FeedState = Type.Static<typeof FeedState>;

/** What every page shows about a site: its clock, whether it is simulated and how fast, and how its feeds are. */
export const SiteView = Type.Object({
  code: Type.String(),
  name: Type.String(),
  now: Instant,
  clockRate: Type.Number(),
  simulated: Type.Boolean(),
  feeds: Type.Array(FeedState),
});
export type SiteView = Type.Static<typeof SiteView>;

export const ModelSummary = Type.Object({
  name: Type.String(),
  version: Type.String(),
  digest: Type.String(),
  demonstration: Type.Boolean(),
  thresholds: Type.Array(Type.Object({ tier: OneOf(['watch', 'high'] as const), raise: Type.Number(), clear: Type.Number() })),
  suspended: Type.Boolean(),
  suspendedBecause: Nullable(Type.String()),
});
export type ModelSummary = Type.Static<typeof ModelSummary>;

export const Worklist = Type.Object({
  site: SiteView,
  sites: Type.Array(Type.Object({ code: Type.String(), name: Type.String() })),
  model: Nullable(ModelSummary),
  rows: Type.Array(WorklistRow),
  /** e.g. "22 scored, 2 withheld, no alerts", or "No patients; last ADT 06:12". */
  summary: Type.String(),
  notices: Type.Integer(),
});
export type Worklist = Type.Static<typeof Worklist>;
