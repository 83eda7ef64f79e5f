/**
 * A difference that we keep, with its reason. `path` is an element path of the golden bundle without list indices (`*`
 * one step, a leading `**.` any depth). Without more, the element is not compared; `golden` and `ours` narrow that to
 * values that match these patterns, `messages` to these messages; `equals` to a golden value that only repeats this element beside it (`coding.0.display`).
 */
export type AcceptedDifference = { path: string; messages?: string; golden?: string; ours?: string; equals?: string; reason: string };

type Json = { [name: string]: unknown };
type Entry = { key: string; resource: Json };

/** Resources that say who or where: several of the golden bundle may be one of ours. */
const helpers = new Set(['Organization', 'Practitioner', 'PractitionerRole', 'Location', 'Device']);
const dateTime = /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/;

/**
 * Paths of the golden bundle's elements that ours lacks. Ids are each side's own: two resources correspond when their
 * elements do and what they refer to corresponds (a cycle is taken to hold until it fails); a resource of the golden
 * bundle that is no helper needs one of ours to itself. Times are compared as instants.
 */
export function compareBundles(golden: unknown, ours: unknown, accepted: readonly AcceptedDifference[]): string[] {
  const wanted = entriesOf(golden, (entry) => `${String(entry['resourceType'])}/${String(entry['id'])}`);
  const made = entriesOf(ours);
  const wantedByKey = new Map(wanted.map((entry) => [entry.key, entry]));
  const madeByKey = new Map(made.map((entry) => [entry.key, entry]));
  const patterns = accepted.map((one) => ({ ...one, test: patternOf(one.path) }));
  const compared = new Map<string, string[]>();

  function resourceMisses(want: Entry, have: Entry): string[] {
    const pair = `${want.key} ${have.key}`;
    const known = compared.get(pair);
    if (known !== undefined) return known;
    compared.set(pair, []);
    const type = String(want.resource['resourceType']);
    const misses = Object.entries(want.resource).flatMap(([name, value]) => (['resourceType', 'id'].includes(name) ? [] : missesOf(`${type}.${name}`, value, have.resource[name], want.resource)));
    compared.set(pair, misses);
    return misses;
  }

  function missesOf(path: string, want: unknown, have: unknown, beside: Json): string[] {
    if (patterns.some((one) => one.test(path) && isAccepted(one, want, have, beside))) return [];
    if (Array.isArray(want)) return have === undefined ? listMisses(path, want, [], beside) : listMisses(path, want, Array.isArray(have) ? have : [have], beside);
    if (isObject(want)) {
      if (typeof want['reference'] === 'string') return referenceMisses(path, want['reference'], isObject(have) ? have['reference'] : undefined);
      return Object.entries(want).flatMap(([name, value]) => missesOf(`${path}.${name}`, value, isObject(have) ? have[name] : undefined, want));
    }
    return sameValue(want, have) ? [] : [path];
  }

  function listMisses(path: string, want: readonly unknown[], have: readonly unknown[], beside: Json): string[] {
    const free = [...have];
    // Items that correspond fully are taken first, so that a missing one can't take another's.
    const rest = want.filter((item) => {
      if (missesOf(path, item, undefined, beside).length === 0) return false;
      const index = free.findIndex((candidate) => missesOf(path, item, candidate, beside).length === 0);
      if (index !== -1) free.splice(index, 1);
      return index === -1;
    });
    const misses: string[] = [];
    for (const item of rest) {
      const found = free.map((candidate) => missesOf(path, item, candidate, beside));
      const least = found.reduce((best, one, index) => (one.length < (found[best]?.length ?? Infinity) ? index : best), 0);
      misses.push(...(found[least] ?? missesOf(path, item, undefined, beside)));
      free.splice(least, 1);
    }
    return misses;
  }

  function referenceMisses(path: string, want: string, have: unknown): string[] {
    const target = wantedByKey.get(want);
    if (target === undefined || isAcceptedWhole(target)) return []; // refers to nothing in its own bundle, or to nothing that counts
    for (let at = typeof have === 'string' ? madeByKey.get(have) : undefined, steps = 0; at !== undefined && steps < 8; steps += 1) {
      if (at.resource['resourceType'] === target.resource['resourceType'] && resourceMisses(target, at).length === 0) return [];
      // A finer place than the golden one corresponds when it is part of it.
      const parent: unknown = at.resource['resourceType'] === 'Location' ? at.resource['partOf'] : undefined;
      at = isObject(parent) ? madeByKey.get(String(parent['reference'])) : undefined;
    }
    return [`${path} → ${want.split('/')[0] ?? ''}`];
  }

  function isAccepted(one: AcceptedDifference, want: unknown, have: unknown, beside: Json): boolean {
    if (one.equals !== undefined) return want === elementAt(beside, one.equals);
    if (one.golden !== undefined && !new RegExp(one.golden).test(JSON.stringify(want))) return false;
    return one.ours === undefined || (have !== undefined && new RegExp(one.ours).test(JSON.stringify(have)));
  }

  function isAcceptedWhole({ resource }: Entry): boolean {
    return patterns.some((one) => one.test(String(resource['resourceType'])) && isAccepted(one, resource, undefined, {}));
  }

  const taken = new Set<string>();
  const misses: string[] = [];
  for (const want of wanted) {
    const type = String(want.resource['resourceType']);
    if (isAcceptedWhole(want)) continue;
    let best: { key: string; misses: string[] } | undefined;
    for (const have of made) {
      if (have.resource['resourceType'] !== type || (taken.has(have.key) && !helpers.has(type))) continue;
      const found = resourceMisses(want, have);
      if (best === undefined || found.length < best.misses.length) best = { key: have.key, misses: found };
      if (found.length === 0) break;
    }
    if (best === undefined) { misses.push(`${type} (none)`); continue; }
    taken.add(best.key);
    misses.push(...best.misses);
  }
  return misses;
}

function entriesOf(bundle: unknown, keyOf?: (resource: Json) => string): Entry[] {
  const entries = isObject(bundle) && Array.isArray(bundle['entry']) ? bundle['entry'].filter(isObject) : [];
  return entries.flatMap((entry) => (isObject(entry['resource']) ? [{ key: keyOf?.(entry['resource']) ?? String(entry['fullUrl']), resource: entry['resource'] }] : []));
}

function sameValue(want: unknown, have: unknown): boolean {
  if (want === have) return true;
  return typeof want === 'string' && typeof have === 'string' && dateTime.test(want) && dateTime.test(have) && Date.parse(want) === Date.parse(have);
}

function patternOf(path: string): (path: string) => boolean {
  const source = path.replaceAll('.', '\\.').replace(/^\*\*\\\./, '(?:.+\\.)?').replaceAll('*', '[^.]+');
  const pattern = new RegExp(`^${source}$`);
  return (text) => pattern.test(text);
}

/** `coding.0.display` of an element. */
function elementAt(element: unknown, path: string): unknown {
  let at: unknown = element;
  for (const step of path.split('.')) at = Array.isArray(at) ? at[Number(step)] : isObject(at) ? at[step] : undefined;
  return at;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
