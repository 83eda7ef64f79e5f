import type { InferenceEngine } from '@primum/inference';
import { errorFields, PrimumError, type Log } from '@primum/base';
import type { Evaluation } from '@primum/datasets';
import type { Explainer } from '../explain/explainer.ts';
import { explanationFailed, ineligibleReasons, withheldReasons } from './reason-words.ts';

/** A score with its explanation: `expected` + Σ contributions = the log-odds. Margin and probability are float32. */
export type Score = { probability: number; margin: number; expected: number; contributions: Float64Array };

export type Outcome =
  | { status: 'scored'; reasons: string[]; score: Score }
  | { status: 'withheld' | 'ineligible'; reasons: string[]; score: null };

export type ComputeDeps = { engine: Pick<InferenceEngine, 'run'>; explainer: Pick<Explainer, 'explain'>; log: Log };

/**
 * From features to outcomes, at the bedside and in a replay alike. Who is outside the intended use is not scored; who
 * lacks required inputs is not either; the rest is scored and explained in one call each. An explanation that does not
 * sum to its score withholds that score.
 */
export async function computeOutcomes(deps: ComputeDeps, modelDigest: string, evaluations: readonly Evaluation[]): Promise<Outcome[]> {
  const outcomes = evaluations.map(refuse);
  const open = evaluations.flatMap((_, index) => (outcomes[index] === null ? [index] : []));
  if (open.length > 0) {
    const scores = await scoreRows(deps, modelDigest, open.map((index) => evaluations[index]!.values));
    for (const [at, index] of open.entries()) {
      const score = scores[at]!;
      outcomes[index] = score === null
        ? { status: 'withheld', reasons: [explanationFailed], score: null }
        : { status: 'scored', reasons: [], score };
    }
  }
  return outcomes.map((outcome) => outcome!); // each is refused or scored
}

function refuse({ eligible, required }: Evaluation): Outcome | null {
  if (!eligible.ok) return { status: 'ineligible', reasons: ineligibleReasons(eligible.reasons), score: null };
  if (!required.ok) return { status: 'withheld', reasons: withheldReasons(required), score: null };
  return null;
}

/** null where the explanation failed its check. */
async function scoreRows({ engine, explainer, log }: ComputeDeps, modelDigest: string, rows: readonly Float32Array[]): Promise<(Score | null)[]> {
  const width = rows[0]!.length; // called with at least one row
  const matrix = new Float32Array(rows.length * width);
  for (const [index, row] of rows.entries()) matrix.set(row, index * width);
  const { margin, probability } = await engine.run(modelDigest, matrix, rows.length);
  return Promise.all(rows.map(async (row, index) => {
    try {
      const { contributions, expected } = await explainer.explain(modelDigest, row, margin[index]!);
      return { margin: margin[index]!, probability: probability[index]!, expected, contributions };
    } catch (error) {
      if (!(error instanceof PrimumError) || error.code !== 'model.additivity-failed') throw error;
      log.error('scoring.explanation-failed', { ...errorFields(error), modelDigest });
      return null;
    }
  }));
}
