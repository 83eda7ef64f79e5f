import { PrimumError } from '@primum/base';
import { predictionStatuses, type PredictionView } from '@primum/contract';
import { erasedPatientOf, type PhiReader } from '@primum/trust';
import { readPredictions } from '../scoring/prediction-row.ts';
import { inputText } from './input-text.ts';
import { openPayload, type ViewDeps } from './view-deps.ts';

/** The patient whose prediction it is: the scope that a reader of it needs. Throws prediction.not-found, record.erased. */
export async function patientOfPrediction({ db, tenant }: Pick<ViewDeps, 'db' | 'tenant'>, id: string): Promise<string> {
  const [row] = await db.query<{ patient_id: string }>('select patient_id from prediction where tenant = $1 and id = $2', [tenant, id]);
  if (row === undefined) throw new PrimumError(await erasedPatientOf(db, tenant, id) === undefined ? 'prediction.not-found' : 'record.erased');
  return row.patient_id;
}

/** How one score was made. Throws prediction.not-found, and trust.key-missing once its content was erased. */
export async function loadPrediction(deps: ViewDeps, reader: PhiReader, id: string): Promise<PredictionView> {
  const [row] = await readPredictions(deps.db, deps.tenant, [id]);
  if (row === undefined) throw new PrimumError('prediction.not-found');
  reader.note({ patientId: row.patientId, entities: [{ type: 'Prediction', id }] });
  const payload = await openPayload(deps, reader, row);
  const model = await deps.findModel(row.modelDigest);
  return {
    id: row.id,
    stayId: row.stayId,
    status: predictionStatuses.find((status) => status === row.status) ?? 'withheld',
    reasons: [...row.reasons],
    probability: row.probability,
    margin: row.margin,
    asOf: new Date(row.asOf).toISOString(),
    nowAt: new Date(row.nowAt).toISOString(),
    madeAt: new Date(row.madeAt).toISOString(),
    pinSeq: row.pinSeq,
    trigger: row.trigger,
    model: { name: model?.manifest.title ?? 'no longer present', version: model?.manifest.version ?? '', digest: row.modelDigest },
    featureSetDigest: row.featureSetDigest,
    policyDigest: row.policyDigest,
    codeDigest: row.codeDigest,
    runtime: row.runtime,
    inputsCommitment: row.inputsCommitment,
    inputs: (model?.featureSet.features ?? []).map((feature, index) => ({
      feature: feature.name, label: feature.label, text: inputText(feature, payload.inputs[index] ?? Number.NaN), points: payload.contributions?.[index] ?? 0,
    })),
  };
}
