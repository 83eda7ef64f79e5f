import { PrimumError } from '@primum/base';
import type { Worklist, WorklistRow } from '@primum/contract';
import type { PhiReader } from '@primum/trust';
import { alertView, displayNames } from '../alerts/alert-view.ts';
import { readAlerts, type AlertRow } from '../alerts/alert-row.ts';
import { readPredictions } from '../scoring/prediction-row.ts';
import { readTimelines } from '../scoring/read-timelines.ts';
import { driversOf } from './drivers.ts';
import { readIdentities } from './identities.ts';
import { rankRows } from './rank.ts';
import { latestFacts, readingOf } from './readings.ts';
import { readTrends } from './read-trends.ts';
import { changeHours, modelSummary, noRisk, riskView, type MaybeRisk, type RiskRow } from './risk-view.ts';
import { noSite, readSite, siteView, type SiteAtHand } from './site-view.ts';
import { worklistSummary } from './summary.ts';
import { directionOf, trendBefore, type TrendPoint } from './trend.ts';
import { openPayload, type ViewDeps } from './view-deps.ts';

/** HR, RR, MAP, SpO2, Temp, in the worklist's order. */
const worklistVitals = ['8867-4', '9279-1', '8478-0', '59408-5', '8310-5'];
const trendHours = 12;
const hourMs = 3_600_000;

type StayRow = MaybeRisk & { id: string; root_id: string; ward: string | null; bed: string | null; in_training: boolean; alert_id: string | null };

const selectStays = (allowed: string): string => `
select s.id, p.root_id, s.ward, s.bed, p.in_training, r.prediction_id, r.status, r.reasons, r.scored_id, r.scored_as_of, r.probability, r.tier, r.alert_id
from stay s
join patient p on p.tenant = s.tenant and p.id = s.patient_id
join patient_facts f on f.tenant = p.tenant and f.patient_id = p.root_id
left join stay_risk r on r.tenant = s.tenant and r.stay_id = s.id and not r.ended
where s.tenant = $1 and s.site_id = $2 and s.status = 'in-progress' and s.icu and ${allowed}`;

/** The worklist of a site, of the patients that the reader's person may see (the first one, where none is named). Throws record.not-found for a site that isn't there. */
export async function loadWorklist(deps: ViewDeps, reader: PhiReader, query: { siteCode?: string | undefined }): Promise<Worklist> {
  const { db, tenant, clock, model } = deps;
  const { at, sites } = await readSite(deps, { code: query.siteCode });
  if (at === null && query.siteCode !== undefined) throw new PrimumError('record.not-found', 'site');
  const notices = await unreadNotices(deps, reader);
  const common = { sites: sites.map(({ code, name }) => ({ code, name })), model: modelSummary(model), notices };
  if (at === null) return { ...common, site: noSite(clock.now()), rows: [], summary: worklistSummary({ scored: 0, withheld: 0, ineligible: 0, unscored: 0, alerts: 0 }, null) };

  const allowed = reader.rowFilter({ alias: 'f', from: 3 });
  const stays = await db.query<StayRow>(selectStays(allowed.sql), [tenant, at.site.id, ...allowed.values]);
  const rows = await loadRows(deps, reader, at, stays);
  const count = (...statuses: string[]): number => rows.filter(({ risk }) => statuses.includes(risk.status)).length;
  const withheld = count('withheld');
  const counts = { scored: count('scored'), withheld, ineligible: count('ineligible'), unscored: count('none'), alerts: rows.filter(({ alert }) => alert !== null).length };
  return { ...common, site: siteView(at, withheld), rows, summary: worklistSummary(counts, lastAdmission(at)) };
}

