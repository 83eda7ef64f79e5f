import type { Clock, Log } from '@primum/base';
import { evaluateFeatures } from '@primum/datasets';
import type { InferenceEngine } from '@primum/inference';
import { siteNow } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import { writeOutbox, type OutboxEvent, type Sql } from '@primum/store';
import { mintSystemPrincipal, type Audit, type AuditInput, type Keys } from '@primum/trust';
import { readAlerts, writeAlerts } from '../alerts/alert-row.ts';
import { writeNotices } from '../alerts/notices.ts';
import { withdrawnEvidence } from '../alerts/withdrawn-evidence.ts';
import type { Explainer } from '../explain/explainer.ts';
import { computeOutcomes } from './compute-outcomes.ts';
import { decideStay, type StayAtHand, type StayDecision } from './decide-stay.ts';
import { hexOf } from './facts-digest.ts';
import { underObjection } from './objection.ts';
import { commitInputs, sealPrediction, writePredictions, type PredictionRow, type Provenance } from './prediction-row.ts';
import { lockStayRisks, readStays } from './read-stays.ts';
import { readTimelines } from './read-timelines.ts';
import { writeStayRisks } from './stay-risk.ts';
import type { TimelineCache } from './timeline-cache.ts';
import { whyDue, type PatientChange } from './why-due.ts';

export type ScoreDeps = {
  tenant: number;
  keys: Keys;
  audit: Pick<Audit, 'write'>;
  engine: InferenceEngine;
  explainer: Explainer;
  model: ModelPackage;
  provenance: Provenance;
  clock: Clock;
  log: Log;
};

/** What one batch wrote, by number. */
export type ScoreCounts = { predictions: number; alertEvents: number };

/**
 * From changed patients to outcomes, alerts, notices, audit rows and announcements, in the caller's transaction: a
 * handful of statements whatever the number of patients. Nothing is visible before all of it is.
 */
export async function scoreChanges(deps: ScoreDeps, cache: TimelineCache, tx: Sql, changes: ReadonlyMap<string, PatientChange>): Promise<ScoreCounts> {
  const hands = await gather(deps, cache, tx, changes);
  const due = hands.filter(({ trigger }) => trigger !== null);
  const [outcomes] = await Promise.all([
    computeOutcomes(deps, deps.model.digest, due.map(({ evaluation }) => evaluation)),
    deps.keys.ensure(deps.tenant, due.map(({ stay }) => ({ kind: 'patient', patientId: stay.rootId }))),
  ]);
  const outcomeOf = new Map(due.map((hand, index) => [hand, outcomes[index]!]));
  const decisions = hands.map((hand) => ({ hand, decision: decideStay(deps.model, hand, outcomeOf.get(hand) ?? null) }));
  return write(deps, tx, changes, decisions);
}

async function gather(deps: ScoreDeps, cache: TimelineCache, tx: Sql, changes: ReadonlyMap<string, PatientChange>): Promise<StayAtHand[]> {
  const { tenant, model } = deps;
  const rootIds = [...changes.keys()];
  // Two at a time travel together: stays and groups, then locks and facts.
  const [{ stays, risks }, timelines] = await Promise.all([
    readStays(tx, tenant, rootIds).then(async (found) => ({ stays: found, risks: await lockStayRisks(tx, tenant, found.map(({ stayId }) => stayId)) })),
    readTimelines(tx, cache, tenant, rootIds, { onlyScored: true }),
  ]);
  const alertIds = [...risks.values()].flatMap(({ alertId }) => alertId ?? []);
  const suspects = stays.filter(({ rootId }) => ['correction', 'merge', 'stay'].some((kind) => changes.get(rootId)!.kinds.has(kind))) // stays of changed roots only
    .flatMap(({ stayId }) => risks.get(stayId)?.alertId ?? []);
  const [alerts, withdrawn] = await Promise.all([readAlerts(tx, tenant, alertIds), withdrawnEvidence(tx, tenant, suspects)]);
  const wall = deps.clock.now().getTime();
  return stays.flatMap((stay) => {
    const cached = timelines.get(stay.rootId);
    if (cached === undefined) return [];
    const risk = risks.get(stay.stayId);
    const now = Math.floor(siteNow(stay.clock, wall));
    const evaluation = underObjection(evaluateFeatures(model.featureSet, cached.timeline, now), cached.objection);
    const trigger = stay.inIcu ? whyDue(risk, evaluation, changes.get(stay.rootId)!) // as above
      : risk !== undefined && risk.status !== 'ineligible' && !evaluation.eligible.ok ? 'eligibility' : null;
    const alert = risk === undefined || risk.alertId === null ? null : alerts.get(risk.alertId) ?? null;
    return [{ stay, risk, alert, timeline: cached.timeline, pinSeq: cached.seq, factsDigest: hexOf(cached.digest), evaluation, now, trigger, evidenceWithdrawn: alert !== null && withdrawn.has(alert.id) }];
  });
}

