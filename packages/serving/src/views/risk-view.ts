import { predictionStatuses, tiers, type ModelSummary, type RiskView } from '@primum/contract';
import type { ModelPackage } from '@primum/registry';
import { changeOver, type TrendPoint } from './trend.ts';

/** What `stay_risk` holds of a stay, as read for a screen. */
export type RiskRow = {
  prediction_id: string; status: string; reasons: string[]; scored_id: string | null; scored_as_of: Date | null; probability: number | null; tier: string;
};

/** As joined from the left: null where a stay was never scored. */
export type MaybeRisk = { [Column in keyof RiskRow]: RiskRow[Column] | null };

/** A score is of a completed hour, and the next one is due an hour later: beyond 90 min something is late. */
const staleAfterMs = 90 * 60_000;
export const changeHours = 4;

export const noRisk: RiskView = {
  status: 'none', reasons: [], probability: null, asOf: null, ageMinutes: null, stale: false, tier: 'none', change4h: null, predictionId: null,
};

/** A withheld score keeps the last one with its age; it is never shown as 0. */
export function riskView(row: RiskRow, trend: readonly TrendPoint[], now: number): RiskView {
  const asOf = row.scored_as_of?.getTime() ?? null;
  const ageMs = asOf === null ? null : Math.max(0, now - asOf);
  return {
    status: predictionStatuses.find((status) => status === row.status) ?? 'none',
    reasons: row.reasons,
    probability: row.probability,
    asOf: asOf === null ? null : new Date(asOf).toISOString(),
    ageMinutes: ageMs === null ? null : Math.floor(ageMs / 60_000),
    stale: ageMs !== null && ageMs > staleAfterMs,
    tier: tiers.find((tier) => tier === row.tier) ?? 'none',
    change4h: asOf === null ? null : changeOver(trend, asOf, changeHours),
    predictionId: row.scored_id ?? row.prediction_id,
  };
}

export function modelSummary(model: ModelPackage | null): ModelSummary | null {
  if (model === null) return null;
  return {
    name: model.manifest.title,
    version: model.manifest.version,
    digest: model.digest,
    demonstration: true,
    thresholds: model.alertPolicy.tiers.map(({ tier, raiseAt, clearBelow }) => ({ tier, raise: raiseAt, clear: clearBelow })),
    suspended: false,
    suspendedBecause: null,
  };
}
