import { PrimumError } from '@primum/base';
import type { TreeEnsemble } from '@primum/formats';
import { answerRequests } from '@primum/inference';
import { checkAdditivity, createTreeShap, type Explanation, type TreeShap } from './tree-shap.ts';

export type ExplainRequest =
  | { kind: 'load'; digest: string; ensemble: TreeEnsemble }
  | { kind: 'unload'; digest: string }
  | { kind: 'explain'; digest: string; row: Float32Array; servedMargin: number | undefined };
export type ExplainResponse = { done: true } | Explanation;

/** Log-odds between the served float32 margin and the parts. */
const SERVED_TOLERANCE = 1e-4;

const models = new Map<string, TreeShap>();

answerRequests<ExplainRequest, ExplainResponse>(async (request) => {
  switch (request.kind) {
    case 'load':
      models.set(request.digest, createTreeShap(request.ensemble));
      return { value: { done: true } };
    case 'unload':
      models.delete(request.digest);
      return { value: { done: true } };
    case 'explain':
      return { value: explain(request) };
  }
});

function explain({ digest, row, servedMargin }: ExplainRequest & { kind: 'explain' }): Explanation {
  const explainRow = models.get(digest);
  if (explainRow === undefined) throw new PrimumError('model.not-loaded', digest);
  const explanation = explainRow(row);
  if (servedMargin !== undefined) checkAdditivity(explanation, servedMargin, SERVED_TOLERANCE);
  return explanation;
}