async function write(
  deps: ScoreDeps, tx: Sql, changes: ReadonlyMap<string, PatientChange>, decisions: readonly { hand: StayAtHand; decision: StayDecision }[],
): Promise<ScoreCounts> {
  const { tenant, keys, provenance } = deps;
  const predictions: PredictionRow[] = decisions.flatMap(({ decision: { prediction } }) => {
    if (prediction === null) return [];
    const inputsCommitment = commitInputs(keys, tenant, provenance.featureSetDigest, prediction.payload.inputs);
    return [sealPrediction(keys, tenant, { ...prediction.columns, ...provenance, inputsCommitment }, prediction.payload)];
  });
  const alertEvents = decisions.flatMap(({ decision }) => decision.alert.events);
  await Promise.all([ // sent together, run in this order
    writePredictions(tx, tenant, provenance, predictions),
    writeAlerts(tx, tenant, decisions.flatMap(({ decision }) => (decision.alert.events.length > 0 && decision.alert.alert !== null ? [decision.alert.alert] : [])), alertEvents),
    writeStayRisks(tx, tenant, decisions.flatMap(({ decision }) => decision.risk ?? [])),
    writeNotices(tx, tenant, decisions.flatMap(({ hand, decision }) => (decision.withdrawn && hand.alert !== null ? [hand.alert] : []))),
    predictions.length === 0 ? undefined : deps.audit.write(tx, auditRows(deps, predictions)),
    writeOutbox(tx, announcements(tenant, changes, decisions)),
  ]);
  return { predictions: predictions.length, alertEvents: alertEvents.length };
}

function auditRows({ tenant, clock }: ScoreDeps, predictions: readonly PredictionRow[]): AuditInput[] {
  const principal = mintSystemPrincipal('serving');
  const at = clock.now();
  return predictions.map(({ id, patientId }) => ({
    tenant, action: 'prediction.made', outcome: 'success', principal, purpose: 'TREAT', patientId, entities: [{ type: 'Prediction', id }], at,
  }));
}

function announcements(tenant: number, changes: ReadonlyMap<string, PatientChange>, decisions: readonly { hand: StayAtHand; decision: StayDecision }[]): OutboxEvent[] {
  return decisions.flatMap(({ hand: { stay }, decision }) => {
    const change = changes.get(stay.rootId);
    const about = { patientId: stay.rootId, stayId: stay.stayId, messageIds: [...(change?.messageIds ?? [])], receivedAtMs: change?.receivedAtMs ?? null };
    const made: OutboxEvent[] = decision.prediction === null ? [] : [
      { tenant, topic: 'prediction.made', key: stay.rootId, payload: { predictionId: decision.prediction.columns.id, status: decision.prediction.columns.status, ...about } },
    ];
    return [...made, ...decision.alert.events.map(({ alertId, kind }): OutboxEvent => ({ tenant, topic: 'alert.changed', key: stay.rootId, payload: { alertId, kind, ...about } }))];
  });
}
