import { httpTarget, type FuzzRequest } from './http-target.ts';
import { syntheaResources, type Json, type JsonObject } from './synthea.ts';
import type { Random } from './target.ts';

const types = ['Patient', 'Observation', 'Encounter', 'Bundle', 'Binary', 'Basic', 'Subscription', 'Group', 'Nothing', '__proto__', '', 'Patient/../Observation'];
const long = 'x'.repeat(100_000);
const values: readonly Json[] = [
  null, true, 0, -1, 1e308, 9007199254740991, 0.1, '', ' ', '\u0000', '\uD800', '\u202Eabc', 'é漢\u{1F600}', '__proto__', 'constructor', '2026-02-30', '2026-13', '0000-00-00', '9999-12-31T23:59:60Z', '2026-03-01T10:00:00+25:00',
  'Patient/', 'Patient/x', '#', '#x', 'urn:uuid:0', 'https://example.org/Patient/1?x=y', 'Patient?identifier=a|b', '[', '(a+)+$', '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>', [], {}, [[]], [null], long,
];
const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)]!; // from is never empty

function nested(depth: number, array: boolean): Json {
  let value: Json = 1;
  for (let level = 0; level < depth; level += 1) value = array ? [value] : { extension: [value] };
  return value;
}

/** Every object and list of a resource, so that a change may come anywhere. */
function places(value: Json, found: (JsonObject | Json[])[] = []): (JsonObject | Json[])[] {
  if (typeof value !== 'object' || value === null) return found;
  found.push(value);
  for (const inner of Array.isArray(value) ? value : Object.values(value)) places(inner, found);
  return found;
}

/** Deeper than any resource; the runner itself must copy and write it. */
const deepest = 1_500;
const depthOf = (value: Json): number => (typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf)));

/** Elements lost, said twice, renamed, moved, of another type, too many, too deep. */
function mutate(resource: JsonObject, random: Random, changes: number): JsonObject {
  const copy = structuredClone(resource);
  for (; changes > 0; changes -= 1) {
    const all = places(copy);
    const at = pick(random, all);
    const names = Object.keys(at);
    if (names.length === 0) continue;
    const name = pick(random, names);
    const place = at as JsonObject; // a list's places are names, too
    const kind = random(10);
    if (kind === 0 && !Array.isArray(at)) delete at[name];
    else if (kind === 1) place[name] = structuredClone(place[pick(random, names)] ?? null);
    else if (kind === 2) place[name] = Array.from({ length: random(300) }, () => structuredClone(place[name] ?? null));
    else if (kind === 3) place[name] = [place[name] ?? null];
    else if (kind === 4 && !Array.isArray(at)) at[pick(random, ['_value', 'extra', 'extension', 'contained', 'id', 'valueX', '_id', 'resourceType', 'meta', 'modifierExtension'])] = structuredClone(pick(random, values));
    else if (kind === 5) place[name] = structuredClone(pick<Json>(random, all));
    else if (kind === 6 && random(8) === 0 && depthOf(copy) < deepest) place[name] = nested(random(600), random(2) === 0);
    else if (kind === 7 && typeof place[name] === 'string') place[name] = `${place[name]}${pick(random, ['\u0000', ' ', '.', '0', 'é'])}`;
    else place[name] = structuredClone(pick(random, values));
    // Copies of copies grow fast, and one within another deep: that one the runner could not copy once more.
    if (depthOf(copy) > deepest) return structuredClone(resource);
    if (places(copy).length > 20_000) break;
  }
  return copy;
}

/** The text itself: cut, doubled, bytes changed. */
function spoil(text: string, random: Random): string {
  const at = random(text.length + 1);
  const kind = random(4);
  if (kind === 0) return text.slice(0, at);
  if (kind === 1) return text + text.slice(at);
  if (kind === 2) return text.slice(0, at) + pick(random, ['"', '}', ']', ',', '\\', '\u0000', '{"__proto__":{"x":1},', '1e999']) + text.slice(at + 1);
  return '['.repeat(random(20_000)) + text;
}

let resources: readonly JsonObject[] | undefined;

function bundleOf(random: Random): JsonObject {
  const own = resources!; // read before the first round
  const entry = Array.from({ length: random(6) }, (_, n): Json => {
    const resource = mutate(pick(random, own), random, random(3));
    return {
      ...(random(5) === 0 ? {} : { fullUrl: pick(random, [`urn:uuid:00000000-0000-4000-8000-00000000000${n}`, 'urn:uuid:00000000-0000-4000-8000-000000000000', `https://example.org/fhir/Patient/${n}`, 'x']) }),
      resource,
      ...(random(10) === 0 ? {} : { request: { method: pick(random, ['POST', 'POST', 'PUT', 'DELETE', 'PATCH', 'GET', 'HEAD', 'TRACE', '']), url: pick(random, [String(resource['resourceType']), String(resource['resourceType']), `${String(resource['resourceType'])}/${String(resource['id'])}`, `${String(resource['resourceType'])}?identifier=x|y`, 'Patient?name=%', '?', '/', '../Patient', 'Patient/x/_history/9']), ...(random(10) === 0 ? { ifNoneExist: pick(random, ['identifier=a|b', '&&&', '%ff']), ifMatch: pick(random, ['W/"1"', 'x']) } : {}) } }),
    };
  });
  const bundle: JsonObject = { resourceType: 'Bundle', type: pick(random, ['batch', 'transaction', 'transaction', 'searchset', 'message', '']), entry };
  return random(3) === 0 ? mutate(bundle, random, random(4) + 1) : bundle;
}

function one(random: Random): FuzzRequest {
  const kind = random(100);
  if (kind < 30) {
    const body = JSON.stringify(bundleOf(random));
    return { method: 'POST', path: pick(random, ['', '/', '']), body: random(10) === 0 ? spoil(body, random) : body };
  }
  const original = pick(random, resources!); // as above
  const changed = mutate(original, random, random(6));
  const text = JSON.stringify(changed);
  const body = random(8) === 0 ? spoil(text, random) : text;
  const type = random(12) === 0 ? pick(random, types) : String(original['resourceType']);
  const id = encodeURIComponent(random(10) === 0 ? pick(random, ['.', '..', 'a b', '%00', 'x'.repeat(65), 'é']) : String(original['id']));
  if (kind < 65) return { method: 'POST', path: `/${type}`, body };
  if (kind < 85) return { method: 'PUT', path: `/${type}/${id}`, body };
  if (kind < 92) return { method: 'POST', path: `/${type}/$validate`, body };
  if (kind < 96) {
    const patch = Array.from({ length: random(4) + 1 }, () => ({ op: pick(random, ['add', 'remove', 'replace', 'move', 'copy', 'test', 'x']), path: pick(random, ['', '/', '/name/0', '/name/-', '/__proto__/x', '/a/b/c', '/meta', '/id', '/resourceType', '/~2', '/extension']), from: '/name', value: pick(random, values) }));
    return { method: 'PATCH', path: `/${type}/${id}`, body: JSON.stringify(patch), type: 'application/json-patch+json' };
  }
  return { method: pick(random, ['POST', 'PUT', 'DELETE', 'PATCH']), path: `/${type}/${id}`, body, type: pick(random, ['application/json', 'text/plain', 'application/fhir+xml', '', 'x/y; charset=utf-7']) };
}

export const fhirTarget = httpTarget(
  (random) => {
    resources ??= syntheaResources(6);
    return Array.from({ length: random(8) + 1 }, () => one(random));
  },
);
