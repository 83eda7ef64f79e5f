import { PrimumError } from '@primum/base';
import type { LineageGraph } from '@primum/contract';
import { readMessageHeads } from '@primum/ingest';
import { factKeyOf, factsOfKeys, factsOfStays, groupOf, patientsOfMessage, versionsOf, type FactOrigin } from '@primum/record';
import { erasedPatientOf } from '@primum/trust';
import { readAlerts } from '../alerts/alert-row.ts';
import { readPredictions } from '../scoring/prediction-row.ts';
import { createGraphBuilder, type GraphBuilder } from './graph-builder.ts';
import { componentPlaces, type LineageDeps } from './lineage-deps.ts';
import { parseNode, type NodeAddress } from './node-address.ts';
import { factNode, messageNode, versionNode } from './nodes.ts';
import { predictionsOfModel } from './read-down.ts';
import { alertsDown, factsDown, messageDown, predictionsDown } from './trace-down.ts';
import { actionUp, addMessages, alertUp, factsUp, modelUp, predictionUp } from './trace-up.ts';

export type LineageQuery = { node: string; direction: LineageGraph['direction']; limit: number };

/**
 * Whose record a node is part of: who asks must be let to each of them before `readLineage`. Empty for what is no
 * patient's (models and their runs). Throws lineage.node-missing where there is no such node.
 */
export async function patientsOfNode(deps: LineageDeps, text: string): Promise<string[]> {
  const { kind, parts } = parseNode(text);
  const [first = '', second = ''] = parts;
  const { db, tenant } = deps;
  switch (kind) {
    case 'model': case 'run': case 'snapshot': return [];
    case 'fact': return [first];
    case 'message': {
      const [head] = await readMessageHeads(db, tenant, [first]);
      return head === undefined ? gone(deps, first) : patientsOfMessage(db, tenant, first);
    }
    case 'resource': {
      const [version] = await versionsOf(db, { tenant, type: first, ids: [second], limit: 1 });
      return version === undefined ? gone(deps, second) : version.patientId === null ? [] : [version.patientId];
    }
    case 'prediction': case 'feature': {
      const [prediction] = await readPredictions(db, tenant, [first]);
      return prediction === undefined ? gone(deps, first) : [prediction.patientId];
    }
    case 'alert': case 'action': {
      const alert = (await readAlerts(db, tenant, [first])).get(first);
      return alert === undefined ? gone(deps, first) : [alert.patientId];
    }
  }
}

async function gone({ db, tenant }: LineageDeps, id: string): Promise<string[]> {
  if (await erasedPatientOf(db, tenant, id) === undefined) throw new PrimumError('lineage.node-missing');
  throw new PrimumError('record.erased');
}

/**
 * What a node was made from (`up`) or what was made of it (`down`), from message to action. Nothing of it is stored: edges
 * follow from what rows say already, and which facts a score read is found by evaluating its features again at its pin.
 */
export async function readLineage(deps: LineageDeps, query: LineageQuery): Promise<LineageGraph> {
  const graph = createGraphBuilder(query.node, query.direction, query.limit);
  const address = parseNode(query.node);
  await (query.direction === 'up' ? up(deps, graph, address) : down(deps, graph, address));
  return graph.graph();
}

