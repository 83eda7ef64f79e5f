import { PrimumError } from '@primum/base';
import { predictionStatuses, tiers, type LabRow, type Series, type StayPage } from '@primum/contract';
import type { CodeTable, Fact } from '@primum/record';
import { erasedPatientOf, type PhiReader } from '@primum/trust';
import { alertView, displayNames } from '../alerts/alert-view.ts';
import { readAlerts } from '../alerts/alert-row.ts';
import { readPredictions } from '../scoring/prediction-row.ts';
import { readTimelines } from '../scoring/read-timelines.ts';
import { readAnnotations } from './annotations.ts';
import { driversOf } from './drivers.ts';
import { readIdentities } from './identities.ts';
import { latestFacts, readingOf, seriesOf } from './readings.ts';
import { readTrends, type StoredPoint } from './read-trends.ts';
import { rangeText, referenceRanges } from './reference-ranges.ts';
import { changeHours, modelSummary, noRisk, riskView, type MaybeRisk, type RiskRow } from './risk-view.ts';
import { readSite, siteView } from './site-view.ts';
import { openPayload, type ViewDeps } from './view-deps.ts';

const hourMs = 3_600_000;
const defaultHours = 48;

type Row = MaybeRisk & {
  id: string; root_id: string; site_id: number; ward: string | null; bed: string | null; status_of_stay: StayPage['status'];
  icu_from: Date | null; in_training: boolean; alert_id: string | null; ended: boolean | null; members: string[];
};

const selectStay = `
select s.id, p.root_id, s.site_id, s.ward, s.bed, s.status as status_of_stay, s.icu_from, p.in_training,
  r.prediction_id, r.status, r.reasons, r.scored_id, r.scored_as_of, r.probability, r.tier, r.alert_id, r.ended,
  array(select g.id from patient g where g.tenant = p.tenant and g.root_id = p.root_id) as members
from stay s
join patient p on p.tenant = s.tenant and p.id = s.patient_id
left join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id
where s.tenant = $1 and s.id = $2`;

/** The root patient of a stay: the scope that a reader of its page needs. Throws record.not-found, record.erased. */
export async function patientOfStay({ db, tenant }: Pick<ViewDeps, 'db' | 'tenant'>, stayId: string): Promise<string> {
  const [row] = await db.query<{ root_id: string }>(
    'select p.root_id from stay s join patient p on p.tenant = s.tenant and p.id = s.patient_id where s.tenant = $1 and s.id = $2', [tenant, stayId],
  );
  if (row === undefined) throw await erasedPatientOf(db, tenant, stayId) === undefined ? new PrimumError('record.not-found', 'stay') : new PrimumError('record.erased');
  return row.root_id;
}

