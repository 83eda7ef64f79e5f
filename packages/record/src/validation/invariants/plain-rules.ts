import { isNarrative } from '../narrative.ts';
import type { Truth } from './compile-path.ts';

type Fields = Record<string, unknown>;

/**
 * Rules that are asked of everything, or that walk all of a resource, in plain code: as FHIRPath they cost more than all
 * the rest, some with the square of the size.
 */
export const plainRules: Readonly<Record<string, Truth>> = {
  'dom-2': (resource) => containedIn(resource).every((one) => one['contained'] === undefined),
  'dom-3': (resource) => {
    const contained = containedIn(resource);
    if (contained.length === 0) return true;
    const said = new Set<string>();
    referencesIn(resource, said);
    return contained.every((one) => {
      if (said.has(`#${String(one['id'])}`)) return true;
      const own = new Set<string>();
      referencesIn(one, own);
      return own.has('#');
    });
  },
  'dom-4': (resource) => containedIn(resource).every(({ meta }) => (meta as Fields | undefined)?.['versionId'] === undefined && (meta as Fields | undefined)?.['lastUpdated'] === undefined),
  'dom-5': (resource) => containedIn(resource).every(({ meta }) => (meta as Fields | undefined)?.['security'] === undefined),
  'dom-6': (resource) => ((resource as Fields)['text'] as Fields | undefined)?.['div'] !== undefined,
  'txt-1': (div) => typeof div !== 'string' || isNarrative(div),
  // The same text of the standard, in two halves; one is said once.
  'txt-2': () => true,
  'ref-1': (reference, { rootResource }) => {
    const to = (reference as Fields)['reference'];
    if (typeof to !== 'string' || !to.startsWith('#') || to === '#') return true;
    return containedIn(rootResource).some(({ id }) => id === to.slice(1));
  },
  // Who stands behind a reference is not looked up while validating.
  'ctm-1': () => true,
  'csd-1': (resource) => allDistinct((resource as Fields)['concept'], 'concept', 'code'),
  'que-2': (resource) => allDistinct((resource as Fields)['item'], 'item', 'linkId'),
  'bdl-11': (bundle) => firstOf(bundle, 'document', 'Composition'),
  'bdl-12': (bundle) => firstOf(bundle, 'message', 'MessageHeader'),
};

function containedIn(resource: unknown): Fields[] {
  const contained = (resource as Fields)['contained'];
  return Array.isArray(contained) ? contained.filter((one): one is Fields => typeof one === 'object' && one !== null) : [];
}

/** What may be a reference, a canonical or a URI with a fragment. The depth was bounded before. */
function referencesIn(value: unknown, said: Set<string>): void {
  if (typeof value === 'string') {
    if (value.startsWith('#')) said.add(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) referencesIn(inner, said);
  }
}

function allDistinct(items: unknown, below: string, name: string, seen = new Set<unknown>()): boolean {
  if (!Array.isArray(items)) return true;
  return items.every((item: unknown) => {
    if (typeof item !== 'object' || item === null) return true;
    const value = (item as Fields)[name];
    if (value !== undefined && seen.has(value)) return false;
    seen.add(value);
    return allDistinct((item as Fields)[below], below, name, seen);
  });
}

function firstOf(bundle: unknown, type: string, resourceType: string): boolean {
  const { type: own, entry } = bundle as { type?: unknown; entry?: unknown };
  return own !== type || (Array.isArray(entry) && (entry[0] as { resource?: { resourceType?: unknown } } | undefined)?.resource?.resourceType === resourceType);
}
