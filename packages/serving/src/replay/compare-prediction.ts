import { canonicalJson } from '@primum/base';
import type { Evaluation, FeatureSet, Timeline } from '@primum/datasets';
import { stepAlerts, type AlertInput, type AlertPolicy, type StayAlerts } from '@primum/registry';
import type { Outcome } from '../scoring/compute-outcomes.ts';
import { evidenceKeys } from '../scoring/decide-stay.ts';
import { float32Bytes, float64Bytes } from '../scoring/float-bytes.ts';
import { recordDigest, type ClearColumns, type PredictionPayload } from '../scoring/payload.ts';
import { inputText } from '../views/input-text.ts';

export type Difference = { what: string; recorded: string; rebuilt: string };

export type Rebuilt = { evaluation: Evaluation; timeline: Timeline; outcome: Outcome; inputsCommitment: string; factsDigest: string };

const maxInputs = 20;

/**
 * Everything of a prediction that can be rebuilt, bit for bit. `payload` is null where what is sealed does not open,
 * which is a difference by itself; the clear columns are compared all the same.
 *
 * The alert policy is stepped again from the recorded state before it, on the rebuilt outcome: that state is the sum of
 * the stay's whole history, people's actions included, and each step of the chain is checked by its own prediction.
 * How a stay left the ICU (transfer or end) is taken from the recorded input, since it is no score.
 */
export function comparePrediction(
  model: { featureSet: FeatureSet; alertPolicy: AlertPolicy }, recorded: ClearColumns, payload: PredictionPayload | null, rebuilt: Rebuilt,
): Difference[] {
  const differences: Difference[] = [];
  const compare = (what: string, was: unknown, is: unknown): void => {
    const [a, b] = [shown(was), shown(is)];
    if (a !== b) differences.push({ what, recorded: a, rebuilt: b });
  };
  const { evaluation, outcome } = rebuilt;
  compare('status', recorded.status, outcome.status);
  compare('reasons', recorded.reasons, outcome.reasons);
  if (evaluation.hour > 0) compare('hour scored', recorded.asOf, evaluation.at);
  compare('probability', recorded.probability, outcome.score?.probability ?? null);
  compare('log-odds', recorded.margin, outcome.score?.margin ?? null);
  compare('inputs commitment', recorded.inputsCommitment, rebuilt.inputsCommitment);
  compare('feature set', recorded.featureSetDigest, model.featureSet.digest);
  compare('alert policy', recorded.policyDigest, model.alertPolicy.digest);
  if (payload === null) return [...differences, { what: 'sealed record', recorded: 'does not open', rebuilt: 'opens' }];

  compare('record digest', payload.recordDigest, recordDigest(recorded));
  compare('facts known then', payload.factsDigest, rebuilt.factsDigest);
  differences.push(...inputDifferences(model.featureSet, payload.inputs, evaluation.values));
  compare('expected log-odds', payload.expected, outcome.score?.expected ?? null);
  compare('contributions', bytes64(payload.contributions), bytes64(outcome.score?.contributions ?? null));
  differences.push(...policyDifferences(model, recorded, payload, rebuilt));
  return differences;
}

function inputDifferences(featureSet: FeatureSet, was: Float32Array, is: Float32Array): Difference[] {
  if (was.length !== is.length) return [{ what: 'number of inputs', recorded: String(was.length), rebuilt: String(is.length) }];
  if (float32Bytes(was).equals(float32Bytes(is))) return [];
  const differences = featureSet.features.flatMap((feature, index) => (Object.is(was[index], is[index]) ? [] : [{
    what: `input: ${feature.label}`, recorded: exact(inputText(feature, was[index]!), was[index]!), rebuilt: exact(inputText(feature, is[index]!), is[index]!),
  }]));
  return differences.slice(0, maxInputs);
}

function policyDifferences(
  model: { featureSet: FeatureSet; alertPolicy: AlertPolicy }, recorded: ClearColumns, { policy, evidence }: PredictionPayload, { timeline, evaluation, outcome }: Rebuilt,
): Difference[] {
  // Written by scoring, authenticated by the seal.
  const input = policy.input as AlertInput;
  const again: AlertInput = input.kind === 'transfer' || input.kind === 'stay-end' ? input
    : outcome.status === 'scored' ? { kind: 'score', probability: outcome.score.probability } : { kind: outcome.status };
  const { state, events } = stepAlerts(model.alertPolicy, policy.before as StayAlerts, again, recorded.nowAt);
  const raised = events.some(({ kind }) => kind === 'raised' || kind === 'tier-rose');
  const pairs: [string, unknown, unknown][] = [
    ['alert tier', recorded.tier, state.tier],
    ['alert decision', { state: policy.after, events: policy.events }, { state, events }],
    ['evidence', evidence, raised ? evidenceKeys(model.featureSet, timeline, evaluation, outcome) : []],
  ];
  return pairs.flatMap(([what, was, is]) => (shown(was) === shown(is) ? [] : [{ what, recorded: shown(was), rebuilt: shown(is) }]));
}

/** Numbers in their shortest exact form, so that equal texts are equal bits. */
function shown(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  return canonicalJson(value);
}

const bytes64 = (values: Float64Array | null): string => (values === null ? 'none' : float64Bytes(values).toString('base64'));
const exact = (text: string, value: number): string => (Number.isNaN(value) ? text : `${text} (${value})`);
