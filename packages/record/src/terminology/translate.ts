import type { ConceptMap } from '@medplum/fhirtypes';

export type Translation = { equivalence: string; system: string | undefined; code: string; display: string | undefined; source: string | undefined };
export type TranslateQuery = { system?: string; code: string; targetSystem?: string; source?: string; target?: string; reverse?: boolean };

/** As it reads from the other side (FHIR R4, valueset concept-map-equivalence). */
const opposite: Readonly<Record<string, string>> = { wider: 'narrower', narrower: 'wider', subsumes: 'specializes', specializes: 'subsumes' };

/** What a code is elsewhere, by concept maps (FHIR R4, ConceptMap $translate). `reverse`: from the target to the source. */
export function translate(maps: readonly ConceptMap[], { system, code, targetSystem, source, target, reverse = false }: TranslateQuery): Translation[] {
  const found: Translation[] = [];
  for (const map of maps) {
    const [from, to] = [map.sourceUri ?? map.sourceCanonical, map.targetUri ?? map.targetCanonical];
    if ((source !== undefined && (reverse ? to : from) !== source) || (target !== undefined && (reverse ? from : to) !== target)) continue;
    for (const group of map.group ?? []) {
      const [asked, answer] = reverse ? [group.target, group.source] : [group.source, group.target];
      if ((system !== undefined && asked !== system) || (targetSystem !== undefined && answer !== targetSystem)) continue;
      const before = found.length;
      for (const element of group.element ?? []) {
        if (reverse) {
          for (const one of element.target ?? []) if (one.code === code && element.code !== undefined) found.push({ equivalence: opposite[one.equivalence ?? ''] ?? one.equivalence ?? 'relatedto', system: answer, code: element.code, display: element.display, source: map.url });
        } else if (element.code === code) {
          for (const one of element.target ?? []) if (one.code !== undefined) found.push({ equivalence: one.equivalence ?? 'relatedto', system: answer, code: one.code, display: one.display, source: map.url });
        }
      }
      if (found.length > before || reverse || group.unmapped === undefined) continue;
      if (group.unmapped.mode === 'provided') found.push({ equivalence: 'equal', system: answer, code, display: undefined, source: map.url });
      if (group.unmapped.mode === 'fixed' && group.unmapped.code !== undefined) found.push({ equivalence: 'inexact', system: answer, code: group.unmapped.code, display: group.unmapped.display, source: map.url });
    }
  }
  return found.slice(0, 1_000);
}
