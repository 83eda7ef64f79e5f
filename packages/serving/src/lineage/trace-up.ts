import { createTimeline, describeFeatures, evaluateFeatures } from '@primum/datasets';
import { readMessageHeads } from '@primum/ingest';
import { factKeyOf, factsOfKeys, groupOf, observationsKnownAt, readFacts, versionsBehindStays, versionsOf, type FactOrigin } from '@primum/record';
import { readAlerts } from '../alerts/alert-row.ts';
import { readPredictions, type StoredPrediction } from '../scoring/prediction-row.ts';
import type { GraphBuilder } from './graph-builder.ts';
import { componentPlaces, type LineageDeps } from './lineage-deps.ts';
import { readAlertEvents } from './read-down.ts';
import { actionNode, alertNode, factId, factNode, featureNode, messageNode, modelNodes, predictionNode, versionNode } from './nodes.ts';

/** The model behind a digest, its run and its data. */
export async function modelUp(deps: LineageDeps, graph: GraphBuilder, digest: string): Promise<void> {
  const nodes = modelNodes(digest, await deps.findModel(digest));
  for (const node of nodes) graph.add(node);
  const [model, run, snapshot] = nodes;
  if (run === undefined || snapshot === undefined) return;
  graph.link(run.id, model!.id);
  graph.link(snapshot.id, run.id);
}

/**
 * Everything that a score was made from: its model, and by evaluating the feature set again at its pin the features, the
 * facts behind each (the row of each key that was known then), the versions of the record and the messages they came in.
 */
export async function predictionUp(deps: LineageDeps, graph: GraphBuilder, prediction: StoredPrediction, only?: string): Promise<void> {
  const self = predictionNode(prediction);
  graph.add(self);
  if (only === undefined) {
    await modelUp(deps, graph, prediction.modelDigest);
    graph.link(`model:${prediction.modelDigest}`, self.id);
  }
  const model = await deps.findModel(prediction.modelDigest);
  if (model === null) return;
  const { rows } = await readFacts(deps.db, { tenant: deps.tenant, rootId: prediction.patientId, upToSeq: prediction.pinSeq });
  const timeline = createTimeline(rows, prediction.pinSeq);
  const features = describeFeatures(model.featureSet, timeline, evaluateFeatures(model.featureSet, timeline, prediction.nowAt));
  const used = new Set<string>();
  const uses: { feature: string; key: string }[] = [];
  for (const { name, label, keys } of features) {
    if (only !== undefined && name !== only) continue;
    const node = featureNode(prediction, name, label);
    if (!graph.add(node)) break;
    graph.link(node.id, self.id);
    for (const key of keys) {
      used.add(key);
      uses.push({ feature: node.id, key });
    }
  }
  const facts = new Map((await originsAt(deps, prediction, [...used])).map((fact) => [fact.key, fact]));
  for (const { feature, key } of uses) {
    const fact = facts.get(key);
    if (fact === undefined) continue;
    const node = factNode(fact, deps.codeNames);
    if (graph.add(node)) graph.link(node.id, feature);
  }
  await factsUp(deps, graph, [...facts.values()]);
}

/** The row of each key that stood at a prediction's pin. */
async function originsAt(deps: LineageDeps, { patientId, pinSeq }: Pick<StoredPrediction, 'patientId' | 'pinSeq'>, keys: readonly string[]): Promise<FactOrigin[]> {
  const { db, tenant, maxRows } = deps;
  const rows = await factsOfKeys(db, { tenant, patientIds: await groupOf(db, tenant, [patientId]), keys, upToSeq: pinSeq, limit: maxRows });
  return [...new Map(rows.map((row) => [row.key, row])).values()];
}

