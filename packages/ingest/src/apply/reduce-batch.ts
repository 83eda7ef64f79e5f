import { errorFields, uuidv7 } from '@primum/base';
import type { Hl7Problem } from '@primum/formats';
import type { CodeTable, Validator } from '@primum/record';
import type { Keys } from '@primum/trust';
import type { FactCheck } from '../quality/check-fact.ts';
import { keyOf } from '../reading/tokens.ts';
import { applyMessage, type BatchContext } from '../reduce/apply-message.ts';
import { absorb, type Effects, type RecordState } from '../reduce/record-state.ts';
import type { Breathe } from './breathe.ts';
import type { ReadyMessage } from './prepare-messages.ts';
import { issuesOf, problemOf, type PlacedIssue } from '../validation/check-resources.ts';

/** What became of a message of the batch. */
export type Outcome = { ready: ReadyMessage; /** What of it is not valid FHIR. */ issues?: readonly PlacedIssue[] } & ({ effects: Effects; problem?: undefined } | { effects?: undefined; problem: Hl7Problem });

/**
 * Reduces the messages in order, each upon what the former ones made of the state. Stops before a message that has a
 * second word on a fact of this batch: under one sequence a fact has one value, so that a pin never stands between two.
 */
export async function reduceBatch(
  deps: { keys: Keys; codes: CodeTable; checkFact?: FactCheck; validator?: Pick<Validator, 'validate'>; breathe: Breathe }, tenant: number, state: RecordState, seq: number, messages: readonly ReadyMessage[],
): Promise<Outcome[]> {
  let n = 0;
  const batch: BatchContext = {
    codes: deps.codes,
    checkFact: deps.checkFact ?? (() => ({})),
    seq,
    nextN: () => n++,
    keyOf: (...parts) => keyOf(deps.keys, tenant, parts),
    newId: () => uuidv7(),
  };
  const keysWritten = new Set<string>();
  const outcomes: Outcome[] = [];
  for (const ready of messages) {
    await deps.breathe();
    if (ready.problem !== undefined) {
      outcomes.push({ ready, problem: ready.problem });
      continue;
    }
    const outcome = guarded(() => applyMessage(batch, state, ready.prepared));
    if (!outcome.ok) {
      outcomes.push({ ready, problem: outcome.problem });
      continue;
    }
    const { effects } = outcome;
    const issues = deps.validator === undefined ? [] : issuesOf(deps.validator, effects.resources.map(({ body }) => body));
    const problem = problemOf(ready.prepared.source.validation, issues);
    if (problem !== undefined) {
      outcomes.push({ ready, problem, issues });
      continue;
    }
    if (outcomes.length > 0 && (effects.facts.some(({ key }) => keysWritten.has(key)) || repeatsResource(outcomes, effects))) break;
    for (const { key } of effects.facts) keysWritten.add(key);
    absorb(state, effects);
    outcomes.push({ ready, effects, issues });
  }
  return outcomes;
}

/** A mistake of ours in one message must not hold up the others. */
function guarded<T>(work: () => T): T | { ok: false; problem: Hl7Problem } {
  try {
    return work();
  } catch (error) {
    return { ok: false, problem: { code: 'ingest.apply-failed', detail: String(errorFields(error).code) } };
  }
}

/** A merge's link is keyed by sequence: one change of links of a patient in a batch. */
function repeatsResource(outcomes: readonly Outcome[], effects: Effects): boolean {
  const linked = new Set(outcomes.flatMap((outcome) => outcome.effects?.links.map(({ fromId }) => fromId) ?? []));
  return effects.links.some(({ fromId }) => linked.has(fromId));
}