async function loadRows(deps: ViewDeps, reader: PhiReader, { now }: SiteAtHand, stays: readonly StayRow[]): Promise<WorklistRow[]> {
  if (stays.length === 0) return [];
  const { db, tenant, model } = deps;
  const rootIds = [...new Set(stays.map(({ root_id }) => root_id))];
  reader.note({ patientIds: rootIds });
  const scoredIds = stays.flatMap(({ scored_id }) => scored_id ?? []);
  const uncached = scoredIds.filter((id) => deps.payloads.get(id) === undefined);
  const [identities, timelines, trends, alerts, predictions] = await Promise.all([
    readIdentities(deps, reader, rootIds, now),
    readTimelines(db, deps.timelines, tenant, rootIds, { onlyScored: false }),
    readTrends(db, tenant, stays.map(({ id, scored_as_of }) => ({ stayId: id, from: Math.min(now - trendHours * hourMs, (scored_as_of?.getTime() ?? now) - changeHours * hourMs) }))),
    readAlerts(db, tenant, stays.flatMap(({ alert_id }) => alert_id ?? [])),
    readPredictions(db, tenant, uncached),
  ]);
  await Promise.all(predictions.map((prediction) => openPayload(deps, reader, prediction)));
  const names = await displayNames(db, tenant, [...alerts.values()]);

  const rows = stays.map((stay): WorklistRow => {
    const trend = trends.get(stay.id) ?? [];
    const alert = stay.alert_id === null ? null : alerts.get(stay.alert_id) ?? null;
    const timeline = timelines.get(stay.root_id);
    const latest = timeline === undefined ? new Map() : latestFacts(deps.latest, stay.root_id, timeline);
    const payload = stay.scored_id === null ? undefined : deps.payloads.get(stay.scored_id);
    return {
      stayId: stay.id,
      patientId: stay.root_id,
      bed: stay.bed ?? '',
      ward: stay.ward ?? '',
      identity: identities.get(stay.root_id)!, // asked for above
      state: stateOf(stay, alert, trend),
      risk: isScored(stay) ? riskView(stay, trend, now) : noRisk,
      trend12h: trendBefore(trend, now, trendHours),
      drivers: payload === undefined || model === null ? [] : driversOf(model.featureSet, payload).slice(0, 2),
      vitals: worklistVitals.map((code) => (model === null ? null : readingOf(model.codes, latest.get(code), now))),
      alert: alert === null ? null : alertView(alert, names),
      inTraining: stay.in_training,
      rank: 0,
    };
  });
  const ranks = rankRows(rows.map((row, index) => ({
    stayId: row.stayId,
    bed: row.bed,
    waitingSince: row.alert?.status === 'open' ? Date.parse(row.alert.raisedAt) : null,
    rising: directionAtLastScore(stays[index]!, trends.get(row.stayId) ?? []) === 'rising', // rows are the stays, in their order
    probability: row.risk.probability,
  })));
  return rows.map((row) => ({ ...row, rank: ranks.get(row.stayId) ?? rows.length })).toSorted((a, b) => a.rank - b.rank);
}

function isScored(stay: StayRow): stay is StayRow & RiskRow {
  return stay.prediction_id !== null;
}

function directionAtLastScore(stay: StayRow, trend: readonly TrendPoint[]): ReturnType<typeof directionOf> {
  return stay.scored_as_of === null ? 'steady' : directionOf(trend, stay.scored_as_of.getTime(), changeHours);
}

/** A standing alert is never hidden behind another word. */
function stateOf(stay: StayRow, alert: AlertRow | null, trend: readonly TrendPoint[]): WorklistRow['state'] {
  if (alert !== null) return 'alert';
  if (stay.status === null) return 'new';
  if (stay.status === 'withheld' || stay.status === 'ineligible') return stay.status;
  return directionAtLastScore(stay, trend);
}

function lastAdmission({ feeds }: SiteAtHand): number | null {
  const times = feeds.flatMap(({ application, lastMessageAt }) => (/adt|ward|pas|his|ehr/i.test(application) ? lastMessageAt ?? [] : []));
  return times.length === 0 ? null : Math.max(...times);
}

async function unreadNotices({ db, tenant }: ViewDeps, { principal }: PhiReader): Promise<number> {
  if (principal.kind !== 'user') return 0;
  const [row] = await db.query<{ count: number }>('select count(*) as count from notice where tenant = $1 and user_id = $2 and read_at is null', [tenant, principal.userId]);
  return row?.count ?? 0;
}
