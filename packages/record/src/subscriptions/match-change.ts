import type { Resource } from '@medplum/fhirtypes';
import { PrimumError, type Clock } from '@primum/base';
import type { Keys } from '@primum/trust';
import { rowIdOf } from '../repository/row-id.ts';
import type { SearchIndex } from '../repository/write-versions.ts';
import { compileCriterion, needsOpening, type CompileDeps } from '../search/compile-criterion.ts';
import type { Condition } from '../search/condition.ts';
import { parseSearch } from '../search/parse-search.ts';
import { createSearchTokens } from '../search/search-tokens.ts';
import { unescapeValue } from '../search/search-query.ts';
import type { SubscriptionWish } from './read-subscription.ts';
import { subscriptionTopics, type Interaction, type Trigger } from './topics.ts';

/** A resource and what it is found by. */
export type Stated = { rowId: string; tokens: ReadonlySet<bigint> };
/** `now`: what it says now, of a deletion what it last said; `before`: what it said before, null where it was not there. */
export type Change = { interaction: Interaction; now: () => Stated; before: () => Stated | null };

export type Matcher = { interactions: readonly Interaction[]; /** Asks for content at all. */ opens: boolean; matches(change: Change): boolean };
export type MatchDeps = { keys: Pick<Keys, 'token'>; clock: Clock; base: string };

export function statedOf(search: SearchIndex, rowId: string, resource: Resource): Stated {
  return { rowId, tokens: new Set(search.extract(resource).tokens) };
}

/**
 * Which changes a subscription hears of. Criteria are searches and mean what they mean there, by the same tokens; what a
 * search compares in the database (dates, numbers, quantities, chains) is refused. Errors: those of a search, fhir.not-supported.
 */
export function compileMatcher(deps: MatchDeps, tenant: number, wish: Pick<SubscriptionWish, 'topic' | 'type' | 'filters'>): Matcher {
  const filter = compileTest(deps, tenant, wish.type, wish.filters);
  const topic = wish.topic === null ? undefined : subscriptionTopics().find(({ url }) => url === wish.topic);
  if (wish.topic !== null && topic === undefined) throw new PrimumError('fhir.not-supported', 'a topic that is not known here');
  // Criteria of R4's own kind: whatever was written and meets them (FHIR R4, Subscription.criteria).
  const trigger: Trigger = topic?.resourceTrigger[0] ?? { resource: wish.type, supportedInteraction: ['create', 'update'] };
  const { queryCriteria } = trigger;
  const [current, previous] = [queryCriteria?.current, queryCriteria?.previous].map((query) => (query === undefined ? undefined : compileTest(deps, tenant, wish.type, [...new URLSearchParams(query)])));
  const triggered = (change: Change): boolean => {
    const is = current === undefined ? undefined : change.interaction === 'delete' ? queryCriteria?.resultForDelete !== 'test-fails' : current(change.now());
    const before = change.before();
    const was = previous === undefined ? undefined : before === null ? queryCriteria?.resultForCreate !== 'test-fails' : previous(before);
    if (is === undefined || was === undefined) return is ?? was ?? true;
    return queryCriteria?.requireBoth === true ? is && was : is || was;
  };
  return {
    interactions: trigger.supportedInteraction, opens: wish.filters.length > 0 || queryCriteria !== undefined,
    matches: (change) => trigger.supportedInteraction.includes(change.interaction) && triggered(change) && filter(change.now()),
  };
}

function compileTest(deps: MatchDeps, tenant: number, type: string, pairs: readonly (readonly [string, string])[]): (stated: Stated) => boolean {
  const compile: CompileDeps = {
    tenant, tokens: createSearchTokens(deps.keys, tenant), now: deps.clock.now(), base: deps.base, rowId: (of, id) => rowIdOf(deps.keys, tenant, of, id),
    visible: () => { throw new PrimumError('fhir.not-supported', 'a filter over references'); },
  };
  const query = parseSearch(type, pairs);
  if (query.criteria.length !== pairs.length) throw new PrimumError('fhir.not-supported', 'criteria that are no search parameters');
  const tests = query.criteria.map((criterion): (stated: Stated) => boolean => {
    if (criterion.kind === 'id') {
      const ids = new Set(criterion.alternatives.map((id) => compile.rowId(type, unescapeValue(id))));
      return ({ rowId }) => ids.has(rowId);
    }
    if (criterion.kind !== 'parameter' || needsOpening(criterion)) throw new PrimumError('fhir.not-supported', 'a filter over references, by time of recording, or by a part of a text');
    const condition = compileCriterion(compile, type, criterion);
    return demandTokens(condition, criterion.parameter.code);
  });
  return (stated) => tests.every((test) => test(stated));
}

function demandTokens(condition: Condition, code: string): (stated: Stated) => boolean {
  const check = (one: Condition): void => {
    if ('sql' in one) throw new PrimumError('fhir.not-supported', `${code}: a filter by a date, a number or a quantity`);
    if ('not' in one) check(one.not);
    else if ('any' in one) one.any.forEach(check);
    else if ('all' in one) one.all.forEach(check);
  };
  check(condition);
  return ({ tokens }) => holds(condition, tokens);
}

function holds(condition: Condition, tokens: ReadonlySet<bigint>): boolean {
  if ('tokens' in condition) return condition.tokens.some((token) => tokens.has(token));
  if ('not' in condition) return !holds(condition.not, tokens);
  if ('any' in condition) return condition.any.some((one) => holds(one, tokens));
  return 'all' in condition && condition.all.every((one) => holds(one, tokens));
}