async function up(deps: LineageDeps, graph: GraphBuilder, { kind, parts }: NodeAddress): Promise<void> {
  const [first = '', second = ''] = parts;
  const { db, tenant, maxRows } = deps;
  switch (kind) {
    case 'message': return addMessages(deps, graph, [first]);
    case 'resource': {
      const version = (await versionsOf(db, { tenant, type: first, ids: [second], limit: maxRows })).find((one) => one.version === Number(parts[2]));
      if (version === undefined) throw new PrimumError('lineage.node-missing');
      graph.add(versionNode(version));
      if (version.messageId === null) return;
      graph.link(`message:${version.messageId}`, versionNode(version).id);
      return addMessages(deps, graph, [version.messageId]);
    }
    case 'fact': {
      const facts = await factRow(deps, parts);
      for (const fact of facts) graph.add(factNode(fact, deps.codeNames));
      return factsUp(deps, graph, facts);
    }
    case 'feature': case 'prediction': {
      const [prediction] = await readPredictions(db, tenant, [first]);
      return prediction === undefined ? undefined : predictionUp(deps, graph, prediction, kind === 'feature' ? second : undefined);
    }
    case 'snapshot': return modelsOf(deps, graph, first);
    case 'run': case 'model': return modelUp(deps, graph, first);
    case 'alert': return alertUp(deps, graph, first);
    case 'action': return actionUp(deps, graph, first, Number(second));
  }
}

async function down(deps: LineageDeps, graph: GraphBuilder, { kind, parts }: NodeAddress): Promise<void> {
  const [first = '', second = ''] = parts;
  const { db, tenant, maxRows } = deps;
  switch (kind) {
    case 'message': {
      const [head] = await readMessageHeads(db, tenant, [first]);
      if (head !== undefined) graph.add(messageNode(head));
      return messageDown(deps, graph, first, await patientsOfMessage(db, tenant, first));
    }
    case 'resource': {
      const version = (await versionsOf(db, { tenant, type: first, ids: [second], limit: maxRows })).find((one) => one.version === Number(parts[2]));
      if (version?.patientId === undefined || version.patientId === null) throw new PrimumError('lineage.node-missing');
      graph.add(versionNode(version));
      const group = await groupOf(db, tenant, [version.patientId]);
      const results = (await factsOfKeys(db, { tenant, patientIds: group, keys: [second, ...(first === 'Observation' && version.messageId === null ? componentPlaces(deps).map((place) => factKeyOf(deps.keys, tenant, second, place)) : [])], limit: maxRows })).filter(({ seq }) => seq === version.seq);
      const ofStays = version.messageId === null && (first === 'Encounter' || first === 'Patient') ? await factsOfStays(db, { tenant, patientId: version.patientId, seq: version.seq, limit: maxRows }) : [];
      const facts = [...results, ...ofStays];
      await factsDown(deps, graph, facts, group);
      for (const { patientId, key, seq } of facts) graph.link(versionNode(version).id, `fact:${patientId}/${key}/${seq}`);
      return undefined;
    }
    case 'fact': return factsDown(deps, graph, await factRow(deps, parts), await groupOf(db, tenant, [first]));
    case 'feature': case 'prediction': return predictionsDown(deps, graph, await readPredictions(db, tenant, [first]));
    case 'snapshot': return modelsOf(deps, graph, first);
    case 'run': case 'model': {
      await modelUp(deps, graph, first);
      const predictions = await readPredictions(db, tenant, await predictionsOfModel(db, tenant, first, Math.floor(maxRows / 4)));
      if (predictions.length === Math.floor(maxRows / 4)) graph.cut();
      await predictionsDown(deps, graph, predictions);
      for (const { id } of predictions) graph.link(`model:${first}`, `prediction:${id}`);
      return undefined;
    }
    case 'alert': case 'action': return alertsDown(deps, graph, [first]);
  }
}

function factRow({ db, tenant }: LineageDeps, [patientId = '', key = '', seq = '']: readonly string[]): Promise<FactOrigin[]> {
  return factsOfKeys(db, { tenant, patientIds: [patientId], keys: [key], upToSeq: Number(seq), limit: 1_000 }).then((rows) => {
    const row = rows.find((one) => one.seq === Number(seq));
    if (row === undefined) throw new PrimumError('lineage.node-missing');
    return [row];
  });
}

/** Which of the models at hand were made from these data. */
async function modelsOf(deps: LineageDeps, graph: GraphBuilder, trainingData: string): Promise<void> {
  for (const model of deps.models) if (model.manifest.digests.trainingData === trainingData) await modelUp(deps, graph, model.digest);
}
