import type { LineageNode } from '@primum/contract';
import type { MessageHead } from '@primum/ingest';
import type { FactOrigin, VersionOrigin } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import type { AlertRow } from '../alerts/alert-row.ts';
import type { StoredPrediction } from '../scoring/prediction-row.ts';
import type { AlertEventHead } from './read-down.ts';

/** Rows as nodes of the graph. Every label is made of codes, times and numbers of the log. */
type NodeOf<Row> = (row: Row) => LineageNode;

const iso = (at: number | Date): string => new Date(at).toISOString();

export const messageNode: NodeOf<MessageHead> = ({ id, type, source, receivedAt, status }) =>
  ({ id: `message:${id}`, kind: 'message', label: `${type} from ${source ?? 'an unknown source'}, ${status}`, at: iso(receivedAt), patientId: null, state: 'present' });

export const versionNode: NodeOf<VersionOrigin> = ({ type, id, version, patientId, recordedAt, deleted }) =>
  ({ id: `resource:${type}/${id}/${version}`, kind: 'resource', label: `${type}, version ${version}`, at: iso(recordedAt), patientId, state: deleted ? 'withdrawn' : 'present' });

/** The name of a fact's node; edges need no more. */
export const factId = ({ key, seq, patientId }: Pick<FactOrigin, 'key' | 'seq' | 'patientId'>): string => `fact:${patientId}/${key}/${seq}`;

/** `names`: codes in clinical words. */
export const factNode = ({ key, seq, patientId, code, effectiveAt, status }: FactOrigin, names: ReadonlyMap<string, { short: string }>): LineageNode =>
  ({ id: factId({ key, seq, patientId }), kind: 'fact', label: `${names.get(code)?.short ?? code} (${code}), ${status}`, at: iso(effectiveAt), patientId, state: status === 'retracted' ? 'withdrawn' : 'present' });

export const predictionNode: NodeOf<StoredPrediction> = ({ id, patientId, status, asOf }) =>
  ({ id: `prediction:${id}`, kind: 'prediction', label: `${status} for the hour to ${iso(asOf).slice(0, 16)}Z`, at: iso(asOf), patientId, state: 'present' });

export function featureNode(prediction: StoredPrediction, name: string, label: string): LineageNode {
  return { id: `feature:${prediction.id}/${name}`, kind: 'feature', label, at: iso(prediction.asOf), patientId: prediction.patientId, state: 'present' };
}

export const alertNode: NodeOf<AlertRow> = ({ id, patientId, tier, status, raisedAt, evidenceWithdrawnAt }) =>
  ({ id: `alert:${id}`, kind: 'alert', label: `${tier}, ${status}`, at: iso(raisedAt), patientId, state: evidenceWithdrawnAt === null ? 'present' : 'withdrawn' });

export function actionNode(event: AlertEventHead, patientId: string): LineageNode {
  return { id: `action:${event.alertId}/${event.n}`, kind: 'action', label: `${event.kind} by ${event.actor}`, at: iso(event.at), patientId, state: 'present' };
}

/** A model, the run that made it and the data that it was made from; the package itself where it is no longer present. */
export function modelNodes(digest: string, model: ModelPackage | null): LineageNode[] {
  const node = (kind: 'model' | 'run' | 'snapshot', name: string, label: string): LineageNode => ({ id: `${kind}:${name}`, kind, label, at: model?.manifest.createdAt ?? null, patientId: null, state: 'present' });
  if (model === null) return [node('model', digest, 'a package that is no longer present')];
  const { id, version, training, digests } = model.manifest;
  return [
    node('model', digest, `${id} ${version}`),
    node('run', digest, `training, seed ${training.seed}, ${training.trees} trees`),
    node('snapshot', digests.trainingData, `${training.stays} stays, ${training.rows} rows`),
  ];
}
