import { uuidv7 } from '@primum/base';
import type { Tier } from '@primum/contract';
import { describeFeatures, type Evaluation, type FeatureSet, type Timeline } from '@primum/datasets';
import { noAlerts, stepAlerts, type AlertInput, type AlertPolicy, type StayAlerts } from '@primum/registry';
import type { AlertChange, AlertContext } from '../alerts/apply-alert-events.ts';
import { applyAlertEvents } from '../alerts/apply-alert-events.ts';
import type { AlertRow } from '../alerts/alert-row.ts';
import type { Outcome } from './compute-outcomes.ts';
import type { ClearColumns, PredictionPayload } from './payload.ts';
import type { ScoredStay, StayRisk } from './read-stays.ts';
import type { StayRiskRow } from './stay-risk.ts';
import type { Trigger } from './why-due.ts';

/** One stay under the lock of its risk: what is known of it before anything is decided. */
export type StayAtHand = {
  stay: ScoredStay;
  risk: StayRisk | undefined;
  alert: AlertRow | null;
  timeline: Timeline;
  pinSeq: number;
  /** Hex; of all facts known at the pin. */
  factsDigest: string;
  evaluation: Evaluation;
  /** Whole milliseconds by the site's clock. */
  now: number;
  evidenceWithdrawn: boolean;
  trigger: Trigger | null;
};

export type StayDecision = {
  prediction: { columns: Omit<ClearColumns, 'modelDigest' | 'featureSetDigest' | 'policyDigest' | 'codeDigest' | 'runtime' | 'inputsCommitment'>; payload: Omit<PredictionPayload, 'recordDigest'> } | null;
  risk: StayRiskRow | null;
  alert: AlertChange;
  withdrawn: boolean;
};

const maxDrivers = 8;
const maxEvidenceKeys = 256;

/** What the alert policy is told of an outcome; a stay that left the ICU says how. */
export function alertInput(outcome: Outcome, stay: Pick<ScoredStay, 'inIcu' | 'status'>): AlertInput {
  if (!stay.inIcu) return stayLeft(stay);
  if (outcome.status === 'scored') return { kind: 'score', probability: outcome.score.probability };
  return { kind: outcome.status };
}

const stayLeft = (stay: Pick<ScoredStay, 'status'>): AlertInput => ({ kind: stay.status === 'in-progress' ? 'transfer' : 'stay-end' });

/**
 * Everything that follows for one stay: first evidence that was withdrawn under its alert, then the new outcome (where
 * one is due), else the end of the stay or of a snooze. Pure but for new ids.
 */
export function decideStay(model: { featureSet: FeatureSet; alertPolicy: AlertPolicy }, hand: StayAtHand, outcome: Outcome | null): StayDecision {
  const { stay, risk, evaluation, now } = hand;
  const context: AlertContext = { patientId: stay.rootId, stayId: stay.stayId, actor: 'serving', evidence: null };
  // What was written by this machine itself, from the policy's own states.
  let state = (risk?.policyState ?? noAlerts) as StayAlerts;
  const change: AlertChange = { alert: hand.alert, events: [] };
  const step = (input: AlertInput, evidence: (raises: boolean) => AlertContext['evidence']): { before: StayAlerts; events: ReturnType<typeof stepAlerts>['events'] } => {
    const before = state;
    const stepped = stepAlerts(model.alertPolicy, before, input, now);
    state = stepped.state;
    const raises = stepped.events.some(({ kind }) => kind === 'raised' || kind === 'tier-rose');
    const next = applyAlertEvents(change.alert, state, stepped.events, { ...context, evidence: evidence(raises) });
    change.alert = next.alert;
    change.events.push(...next.events);
    return { before, events: stepped.events };
  };
  const withdrawn = hand.evidenceWithdrawn && state.alert !== null;
  if (withdrawn) step({ kind: 'evidence-withdrawn' }, () => null);

  let prediction: StayDecision['prediction'] = null;
  if (outcome !== null && hand.trigger !== null) {
    const id = uuidv7();
    let keys: string[] = [];
    const input = alertInput(outcome, stay);
    const { before, events } = step(input, (raises) => {
      if (raises) keys = evidenceKeys(model.featureSet, hand.timeline, evaluation, outcome);
      return { predictionId: id, keys, seq: hand.pinSeq };
    });
    prediction = {
      columns: {
        id, patientId: stay.rootId, stayId: stay.stayId, pinSeq: hand.pinSeq, asOf: evaluation.hour > 0 ? evaluation.at : risk?.asOf ?? now,
        nowAt: now, trigger: hand.trigger, status: outcome.status, reasons: outcome.reasons,
        probability: outcome.score?.probability ?? null, margin: outcome.score?.margin ?? null, tier: state.tier,
      },
      payload: {
        factsDigest: hand.factsDigest, inputs: evaluation.values, contributions: outcome.score?.contributions ?? null, expected: outcome.score?.expected ?? null,
        policy: { before, input, after: state, events }, evidence: keys,
      },
    };
  } else if (risk !== undefined && !stay.inIcu) {
    step(stayLeft(stay), () => null);
  } else if (now >= (state.alert?.snoozedUntil ?? Number.POSITIVE_INFINITY)) {
    step({ kind: 'tick' }, () => null);
  }

  const changed = prediction !== null || change.events.length > 0 || (risk !== undefined && !stay.inIcu);
  return { prediction, alert: change, withdrawn, risk: changed ? nextRisk(hand, prediction, state, change.alert) : null };
}

function nextRisk({ stay, risk }: StayAtHand, prediction: StayDecision['prediction'], state: StayAlerts, alert: AlertRow | null): StayRiskRow | null {
  const columns = prediction?.columns;
  if (columns === undefined && risk === undefined) return null;
  const scored = columns?.status === 'scored';
  return {
    stayId: stay.stayId,
    patientId: stay.rootId,
    predictionId: columns?.id ?? risk!.predictionId, // one of the two is there, as in the lines below
    status: columns?.status ?? risk!.status,
    reasons: [...(columns?.reasons ?? risk!.reasons)],
    asOf: columns?.asOf ?? risk!.asOf,
    scoredId: scored ? columns.id : risk?.scoredId ?? null,
    scoredAsOf: scored ? columns.asOf : risk?.scoredAsOf ?? null,
    probability: scored ? columns.probability : risk?.probability ?? null,
    tier: state.tier satisfies Tier,
    policyState: state,
    alertId: alert === null || alert.status === 'closed' ? null : alert.id,
    ended: !stay.inIcu,
  };
}

/** Keys of the facts behind the strongest inputs that raised the score, bounded. Call before the timeline changes. */
export function evidenceKeys(featureSet: FeatureSet, timeline: Timeline, evaluation: Evaluation, outcome: Outcome): string[] {
  const contributions = outcome.score?.contributions;
  if (contributions === undefined) return [];
  const drivers = describeFeatures(featureSet, timeline, evaluation)
    .map(({ keys }, index) => ({ keys, points: contributions[index]! }))
    .filter(({ points, keys }) => points > 0 && keys.length > 0)
    .toSorted((a, b) => b.points - a.points)
    .slice(0, maxDrivers);
  return [...new Set(drivers.flatMap(({ keys }) => keys))].slice(0, maxEvidenceKeys);
}
