import type { FeatureMatrix, MatrixStay } from '@primum/datasets';
import { parseAlertPolicy, type AlertPolicy } from '@primum/registry';
import { alertStatistics, simulateAlerts, type AlertName, type SimulatedAlert } from './alert-statistics.ts';
import { bootstrapByStay, type Interval, type Statistic } from './bootstrap.ts';
import { calibrationStatistics, reliabilityBins, type CalibrationName, type ReliabilityBin } from './calibration-statistics.ts';
import { bestUtilityThreshold, utilityStatistic } from './challenge-utility.ts';
import { rankStatistics } from './rank-statistics.ts';
import { selectStays, type ScoredStays } from './scored-stays.ts';
import { minimumSepticStays, minimumStays, subgroupsOf } from './subgroups.ts';

export type ScoreName = 'auroc' | 'auprc' | CalibrationName;

export type GroupReport = {
  by: string;
  group: string;
  stays: number;
  septicStays: number;
  /** Null where the group is smaller than the minimum. */
  metrics: Record<ScoreName | 'sensitivity12h' | 'ppv12h' | 'alertsPer100PatientDays', Interval> | null;
};

/** Point figures of one pair of thresholds. */
export type TradeOff = { watch: number; high: number } & Record<AlertName, number>;

/** `metrics.json`: everything out of fold, with 95 % intervals by stay. */
export type MetricsReport = {
  rows: number;
  stays: number;
  septicStays: number;
  /** Septic stays whose first row is positive already: nothing can be told before it. */
  septicFromFirstRow: number;
  withheldShare: number;
  all: Record<ScoreName | 'utility', Interval>;
  /** Hours in which a score would be shown: the required inputs are there. */
  scoredHours: Record<'auroc' | 'auprc', Interval>;
  reliability: ReliabilityBin[];
  utilityThresholds: number[];
  alerts: { policyDigest: string; all: Record<AlertName, Interval>; high: Record<AlertName, Interval>; tradeOff: TradeOff[] };
  subgroups: GroupReport[];
  minimum: { stays: number; septicStays: number };
};

/** Calibrated out-of-fold probabilities → the report. `folds` holds the fold of each stay. */
export function reportMetrics(
  { matrix, probabilities, folds, policy, siteOf, seed }: {
    matrix: FeatureMatrix; probabilities: Float64Array; folds: Uint8Array; policy: AlertPolicy; siteOf: (stay: MatrixStay) => string; seed: number;
  },
): MetricsReport {
  const { stays, labels, withheld, rowCount } = matrix;
  const scored: ScoredStays = { probabilities, labels, stays };
  const intervals = <Name extends string>(statistic: Statistic<Name>, count = stays.length): Record<Name, Interval> => bootstrapByStay(statistic, count, { seed });
  const { thresholds, byStay } = utilityThresholds(scored, folds);
  const alerts = simulateAlerts(policy, scored, withheld);
  return {
    rows: rowCount,
    stays: stays.length,
    septicStays: stays.filter(({ septic }) => septic).length,
    septicFromFirstRow: stays.filter(({ start }) => labels[start] === 1).length,
    withheldShare: withheld.reduce((sum, value) => sum + value, 0) / rowCount,
    all: { ...intervals(rankStatistics(scored)), ...intervals(calibrationStatistics(scored)), ...intervals(utilityStatistic(scored, byStay)) },
    scoredHours: intervals(rankStatistics(withoutRows(scored, withheld))),
    reliability: reliabilityBins(scored),
    utilityThresholds: thresholds,
    alerts: {
      policyDigest: policy.digest,
      all: intervals(alertStatistics(scored, alerts)),
      high: intervals(alertStatistics(scored, alerts.filter(({ tier }) => tier === 'high'))),
      tradeOff: tradeOffs(policy, scored, withheld),
    },
    subgroups: subgroupsOf(stays, siteOf).map(({ by, group, stays: members }): GroupReport => {
      const septicStays = members.filter((stay) => stays[stay]!.septic).length;
      const assessed = members.length >= minimumStays && septicStays >= minimumSepticStays;
      return { by, group, stays: members.length, septicStays, metrics: assessed ? groupMetrics(scored, alerts, members, intervals) : null };
    }),
    minimum: { stays: minimumStays, septicStays: minimumSepticStays },
  };
}

function groupMetrics(
  scored: ScoredStays, alerts: readonly SimulatedAlert[], members: number[],
  intervals: <Name extends string>(statistic: Statistic<Name>, count: number) => Record<Name, Interval>,
): NonNullable<GroupReport['metrics']> {
  const part = selectStays(scored, members);
  const position = new Map(members.map((stay, at) => [stay, at]));
  const own = alerts.flatMap((alert) => {
    const stay = position.get(alert.stay);
    return stay === undefined ? [] : [{ ...alert, stay }];
  });
  const { sensitivity12h, ppv12h, alertsPer100PatientDays } = intervals(alertStatistics(part, own), members.length);
  return { ...intervals(rankStatistics(part), members.length), ...intervals(calibrationStatistics(part), members.length), sensitivity12h, ppv12h, alertsPer100PatientDays };
}

/** Per fold, the threshold that is best on the other folds; and for each stay its fold's. */
function utilityThresholds(scored: ScoredStays, folds: Uint8Array): { thresholds: number[]; byStay: Float64Array } {
  const indices = [...folds.keys()];
  const thresholds = Array.from({ length: Math.max(...folds) + 1 }, (_, fold) => bestUtilityThreshold(selectStays(scored, indices.filter((stay) => folds[stay] !== fold))));
  return { thresholds, byStay: Float64Array.from(folds, (fold) => thresholds[fold]!) };
}

/** The same policy at other thresholds (clear at half), for the card's trade-off. */
function tradeOffs(policy: AlertPolicy, scored: ScoredStays, withheld: Uint8Array): TradeOff[] {
  const once = new Uint8Array(scored.stays.length).fill(1);
  return [[0.04, 0.1], [0.08, 0.2], [0.12, 0.24], [0.15, 0.3], [0.2, 0.35], [0.25, 0.4]].map(([watch = 0, high = 0]) => {
    const { id, version, title, minRealertMinutes, maxSnoozeMinutes } = policy;
    const other = parseAlertPolicy({
      id, version, title, minRealertMinutes, maxSnoozeMinutes,
      tiers: [{ tier: 'watch', raiseAt: watch, clearBelow: watch / 2 }, { tier: 'high', raiseAt: high, clearBelow: high / 2 }],
    });
    return { watch, high, ...alertStatistics(scored, simulateAlerts(other, scored, withheld))(once) };
  });
}

/** The rows that are not marked; stays keep their place, if need be without rows. */
function withoutRows({ probabilities, labels, stays }: ScoredStays, marked: Uint8Array): ScoredStays {
  const kept: number[] = [];
  const shorter = stays.map(({ start, end }) => {
    const from = kept.length;
    for (let row = start; row < end; row += 1) if (marked[row] === 0) kept.push(row);
    return { start: from, end: kept.length };
  });
  return { probabilities: Float64Array.from(kept, (row) => probabilities[row]!), labels: Uint8Array.from(kept, (row) => labels[row]!), stays: shorter };
}
