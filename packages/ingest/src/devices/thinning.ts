/** Of the last sample that was kept, by device and code; in memory: after a start the first sample of each is kept. */
export type Kept = { interval: number; value: number };

/**
 * Whether a sample becomes an Observation of its own: the first of its interval that comes, and one that differs from the
 * last kept one by `change`. `everyS` 0 keeps each. What is not kept is counted, never lost without a word.
 */
export function isKept(sample: { at: number; value: number }, rule: { everyS: number; change: number | undefined }, last: Kept | undefined): boolean {
  if (rule.everyS === 0 || last === undefined || intervalOf(sample.at, rule.everyS) !== last.interval) return true;
  return rule.change !== undefined && Math.abs(sample.value - last.value) >= rule.change;
}

export function intervalOf(at: number, everyS: number): number {
  return everyS === 0 ? at : Math.floor(at / (everyS * 1_000));
}
