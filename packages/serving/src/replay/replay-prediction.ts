import { PrimumError, type Clock, type Log } from '@primum/base';
import type { ReplayReport } from '@primum/contract';
import { createTimeline, evaluateFeatures } from '@primum/datasets';
import type { InferenceEngine } from '@primum/inference';
import { readFacts } from '@primum/record';
import type { ModelPackage } from '@primum/registry';
import type { Db } from '@primum/store';
import { erasedPatientOf, requirePermission, withPhiReader, type Audit, type Keys, type PhiReader, type Policy, type Principal } from '@primum/trust';
import type { Explainer } from '../explain/explainer.ts';
import { scoringCodeDigest } from '../scoring/code-digest.ts';
import { computeOutcomes } from '../scoring/compute-outcomes.ts';
import { addFacts, hexOf, noFacts } from '../scoring/facts-digest.ts';
import { objectionOf, underObjection } from '../scoring/objection.ts';
import { decodePayload, payloadAad, type PredictionPayload } from '../scoring/payload.ts';
import { commitInputs, readPredictions, type StoredPrediction } from '../scoring/prediction-row.ts';
import { runtimeName } from '../scoring/runtime.ts';
import { comparePrediction, type Difference } from './compare-prediction.ts';
import type { FindModel } from './find-model.ts';

export type ReplayDeps = {
  db: Db; keys: Keys; audit: Audit; policy: Policy; clock: Clock; log: Log; tenant: number;
  engine: InferenceEngine; explainer: Explainer; findModel: FindModel;
  /** Of the running code (`scoringCodeDigest`); read anew on each replay where it isn't given. */
  codeDigest?: string;
};

/**
 * Makes a prediction again from its pins: the facts of its patient as they were known then, the features, the score,
 * the explanation and the alert decision; never from stored inputs. Compares bit for bit. Throws prediction.not-found,
 * auth.forbidden; what cannot be replayed is an outcome, not an error.
 */
export async function replayPrediction(deps: ReplayDeps, principal: Principal, id: string): Promise<ReplayReport> {
  const [recorded] = await readPredictions(deps.db, deps.tenant, [id]);
  if (recorded === undefined) return notReplayable(deps, principal, id);
  return withPhiReader(
    deps,
    { tenant: deps.tenant, principal, purpose: 'HQUALIMP', scope: { patientIds: [recorded.patientId] }, action: 'prediction.replayed', authority: 'prediction.replay' },
    async (reader) => {
      reader.note({ patientId: recorded.patientId, entities: [{ type: 'Prediction', id }] });
      return replay(deps, reader, recorded);
    },
  );
}

/** What is not there: a prediction that was erased is an outcome, one that never was an error. */
async function notReplayable(deps: ReplayDeps, principal: Principal, id: string): Promise<ReplayReport> {
  const patientId = await erasedPatientOf(deps.db, deps.tenant, id);
  if (patientId === undefined) throw new PrimumError('prediction.not-found');
  await requirePermission(deps, { tenant: deps.tenant, principal, authority: 'prediction.replay', purpose: 'HQUALIMP', action: 'prediction.replayed' });
  await deps.audit.write(deps.db, [{ tenant: deps.tenant, action: 'prediction.replayed', outcome: 'minor-failure', principal, purpose: 'HQUALIMP', patientId, entities: [{ type: 'Prediction', id }], at: deps.clock.now() }]);
  return { predictionId: id, outcome: 'not-replayable', sameRuntime: false, differences: [], text: erasedText };
}

const erasedText = 'Not replayable: the content was erased.';

async function replay(deps: ReplayDeps, reader: PhiReader, recorded: StoredPrediction): Promise<ReplayReport> {
  const { tenant, keys } = deps;
  const sameRuntime = recorded.runtime === runtimeName(deps.engine.runtime);
  const sameCode = recorded.codeDigest === (deps.codeDigest ?? (await scoringCodeDigest()));
  const report = (outcome: ReplayReport['outcome'], differences: Difference[], text: string): ReplayReport => ({ predictionId: recorded.id, outcome, sameRuntime, differences, text });
  const payload = await openPayload(reader, recorded);
  if (payload === 'erased') return report('not-replayable', [], erasedText);
  const model = await deps.findModel(recorded.modelDigest);
  if (model === null) return report('not-replayable', [], 'Not replayable: its model is no longer present.');

  const rebuilt = await rebuild(deps, model, recorded);
  const differences = comparePrediction(model, recorded, payload, {
    ...rebuilt, inputsCommitment: commitInputs(keys, tenant, model.featureSet.digest, rebuilt.evaluation.values),
  });
  return report(differences.length === 0 ? 'identical' : 'differs', differences, textOf(differences, sameRuntime, sameCode));
}

async function rebuild(deps: ReplayDeps, model: ModelPackage, { patientId, pinSeq, nowAt, reasons }: StoredPrediction): Promise<Pick<Parameters<typeof comparePrediction>[3], 'evaluation' | 'timeline' | 'outcome' | 'factsDigest'>> {
  const { rows } = await readFacts(deps.db, { tenant: deps.tenant, rootId: patientId, upToSeq: pinSeq });
  const timeline = createTimeline(rows, pinSeq);
  const evaluation = underObjection(evaluateFeatures(model.featureSet, timeline, nowAt), objectionOf(reasons));
  await Promise.all([deps.engine.load(model.digest, model.onnx), deps.explainer.load(model.digest, model.ensemble)]);
  const [outcome] = await computeOutcomes(deps, model.digest, [evaluation]);
  return { evaluation, timeline, outcome: outcome!, factsDigest: hexOf(addFacts(noFacts(), rows)) }; // one in, one out
}

/** null where the seal is broken or is another's: altered or moved content. */
async function openPayload(reader: PhiReader, { id, patientId, sealed }: StoredPrediction): Promise<PredictionPayload | null | 'erased'> {
  try {
    return decodePayload(await reader.open(sealed, patientId, payloadAad(id)));
  } catch (error) {
    if (!(error instanceof PrimumError)) throw error;
    if (error.code === 'trust.key-missing') return 'erased';
    if (error.code === 'trust.sealed-corrupt' || error.code === 'auth.forbidden') return null;
    throw error;
  }
}

function textOf(differences: readonly Difference[], sameRuntime: boolean, sameCode: boolean): string {
  const where = sameRuntime ? 'on the recorded runtime' : 'on another runtime than the recorded one';
  const code = sameCode ? '' : ', by other code than then';
  if (differences.length === 0) return `Identical, bit for bit, ${where}${code}.`;
  const inputs = differences.some(({ what }) => what.startsWith('input'));
  const score = differences.find(({ what }) => what === 'log-odds');
  const gap = score === undefined ? Number.NaN : Math.abs(Number(score.recorded) - Number(score.rebuilt));
  if (!inputs && Number.isFinite(gap)) return `Inputs identical, score differs by ${gap.toPrecision(2)} log-odds, ${where}${code}.`;
  return `Differs in ${differences.map(({ what }) => what).slice(0, 5).join(', ')}, ${where}${code}.`;
}