/** From facts to the versions of the record that say the same and to the messages that brought both. */
export async function factsUp(deps: LineageDeps, graph: GraphBuilder, facts: readonly FactOrigin[]): Promise<void> {
  const { db, tenant, maxRows } = deps;
  // The key of a result is the id of its Observation; a fact of the stay names its message, or became known with the version that it follows from.
  const versions = await versionsOf(db, { tenant, type: 'Observation', ids: facts.map(({ key }) => key), limit: maxRows });
  const byRow = new Map(versions.map((version) => [`${version.id} ${version.seq}`, version]));
  const ofStays = facts.filter(({ key, seq, messageId }) => messageId === null && !byRow.has(`${key} ${seq}`));
  const behind = ofStays.length === 0 ? [] : await versionsBehindStays(db, { tenant, patientIds: ofStays.map(({ patientId }) => patientId), seqs: ofStays.map(({ seq }) => seq), limit: maxRows });
  for (const fact of ofStays.filter((one) => graph.has(factId(one)))) {
    for (const version of behind) if (version.seq === fact.seq && version.patientId === fact.patientId && graph.add(versionNode(version))) graph.link(versionNode(version).id, factId(fact));
  }
  // A component's fact: whose of the Observations that became known with it.
  const ofComponents = ofStays.filter((fact) => graph.has(factId(fact)));
  const observations = ofComponents.length === 0 ? [] : await observationsKnownAt(db, { tenant, patientIds: ofComponents.map(({ patientId }) => patientId), seqs: ofComponents.map(({ seq }) => seq), limit: maxRows });
  for (const version of observations) {
    const keys = new Set(componentPlaces(deps).map((place) => factKeyOf(deps.keys, tenant, version.id, place)));
    for (const fact of ofComponents) {
      if (fact.seq !== version.seq || !keys.has(fact.key)) continue;
      graph.add(versionNode(version));
      graph.link(versionNode(version).id, factId(fact));
    }
  }
  for (const fact of facts) {
    const version = byRow.get(`${fact.key} ${fact.seq}`);
    const to = factId(fact);
    if (!graph.has(to)) continue;
    if (version === undefined) {
      if (fact.messageId !== null) graph.link(`message:${fact.messageId}`, to);
    } else if (graph.add(versionNode(version))) {
      graph.link(versionNode(version).id, to);
      if (version.messageId !== null) graph.link(`message:${version.messageId}`, versionNode(version).id);
    }
  }
  await addMessages(deps, graph, facts.flatMap(({ messageId }) => messageId ?? []));
}

export async function addMessages(deps: LineageDeps, graph: GraphBuilder, ids: readonly string[]): Promise<void> {
  for (const head of await readMessageHeads(deps.db, deps.tenant, [...new Set(ids)])) graph.add(messageNode(head));
}

/** An alert with the predictions that moved it, the one that raised it followed to its messages, and its evidence. */
export async function alertUp(deps: LineageDeps, graph: GraphBuilder, alertId: string): Promise<void> {
  const alert = (await readAlerts(deps.db, deps.tenant, [alertId])).get(alertId);
  if (alert === undefined) return;
  const self = alertNode(alert);
  graph.add(self);
  const events = await readAlertEvents(deps.db, deps.tenant, [alertId], deps.maxRows);
  const moved = [...new Set([alert.raisedBy, ...events.flatMap(({ predictionId }) => predictionId ?? [])])];
  const predictions = await readPredictions(deps.db, deps.tenant, moved.slice(0, deps.maxRows));
  for (const prediction of predictions) {
    const node = predictionNode(prediction);
    if (graph.add(node)) graph.link(node.id, self.id);
  }
  const raising = predictions.find(({ id }) => id === alert.raisedBy);
  if (raising !== undefined) await predictionUp(deps, graph, raising);
  const evidence = await originsAt(deps, { patientId: alert.patientId, pinSeq: alert.evidenceSeq }, alert.evidence);
  for (const fact of evidence) if (graph.add(factNode(fact, deps.codeNames))) graph.link(factId(fact), self.id);
  await factsUp(deps, graph, evidence);
}

export async function actionUp(deps: LineageDeps, graph: GraphBuilder, alertId: string, n: number): Promise<void> {
  const alert = (await readAlerts(deps.db, deps.tenant, [alertId])).get(alertId);
  const event = (await readAlertEvents(deps.db, deps.tenant, [alertId], deps.maxRows)).find((one) => one.n === n);
  if (alert === undefined || event === undefined) return;
  const node = actionNode(event, alert.patientId);
  graph.add(node);
  graph.link(`alert:${alertId}`, node.id);
  await alertUp(deps, graph, alertId);
}
