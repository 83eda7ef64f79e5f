import type { Evaluation, IneligibleReason } from '@primum/datasets';
import { ineligibleReasons } from './reason-words.ts';

/** A person who objected to scoring, or whose data are restricted to treatment, is not scored, whatever the facts say. */
export type Objection = Extract<IneligibleReason, 'objected' | 'restricted'>;

/** What is computed of who objects: nothing. The inputs are left empty, so that no profile is made or kept. */
export function underObjection(evaluation: Evaluation, objection: Objection | null): Evaluation {
  if (objection === null) return evaluation;
  return { ...evaluation, values: new Float32Array(evaluation.values.length).fill(Number.NaN), eligible: { ok: false, reasons: [objection] } };
}

/** The objection that a prediction was made under. It is no fact of the timeline: the record of the prediction pins it. */
export function objectionOf(reasons: readonly string[]): Objection | null {
  return (['objected', 'restricted'] as const).find((objection) => reasons[0] === ineligibleReasons([objection])[0]) ?? null;
}
