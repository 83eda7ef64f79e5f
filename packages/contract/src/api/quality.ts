import { Type } from 'typebox';
import { Instant, Nullable, OneOf, Uuid } from './common.ts';

/** 0 to 1; null where nothing came that it could rest on. `n`: on how many facts. */
const QualityScore = Type.Object({ value: Nullable(Type.Number()), n: Type.Integer() });
const QualityScores = Type.Object({ completeness: QualityScore, validity: QualityScore, timeliness: QualityScore, consistency: QualityScore });

const QualitySource = Type.Object({
  source: Type.String(),
  site: Type.String(),
  /** Of the last 24 hours. */
  messages: Type.Integer(),
  scores: QualityScores,
  days: Type.Array(Type.Object({ day: Type.String(), scores: QualityScores })),
  lastReceivedAt: Nullable(Instant),
  silentSince: Nullable(Instant),
  /** When silence would be called if nothing came; null: it is called already, or never is. */
  alarmAt: Nullable(Instant),
});

const severity = OneOf(['error', 'warning', 'notice'] as const);

export const QualityPage = Type.Object({
  sources: Type.Array(QualitySource),
  /** Every rule with what it found in the last seven days, most first. */
  rules: Type.Array(Type.Object({
    id: Type.String(), severity, action: OneOf(['pass', 'flag', 'quarantine'] as const), text: Type.String(), fix: Type.String(), found: Type.Integer(), sources: Type.Array(Type.String()),
  })),
  /** The newest; no value and no patient. */
  findings: Type.Array(Type.Object({
    id: Uuid, rule: Type.String(), severity, text: Type.String(), fix: Type.String(), source: Type.String(), code: Nullable(Type.String()), messageId: Nullable(Uuid), foundAt: Instant, resolvedAt: Nullable(Instant),
  })),
});
export type QualityPage = Type.Static<typeof QualityPage>;
