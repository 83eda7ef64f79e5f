import { isObject, type Json } from './element-path.ts';

type Entry = { fullUrl: string; resource: Json };

/** Resources that only say who or where: two of the same content are the same. */
export const helpers: ReadonlySet<string> = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Device']);
const mostRounds = 4;

/**
 * Makes helper resources of equal content one, and people under the same identifier of the same namespace (the names
 * that a message gives them are kept side by side). What they refer to is merged first, so a few rounds follow a chain
 * of places; the bound ends it for longer ones, which then simply stay apart.
 */
export function mergeEqual(entries: readonly Entry[]): Entry[] {
  const replaced = new Map<string, string>();
  let open = entries.filter(({ resource }) => helpers.has(String(resource['resourceType'])));
  for (let round = 0; round < mostRounds; round += 1) {
    const first = new Map<string, Entry>();
    const merged = new Map<string, string>();
    for (const entry of open) {
      const key = keyOf(entry.resource);
      const same = first.get(key);
      if (same === undefined) { first.set(key, entry); continue; }
      addNames(same.resource, entry.resource);
      merged.set(entry.fullUrl, same.fullUrl);
    }
    if (merged.size === 0) break;
    for (const [from, to] of replaced) replaced.set(from, merged.get(to) ?? to);
    for (const [from, to] of merged) replaced.set(from, to);
    open = open.filter(({ fullUrl }) => !merged.has(fullUrl));
    for (const { resource } of open) redirect(resource, merged);
  }
  if (replaced.size === 0) return [...entries];
  const kept = entries.filter(({ fullUrl }) => !replaced.has(fullUrl));
  for (const { resource } of kept) if (!helpers.has(String(resource['resourceType']))) redirect(resource, replaced);
  return kept;
}

function keyOf(resource: Json): string {
  const type = String(resource['resourceType']);
  const identifiers = resource['identifier'];
  if (type === 'Practitioner' && Array.isArray(identifiers)) {
    const [identifier] = identifiers.filter(isObject);
    if (typeof identifier?.['value'] === 'string' && typeof identifier['system'] === 'string') return `${identifier['system']}|${identifier['value']}`;
  }
  return JSON.stringify(resource);
}

function addNames(into: Json, from: Json): void {
  const [names, more] = [into['name'], from['name']];
  if (!Array.isArray(more)) return;
  if (!Array.isArray(names)) { into['name'] = more; return; }
  const known = new Set(names.map((name) => JSON.stringify(name)));
  for (const name of more) if (!known.has(JSON.stringify(name))) names.push(name);
}

function redirect(value: unknown, replaced: ReadonlyMap<string, string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) { for (const item of value) redirect(item, replaced); return; }
  if (!isObject(value)) return;
  const reference = value['reference'];
  if (typeof reference === 'string') value['reference'] = replaced.get(reference) ?? reference;
  for (const name in value) redirect(value[name], replaced);
}
