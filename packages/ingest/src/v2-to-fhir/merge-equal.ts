import { isObject, type Json } from './element-path.ts';

type Entry = { fullUrl: string; resource: Json };

/** Resources that only say who or where: two of the same content are the same. */
const helpers = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Device']);
const mostRounds = 4;

/**
 * Makes helper resources of equal content one, and people under the same identifier of the same namespace (the names
 * that a message gives them are kept side by side). What they refer to is merged first, so a few rounds follow a chain
 * of places; the bound ends it for longer ones, which then simply stay apart.
 */
export function mergeEqual(entries: readonly Entry[]): Entry[] {
  let kept = [...entries];
  for (let round = 0; round < mostRounds; round += 1) {
    const first = new Map<string, Entry>();
    const replaced = new Map<string, string>();
    const next: Entry[] = [];
    for (const entry of kept) {
      const key = keyOf(entry.resource);
      const same = key === undefined ? undefined : first.get(key);
      if (same === undefined) {
        if (key !== undefined) first.set(key, entry);
        next.push(entry);
      } else {
        addNames(same.resource, entry.resource);
        replaced.set(entry.fullUrl, same.fullUrl);
      }
    }
    if (replaced.size === 0) return kept;
    for (const { resource } of next) redirect(resource, replaced);
    kept = next;
  }
  return kept;
}

function keyOf(resource: Json): string | undefined {
  const type = String(resource['resourceType']);
  if (!helpers.has(type)) return undefined;
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
  if (Array.isArray(value)) { for (const item of value) redirect(item, replaced); return; }
  if (!isObject(value)) return;
  const reference = value['reference'];
  if (typeof reference === 'string') value['reference'] = replaced.get(reference) ?? reference;
  for (const item of Object.values(value)) redirect(item, replaced);
}
