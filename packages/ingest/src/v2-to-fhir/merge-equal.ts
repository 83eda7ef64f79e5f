import { isObject, type Json } from './element-path.ts';

type Entry = { fullUrl: string; resource: Json };

/** Resources that only say who or where: two of the same content are the same. */
const helpers = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Device']);
const mostRounds = 4;

/**
 * Makes equal helper resources one. What they refer to is merged first, so a few rounds follow a chain of places; the
 * bound ends it for longer ones, which then simply stay apart.
 */
export function mergeEqual(entries: readonly Entry[]): Entry[] {
  let kept = [...entries];
  for (let round = 0; round < mostRounds; round += 1) {
    const byContent = new Map<string, string>();
    const replaced = new Map<string, string>();
    const next: Entry[] = [];
    for (const entry of kept) {
      if (!helpers.has(String(entry.resource['resourceType']))) { next.push(entry); continue; }
      const content = JSON.stringify(entry.resource);
      const first = byContent.get(content);
      if (first === undefined) { byContent.set(content, entry.fullUrl); next.push(entry); } else replaced.set(entry.fullUrl, first);
    }
    if (replaced.size === 0) return kept;
    for (const { resource } of next) redirect(resource, replaced);
    kept = next;
  }
  return kept;
}

function redirect(value: unknown, replaced: ReadonlyMap<string, string>): void {
  if (Array.isArray(value)) { for (const item of value) redirect(item, replaced); return; }
  if (!isObject(value)) return;
  const reference = value['reference'];
  if (typeof reference === 'string') value['reference'] = replaced.get(reference) ?? reference;
  for (const item of Object.values(value)) redirect(item, replaced);
}
