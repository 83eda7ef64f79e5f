import { readFileSync } from 'node:fs';
import { keepWritten } from '../resources/exact-decimals.ts';
import type { SearchQuery } from './search-query.ts';

type TopElements = Readonly<Record<string, { summary: readonly string[]; mandatory: readonly string[] }>>;
let read: TopElements | undefined;

/**
 * A resource as `_elements` or `_summary` ask for it (FHIR R4, sections 3.1.1.5.9 and 3.1.1.5.8): what is left out is
 * told by the tag SUBSETTED. What a type must have stays in either.
 */
export function subsetOf(resource: Record<string, unknown>, { elements, summary }: Pick<SearchQuery, 'elements' | 'summary'>): Record<string, unknown> {
  if (elements === undefined && summary === 'false') return resource;
  // Written by tools/write-fhir-search-parameters.ts, under version control and test.
  read ??= (JSON.parse(readFileSync(new URL('../../fhir/top-elements.json', import.meta.url), 'utf8')) as { types: TopElements }).types;
  const top = read[String(resource['resourceType'])];
  const mandatory = top?.mandatory ?? [];
  const named = elements ?? (summary === 'true' ? top?.summary ?? [] : summary === 'text' ? ['text'] : undefined);
  const kept = named === undefined ? undefined : new Set(['resourceType', 'id', 'meta', ...mandatory, ...named]);
  const shown = Object.fromEntries(Object.entries(resource).filter(([name]) => (kept === undefined ? name !== 'text' : kept.has(name.replace(/^_/, '')))));
  const meta = (shown['meta'] ?? {}) as { tag?: unknown[] }; // of a resource
  const tag = { system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' };
  return keepWritten(resource, { ...shown, meta: { ...meta, tag: [...(meta.tag ?? []), tag] } });
}
