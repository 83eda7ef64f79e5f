import type { CodeSystemSource, ValueSetContent, ValueSetPart } from './concepts.ts';

/** What is in memory. */
export type HeldTerminology = { codeSystem(url: string): CodeSystemSource | undefined; valueSet(url: string): ValueSetContent | undefined };

const deepest = 12;
const mostVisits = 200;

/**
 * Codes of a value set that can be listed at once, as `system|code` and `code`, for bindings; undefined where that needs
 * filters or the database.
 */
export function listedCodes(held: HeldTerminology, canonical: string, depth = 0, left = { visits: mostVisits }): ReadonlySet<string> | undefined {
  const content = held.valueSet(canonical.split('|')[0]!); // split gives one at least
  left.visits -= 1;
  if (content === undefined || depth > deepest || left.visits < 0) return undefined;
  const found = new Set<string>();
  for (const part of content.include) {
    const codes = ofPart(held, part, depth, left);
    if (codes === undefined) return undefined;
    for (const one of codes) found.add(one);
  }
  // A code alone may be in another system too, which is not excluded.
  for (const part of content.exclude) {
    const codes = ofPart(held, part, depth, left);
    if (codes === undefined) return undefined;
    for (const one of codes) if (one.includes('|')) found.delete(one);
  }
  return found;
}

function ofPart(held: HeldTerminology, { system, codes, filters, valueSets, withheld }: ValueSetPart, depth: number, left: { visits: number }): Iterable<string> | undefined {
  if (withheld === true || filters.length > 0 || valueSets.length > 1 || (valueSets.length > 0 && system !== undefined)) return undefined;
  if (system === undefined) return valueSets[0] === undefined ? undefined : listedCodes(held, valueSets[0], depth + 1, left);
  const listed = codes?.map(([code]) => code) ?? held.codeSystem(system)?.held?.map(({ code }) => code);
  return listed?.flatMap((code) => [code, `${system}|${code}`]);
}
