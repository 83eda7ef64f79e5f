/**
 * The order while a pointer or the focus is in the list: rows keep their places, those that left keep theirs (as
 * ghosts, so that nothing moves under a finger), newcomers stand at the end. `moved` is the fewest rows that would have
 * to change place to reach the present order, which is what "3 moved" means to a reader.
 */
export type FrozenOrder = { order: string[]; gone: Set<string>; moved: number; added: number };

export function frozenOrder(frozen: readonly string[], present: readonly string[]): FrozenOrder {
  const place = new Map(present.map((id, index) => [id, index]));
  const known = new Set(frozen);
  const added = present.filter((id) => !known.has(id));
  const kept = frozen.flatMap((id) => place.get(id) ?? []);
  return {
    order: [...frozen, ...added],
    gone: new Set(frozen.filter((id) => !place.has(id))),
    moved: kept.length - longestRise(kept),
    added: added.length,
  };
}

/** "3 moved, 1 new, press R"; null where nothing would change. */
export function frozenText({ moved, added, gone }: FrozenOrder): string | null {
  const parts = [
    moved > 0 ? `${moved} moved` : null,
    added > 0 ? `${added} new` : null,
    gone.size > 0 ? `${gone.size} left` : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : `${parts.join(', ')}, press R`;
}

/** Length of the longest increasing subsequence (patience sorting; Schensted 1961). */
function longestRise(values: readonly number[]): number {
  const tails: number[] = [];
  for (const value of values) {
    let low = 0;
    let high = tails.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((tails[middle] ?? Infinity) < value) low = middle + 1;
      else high = middle;
    }
    tails[low] = value;
  }
  return tails.length;
}
