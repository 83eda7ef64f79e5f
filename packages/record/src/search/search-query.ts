import type { Parameter } from './parameters.ts';

/** One criterion of a search: its alternatives are joined by or, criteria by and. Values are as sent, their escapes still in. */
export type Criterion =
  | { kind: 'parameter'; parameter: Parameter; modifier: string | undefined; alternatives: readonly string[] }
  | { kind: 'id'; alternatives: readonly string[] }
  | { kind: 'last-updated'; alternatives: readonly string[] }
  /** `inner`, by type, of the resources that a reference leads to. */
  | { kind: 'chain'; parameter: Parameter; inner: readonly { type: string; criterion: Criterion }[] }
  /** Resources of `type` that refer here by `parameter` and meet `criterion`. */
  | { kind: 'has'; type: string; parameter: Parameter; criterion: Criterion };

export type SortKey = { code: string; descending: boolean; parameter?: Parameter };

export type Include = { type: string; parameter: Parameter; target: string | undefined; reverse: boolean; iterate: boolean };

export type Summary = 'true' | 'text' | 'data' | 'count' | 'false';

export type SearchQuery = {
  type: string;
  criteria: readonly Criterion[];
  sort: readonly SortKey[];
  count: number;
  total: 'none' | 'estimate' | 'accurate';
  includes: readonly Include[];
  elements: readonly string[] | undefined;
  summary: Summary;
  cursor: string | undefined;
  /** Parameters that mean nothing here and were let pass (`handling=lenient`). */
  ignored: readonly string[];
  /** What was used, for the self link. */
  used: readonly (readonly [string, string])[];
};

/** Splits at a character that no backslash precedes (FHIR R4, section 3.1.1.4.0.2). */
export function splitUnescaped(text: string, at: ',' | '|' | '$'): string[] {
  const parts = [''];
  for (let n = 0; n < text.length; n += 1) {
    const char = text[n]!;
    if (char === '\\' && n + 1 < text.length) parts[parts.length - 1] += char + text[n += 1]!;
    else if (char === at) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}

export function unescapeValue(text: string): string {
  return text.replace(/\\([,|$\\])/g, '$1');
}

/** Types that a search looks at: its own, those that references lead over, those that it brings along. */
export function typesSearched({ type, criteria, includes }: SearchQuery): string[] {
  const within = (criterion: Criterion): string[] => {
    if (criterion.kind === 'chain') return criterion.inner.flatMap((one) => [one.type, ...within(one.criterion)]);
    return criterion.kind === 'has' ? [criterion.type, ...within(criterion.criterion)] : [];
  };
  return [...new Set([type, ...criteria.flatMap(within), ...includes.map((one) => one.type)])];
}
