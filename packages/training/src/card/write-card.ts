import { PrimumError } from '@primum/base';
import type { Interval } from '../metrics/bootstrap.ts';
import type { MetricsReport } from '../metrics/report-metrics.ts';
import type { Pack } from '../pack/read-pack.ts';

/** What the card says beside the out-of-fold report. */
export type CardFacts = {
  createdAt: string;
  trees: number;
  trainingDataDigest: string;
  seed: number;
  excludedStays: number;
  onnx: { rows: number; largestDifference: number };
  ablations: Ablation[];
  transport: Transport[];
};

export type Ablation = { name: string; columns: number; auroc: Interval; auprc: Interval };
export type Transport = { trainedOn: string; testedOn: string; auroc: Interval; auprc: Interval };

/** Groups that no public column lets anyone assess; named, as an unassessed group is a risk. */
const neverRecorded = ['ethnicity, language, pregnancy and frailty (not in the data)'];

/** The pack's card template with its figures; throws `config.invalid` for a placeholder that nothing fills. */
export function writeCard(pack: Pack, report: MetricsReport, facts: CardFacts): string {
  const [watch, high] = pack.alertPolicy.tiers;
  const values: Record<string, string> = {
    title: pack.title,
    id: pack.id,
    version: pack.version,
    createdAt: facts.createdAt,
    trees: String(facts.trees),
    featureCount: String(pack.featureSet.features.length),
    rows: count(report.rows),
    stays: count(report.stays),
    septicStays: count(report.septicStays),
    featureSetDigest: pack.featureSet.digest,
    alertPolicyDigest: pack.alertPolicy.digest,
    trainingDataDigest: facts.trainingDataDigest,
    intendedUse: pack.featureSet.intendedUse,
    folds: String(pack.folds),
    overallTable: overallTable(report),
    scoredShare: percent(1 - report.withheldShare),
    scoredAuroc: interval(report.scoredHours.auroc),
    transportTable: transportTable(facts.transport),
    reliabilityTable: table(['hours', 'mean score', 'observed rate'], report.reliability.map((bin) => [count(bin.rows), percent(bin.meanProbability, 2), percent(bin.observedRate, 2)])),
    ablationTable: table(['inputs', 'columns', 'AUROC', 'AUPRC'], facts.ablations.map((item) => [item.name, String(item.columns), interval(item.auroc), interval(item.auprc)])),
    watchRaise: percent(watch!.raiseAt, 1), // a policy has two tiers
    watchClear: percent(watch!.clearBelow, 1),
    highRaise: percent(high!.raiseAt, 1),
    highClear: percent(high!.clearBelow, 1),
    minRealertHours: String(pack.alertPolicy.minRealertMinutes / 60),
    alertTable: alertTable(report),
    tradeOffTable: table(
      ['watch', 'high', 'alerts per 100 patient-days', 'PPV, 12 h', 'sensitivity, 12 h', 'alerted stays that become septic'],
      report.alerts.tradeOff.map((item) => [percent(item.watch), percent(item.high), item.alertsPer100PatientDays.toFixed(1), percent(item.ppv12h), percent(item.sensitivity12h), percent(item.ppvStay)]),
    ),
    septicFromFirstRow: String(report.septicFromFirstRow),
    minimumStays: String(report.minimum.stays),
    minimumSepticStays: String(report.minimum.septicStays),
    subgroupTable: subgroupTable(report),
    miscalibrated: miscalibrated(report),
    notAssessed: [...report.subgroups.filter(({ metrics }) => metrics === null).map(({ by, group, stays }) => `${by} ${group} (${stays} stays)`), ...neverRecorded].join('; '),
    excludedStays: String(facts.excludedStays),
    seed: String(facts.seed),
    onnxRows: count(facts.onnx.rows),
    onnxDifference: facts.onnx.largestDifference.toExponential(1),
  };
  return pack.cardTemplate.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new PrimumError('config.invalid', `card.md: nothing fills {{${name}}}`);
    return value;
  });
}

function overallTable({ all }: MetricsReport): string {
  return table(['measure', 'estimate (95 % interval)'], [
    ['AUROC', interval(all.auroc)],
    ['AUPRC', interval(all.auprc)],
    ['challenge utility, normalised', interval(all.utility)],
    ['calibration slope (1 is right)', interval(all.calibrationSlope)],
    ['calibration in the large (0 is right)', interval(all.calibrationIntercept)],
    ['expected calibration error', interval(all.ece, 4)],
    ['Brier score', interval(all.brier, 4)],
  ]);
}

function transportTable(transport: readonly Transport[]): string {
  if (transport.length === 0) return 'The data are of one site: not assessed.';
  return table(['trained on', 'tested on', 'AUROC', 'AUPRC'], transport.map((item) => [item.trainedOn, item.testedOn, interval(item.auroc), interval(item.auprc)]));
}

function alertTable({ alerts }: MetricsReport): string {
  const row = (name: string, of: (measures: MetricsReport['alerts']['all']) => string): string[] => [name, of(alerts.all), of(alerts.high)];
  return table(['measure', 'both tiers', 'high alone'], [
    row('alerts per 100 patient-days', (item) => interval(item.alertsPer100PatientDays, 1)),
    row('alerts a day on a ward of 24 beds', (item) => ((item.alertsPer100PatientDays.estimate * 24) / 100).toFixed(1)),
    row('alerts within the 12 h before onset (PPV)', (item) => share(item.ppv12h)),
    row('septic stays alerted within those 12 h (sensitivity)', (item) => share(item.sensitivity12h)),
    row('alerted stays that become septic', (item) => share(item.ppvStay)),
    row('stays alerted', (item) => share(item.staysAlerted)),
    row('median lead to onset of those alerted in time, h', (item) => interval(item.leadTimeMedianHours, 1)),
  ]);
}

function subgroupTable({ subgroups }: MetricsReport): string {
  return table(
    ['group', 'stays', 'septic', 'AUROC', 'calibration in the large', 'sensitivity, 12 h', 'alerts per 100 patient-days'],
    subgroups.flatMap(({ by, group, stays, septicStays, metrics }) => (metrics === null ? [] : [[
      `${by}: ${group}`, count(stays), count(septicStays), interval(metrics.auroc), interval(metrics.calibrationIntercept, 2), share(metrics.sensitivity12h), interval(metrics.alertsPer100PatientDays, 1),
    ]])),
  );
}

function miscalibrated({ subgroups }: MetricsReport): string {
  const off = subgroups.filter(({ metrics }) => metrics !== null && (metrics.calibrationIntercept.low > 0 || metrics.calibrationIntercept.high < 0));
  return off.length === 0 ? 'none of the groups' : off.map(({ by, group }) => `${by} ${group}`).join('; ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

const interval = ({ estimate, low, high }: Interval, digits = 3): string => `${estimate.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
const percent = (value: number, digits = 0): string => `${(100 * value).toFixed(digits)} %`;
const share = ({ estimate, low, high }: Interval): string => `${percent(estimate)} (${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)})`;
const count = (value: number): string => value.toLocaleString('en-US');
