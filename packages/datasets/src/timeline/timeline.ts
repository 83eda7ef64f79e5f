import type { Fact } from '@primum/record';
import { createCodeSeries, insertValue, removeValue, type CodeSeries } from './code-series.ts';

/**
 * One patient's facts, indexed for features: by key the current row, by code the sorted values. Rows may be appended
 * in any order, each of them once or more often; the result depends on the set of rows only.
 */
export type Timeline = {
  /** The row with the highest seq of each key, retracted ones included (so that an older row cannot revive them). */
  current: Map<string, Fact>;
  series: Map<string, CodeSeries>;
  /** Rows with a later seq are not taken. */
  pin: number;
};

/** A timeline of `facts` as it was known at `pin` (a recorded sequence; all that is known by default). */
export function createTimeline(facts: Iterable<Fact> = [], pin: number = Number.POSITIVE_INFINITY): Timeline {
  const timeline: Timeline = { current: new Map(), series: new Map(), pin };
  appendFacts(timeline, facts);
  return timeline;
}

export function appendFacts(timeline: Timeline, facts: Iterable<Fact>): void {
  for (const fact of facts) appendFact(timeline, fact);
}

function appendFact(timeline: Timeline, fact: Fact): void {
  if (fact.seq > timeline.pin) return;
  const before = timeline.current.get(fact.key);
  if (before !== undefined) {
    if (before.seq >= fact.seq) return;
    if (isValue(before)) removeValue(seriesOf(timeline, before.code), before);
  }
  timeline.current.set(fact.key, fact);
  if (isValue(fact)) insertValue(seriesOf(timeline, fact.code), fact, fact.value);
}

function isValue(fact: Fact): fact is Fact & { value: number } {
  return fact.status !== 'retracted' && fact.value !== null;
}

function seriesOf(timeline: Timeline, code: string): CodeSeries {
  let series = timeline.series.get(code);
  if (series === undefined) {
    series = createCodeSeries();
    timeline.series.set(code, series);
  }
  return series;
}
