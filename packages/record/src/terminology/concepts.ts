/** A concept of a code system. `properties`: as a stored CodeSystem names them. */
export type Concept = { code: string; display: string; parents: readonly string[]; properties?: ReadonlyMap<string, readonly string[]> };
export type Filter = { property: string; op: string; value: string };

/**
 * A code system, in memory or in the database. `list`: concepts that meet all filters and hold the text, by code's order
 * of the source, at most `limit`. `meets`: whether one code does, without listing.
 */
export type CodeSystemSource = {
  url: string; version: string | null; name: string | null; ignoreCase: boolean;
  find(codes: readonly string[]): Promise<Concept[]>;
  list(query: { filters: readonly Filter[]; text?: string; limit: number }): Promise<Concept[]>;
  meets(code: string, filters: readonly Filter[]): Promise<boolean>;
  childrenOf(code: string): Promise<string[]>;
  /** All concepts, where they are in memory. */
  held?: readonly Concept[];
};

/** One include or exclude of a value set. `withheld`: it lists codes that may not be in this repository. */
export type ValueSetPart = { system?: string; version?: string; codes?: readonly (readonly [code: string, display?: string])[]; filters: readonly Filter[]; valueSets: readonly string[]; withheld?: true };
export type ValueSetContent = { url: string; version: string | null; name: string | null; include: readonly ValueSetPart[]; exclude: readonly ValueSetPart[] };

export function holdsText({ code, display }: Pick<Concept, 'code' | 'display'>, text: string | undefined): boolean {
  if (text === undefined) return true;
  const wanted = text.toLowerCase();
  return display.toLowerCase().includes(wanted) || code.toLowerCase() === wanted;
}