/** Everything on one patient's page, over the last `hours`. Throws record.not-found. */
export async function loadStayPage(deps: ViewDeps, reader: PhiReader, query: { stayId: string; hours?: number | undefined }): Promise<StayPage> {
  const { db, tenant, model } = deps;
  const [stay] = await db.query<Row>(selectStay, [tenant, query.stayId]);
  const { at } = stay === undefined ? { at: null } : await readSite(deps, { id: stay.site_id });
  if (stay === undefined || at === null) throw new PrimumError('record.not-found', 'stay');
  const { now } = at;
  const from = now - (query.hours ?? defaultHours) * hourMs;
  reader.note({ patientId: stay.root_id, entities: [{ type: 'Encounter', id: stay.id }] });

  const asOf = stay.scored_as_of?.getTime() ?? now;
  const [identities, timelines, trends, alerts, predictions, treated, unmapped] = await Promise.all([
    readIdentities(deps, reader, [stay.root_id], now),
    readTimelines(db, deps.timelines, tenant, [stay.root_id], { onlyScored: false }),
    readTrends(db, tenant, [{ stayId: stay.id, from: Math.min(from, asOf - changeHours * hourMs) }]),
    readAlerts(db, tenant, stay.alert_id === null ? [] : [stay.alert_id]),
    readPredictions(db, tenant, stay.scored_id === null ? [] : [stay.scored_id]),
    db.query('select from alert where tenant = $1 and stay_id = $2 and acknowledged_as = \'already-treating\' limit 1', [tenant, stay.id]),
    db.query<{ code: string; times: number }>(
      `select u.code, sum(u.times)::bigint as times from unmapped_code u join source s on s.tenant = u.tenant and s.id = u.source_id
       where u.tenant = $1 and s.site_id = $2 group by u.code order by times desc limit 20`, [tenant, stay.site_id],
    ),
  ]);
  const trend = trends.get(stay.id) ?? [];
  const shown = trend.filter((point) => point.asOf >= from);
  const alert = [...alerts.values()][0] ?? null;
  const timeline = timelines.get(stay.root_id);
  const facts = timeline === undefined ? [] : [...timeline.timeline.current.values()];
  const latest = timeline === undefined ? new Map<string, Fact>() : latestFacts(deps.latest, stay.root_id, timeline);
  // One that was made while the stay's record was merged with another is that other's, once they are parted.
  const own = predictions.find(({ patientId }) => stay.members.includes(patientId));
  const payload = own === undefined ? null : await openPayload(deps, reader, own);
  const names = await displayNames(db, tenant, [...alerts.values()]);
  return {
    site: siteView(at, stay.status === 'withheld' ? 1 : 0),
    model: modelSummary(model),
    stayId: stay.id,
    patientId: stay.root_id,
    ward: stay.ward ?? '',
    bed: stay.bed ?? '',
    status: stay.status_of_stay,
    identity: identities.get(stay.root_id)!, // asked for above
    inTraining: stay.in_training,
    alreadyTreated: treated.length > 0,
    icuFrom: stay.icu_from?.toISOString() ?? null,
    risk: isScored(stay) ? riskView(stay, trend, now) : noRisk,
    alert: alert === null ? null : alertView(alert, names),
    trend: shown.map(riskPoint),
    annotations: await readAnnotations(db, tenant, stay.id, from, shown),
    ...(model === null ? { vitals: [], labs: [], labSeries: [] } : measurements(model.codes, facts, latest, from, now)),
    drivers: payload === null || model === null ? [] : driversOf(model.featureSet, payload),
    expectedPoints: payload?.expected ?? null,
    unmapped,
  };
}

function isScored(stay: Row): stay is Row & RiskRow {
  return stay.prediction_id !== null;
}

function riskPoint({ predictionId, asOf, status, probability, tier }: StoredPoint): StayPage['trend'][number] {
  return {
    predictionId,
    asOf: new Date(asOf).toISOString(),
    status: predictionStatuses.find((item) => item === status) ?? 'withheld',
    probability,
    tier: tiers.find((item) => item === tier) ?? 'none',
  };
}

function measurements(codes: CodeTable, facts: readonly Fact[], latest: ReadonlyMap<string, Fact>, from: number, now: number): Pick<StayPage, 'vitals' | 'labs' | 'labSeries'> {
  const byCode = Map.groupBy(facts, ({ code }) => code);
  const series = (category: string): Series[] => [...codes.byCode.values()]
    .filter((entry) => entry.category === category && latest.has(entry.code))
    .flatMap((entry) => seriesOf(codes, entry.code, byCode.get(entry.code) ?? [], from, now) ?? []);
  return {
    vitals: series('vital-signs'),
    labSeries: series('laboratory'),
    labs: [...codes.byCode.values()].filter(({ category }) => category === 'laboratory')
      .flatMap(({ code }) => labRow(codes, latest.get(code), byCode.get(code) ?? [], now) ?? []),
  };
}

function labRow(codes: CodeTable, fact: Fact | undefined, facts: readonly Fact[], now: number): LabRow | null {
  const reading = readingOf(codes, fact, now);
  if (reading === null || fact === undefined) return null;
  const range = referenceRanges[fact.code];
  const previous = facts.filter(({ status, value, effectiveAt }) => status !== 'retracted' && value !== null && effectiveAt < fact.effectiveAt)
    .reduce<Fact | null>((last, candidate) => (last === null || candidate.effectiveAt > last.effectiveAt ? candidate : last), null)?.value ?? null;
  const { value } = fact;
  return {
    reading,
    range: range === undefined ? null : rangeText(range, codes.byCode.get(fact.code)?.precision ?? 1),
    outOfRange: range === undefined || value === null ? null : value < range[0] ? 'low' : value > range[1] ? 'high' : null,
    previous,
    change: previous === null || value === null ? null : value - previous,
  };
}
