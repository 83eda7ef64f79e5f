import type { Evaluation } from '@primum/datasets';
import type { StayRisk } from './read-stays.ts';

/** What `patient.changed` told of a patient since the last look, several messages taken together. */
export type PatientChange = {
  /** Earliest effective time that was touched (ms, source's clock). */
  fromAt: number;
  kinds: ReadonlySet<string>;
  /** The messages behind it, at most 100; and when the first of them was received (ms, wall clock). */
  messageIds: readonly string[];
  receivedAtMs: number | null;
};

/** Why a new outcome is made; recorded with the prediction. */
export type Trigger = 'hour-completed' | 'late-fact' | 'correction' | 'merge' | 'eligibility';

/**
 * Whether a stay needs a new outcome, and why. An hour is scored once it is complete; again when something that its
 * score could have seen became known later (a late fact, a correction, a merge); and at once when the patient enters
 * or leaves the intended use, whatever the hour. The former outcome stays as it was.
 */
export function whyDue(risk: StayRisk | undefined, evaluation: Evaluation, change: Pick<PatientChange, 'fromAt' | 'kinds'>): Trigger | null {
  const eligible = evaluation.eligible.ok;
  if (risk === undefined) return evaluation.hour > 0 ? 'hour-completed' : null;
  if (evaluation.hour > 0 && evaluation.at > risk.asOf) return 'hour-completed';
  if (eligible !== (risk.status !== 'ineligible')) return 'eligibility';
  if (change.kinds.has('merge')) return 'merge';
  if (change.fromAt > risk.asOf) return null;
  return change.kinds.has('correction') ? 'correction' : change.kinds.has('tick') ? null : 'late-fact';
}
