import { isObject, type Json } from '../v2-to-fhir/element-path.ts';

/** The URLs that a value refers to. */
export function referencesOf(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value) referencesOf(item, found);
  else if (isObject(value)) {
    for (const [name, part] of Object.entries(value)) {
      if (name === 'reference' && typeof part === 'string') found.add(part);
      else referencesOf(part, found);
    }
  }
  return found;
}

/** A copy with each reference made what `referenceTo` says; an element of which nothing remains is left out. */
export function rewriteReferences(body: Json, referenceTo: (url: string) => Json | undefined): Json {
  const copy = rewrite(body, referenceTo);
  return isObject(copy) ? copy : {};
}

function rewrite(value: unknown, referenceTo: (url: string) => Json | undefined): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => rewrite(item, referenceTo)).filter((item) => item !== undefined);
    return items.length === 0 ? undefined : items;
  }
  if (!isObject(value)) return value;
  const { reference, ...rest } = value;
  const copy: Json = typeof reference === 'string' ? { ...referenceTo(reference) } : {};
  if (reference !== undefined && typeof reference !== 'string') rest['reference'] = reference;
  for (const [name, part] of Object.entries(rest)) {
    const made = rewrite(part, referenceTo);
    if (made !== undefined) copy[name] = made;
  }
  return Object.keys(copy).length === 0 ? undefined : copy;
}
