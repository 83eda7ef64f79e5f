import { createTimeline, describeFeatures, evaluateFeatures } from '@primum/datasets';
import { factsOfMessage, groupOf, readFacts, versionsOfMessage, type Fact, type FactOrigin } from '@primum/record';
import { readAlerts } from '../alerts/alert-row.ts';
import { readPredictions, type StoredPrediction } from '../scoring/prediction-row.ts';
import type { GraphBuilder } from './graph-builder.ts';
import type { LineageDeps } from './lineage-deps.ts';
import { actionNode, alertNode, factId, factNode, featureNode, predictionNode, versionNode } from './nodes.ts';
import { alertsOfPredictions, predictionsSince, readAlertEvents } from './read-down.ts';

/** At most this many predictions are evaluated again to see whether they used a fact. */
const maxEvaluated = 400;

/** What a message wrote, and everything that rests on it. */
export async function messageDown(deps: LineageDeps, graph: GraphBuilder, messageId: string, patientIds: readonly string[]): Promise<void> {
  const { db, tenant, maxRows } = deps;
  const group = await groupOf(db, tenant, patientIds);
  const versions = await versionsOfMessage(db, { tenant, patientIds: group, messageId, limit: maxRows });
  for (const version of versions) if (graph.add(versionNode(version))) graph.link(`message:${messageId}`, versionNode(version).id);
  const facts = await factsOfMessage(db, { tenant, patientIds: group, messageId, limit: maxRows });
  await factsDown(deps, graph, facts, group);
  const byRow = new Map(facts.map((fact) => [`${fact.key} ${fact.seq}`, factId(fact)]));
  for (const version of versions) {
    const fact = byRow.get(`${version.id} ${version.seq}`);
    graph.link(fact === undefined ? `message:${messageId}` : versionNode(version).id, fact ?? versionNode(version).id);
  }
}

/** From facts to the features and predictions that used exactly these rows, and on to alerts and what people did. */
export async function factsDown(deps: LineageDeps, graph: GraphBuilder, facts: readonly FactOrigin[], group: readonly string[]): Promise<void> {
  for (const fact of facts) if (graph.add(factNode(fact, deps.codeNames)) && fact.messageId !== null) graph.link(`message:${fact.messageId}`, factId(fact));
  if (facts.length === 0) return;
  const firstSeq = Math.min(...facts.map(({ seq }) => seq));
  const ids = await predictionsSince(deps.db, deps.tenant, group, firstSeq, maxEvaluated + 1);
  if (ids.length > maxEvaluated) graph.cut();
  const used = await usesOf(deps, graph, await readPredictions(deps.db, deps.tenant, ids.slice(0, maxEvaluated)), facts);
  await predictionsDown(deps, graph, used);
}

/** Evaluates each prediction's features again at its pin, and links those that read one of the rows. */
async function usesOf(deps: LineageDeps, graph: GraphBuilder, predictions: readonly StoredPrediction[], facts: readonly FactOrigin[]): Promise<StoredPrediction[]> {
  const wanted = new Map(facts.map((fact) => [`${fact.key} ${fact.seq}`, factId(fact)]));
  const rowsOf = new Map<string, readonly Fact[]>();
  const used: StoredPrediction[] = [];
  for (const prediction of predictions) {
    const model = await deps.findModel(prediction.modelDigest);
    if (model === null) continue;
    const at = `${prediction.patientId} ${prediction.pinSeq}`;
    const rows = rowsOf.get(at) ?? (await readFacts(deps.db, { tenant: deps.tenant, rootId: prediction.patientId, upToSeq: prediction.pinSeq })).rows;
    rowsOf.clear(); // predictions come in order: the next has the same pin or a later one
    rowsOf.set(at, rows);
    const timeline = createTimeline(rows, prediction.pinSeq);
    const features = describeFeatures(model.featureSet, timeline, evaluateFeatures(model.featureSet, timeline, prediction.nowAt));
    let any = false;
    for (const { name, label, keys } of features) {
      for (const key of keys) {
        const fact = wanted.get(`${key} ${timeline.current.get(key)?.seq}`);
        if (fact === undefined) continue;
        const node = featureNode(prediction, name, label);
        if (!graph.add(node) || !graph.add(predictionNode(prediction))) break;
        graph.link(fact, node.id);
        graph.link(node.id, predictionNode(prediction).id);
        any = true;
      }
    }
    if (any) used.push(prediction);
  }
  return used;
}

/** The alerts that these predictions raised or moved, and what people did about them. */
export async function predictionsDown(deps: LineageDeps, graph: GraphBuilder, predictions: readonly StoredPrediction[]): Promise<void> {
  for (const prediction of predictions) graph.add(predictionNode(prediction));
  const links = await alertsOfPredictions(deps.db, deps.tenant, predictions, deps.maxRows);
  for (const { alertId, predictionId } of links) graph.link(`prediction:${predictionId}`, `alert:${alertId}`);
  await alertsDown(deps, graph, [...new Set(links.map(({ alertId }) => alertId))]);
}

export async function alertsDown(deps: LineageDeps, graph: GraphBuilder, alertIds: readonly string[]): Promise<void> {
  const alerts = await readAlerts(deps.db, deps.tenant, alertIds);
  for (const alert of alerts.values()) graph.add(alertNode(alert));
  for (const event of await readAlertEvents(deps.db, deps.tenant, alertIds, deps.maxRows)) {
    const alert = alerts.get(event.alertId);
    // What the policy did by itself is the alert's own history; what people did are actions.
    if (alert === undefined || !event.actor.startsWith('user:')) continue;
    const node = actionNode(event, alert.patientId);
    if (graph.add(node)) graph.link(`alert:${event.alertId}`, node.id);
  }
}
