import { searchableTypes, searchParametersOf } from '@primum/record';
import { httpTarget, type FuzzRequest } from './http-target.ts';
import { syntheaResources } from './synthea.ts';
import type { Random } from './target.ts';

const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)]!; // from is never empty
const modifiers = ['missing', 'exact', 'contains', 'not', 'text', 'in', 'not-in', 'above', 'below', 'of-type', 'identifier', 'iterate', 'Patient', 'Nothing', '', ':', 'missing:exact', '__proto__'];
const prefixes = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap', 'xx', 'GT', ''];
const results = ['_sort', '_count', '_include', '_revinclude', '_summary', '_elements', '_total', '_format', '_pretty', '_contained', '_filter', '_query', '_has', '_id', '_lastUpdated', '_tag', '_profile', '_text', '_content', '_list', '_type', '_page', '_since', '_after', '_cursor', '_offset'];
const values = [
  '', ',', ',,,', '|', '||', 'a|', '|a', 'http://loinc.org|8867-4', '8867-4', '8867-4$gt100', '$', '$$$', '\\', '\\,', '\\|', '\\$', 'a\\', 'true', 'false', 'null', '0', '-0', '1e999', '1e-999', '-1', '9'.repeat(400), '5.4|http://unitsofmeasure.org|mg', '5||', '2026', '2026-02', '2026-02-30', '2026-01-01T10:00', '2026-01-01T10:00:00Z', '2026-01-01T10:00:00+14:00', '9999-12-31', '0000', '-2026',
  'Patient/1', 'Patient/', '/', '#', 'urn:uuid:x', 'https://example.org/fhir/Patient/1', '%', '%zz', '%00', '%ff%fe', '%C3%28', '%F0%9F%98%80', '%252e', '+', '%20', '%0d%0a', "'", "';select+1--", '*', '%25', '_', '(a%2B)%2B$', '__proto__', 'x'.repeat(3_000), 'a,'.repeat(500), '%5B', 'Patient:organization', 'Observation:subject:Patient', '*:*', 'family,-given,_id', '-date', 'count', 'data', 'none', 'text', 'accurate', 'Smith', 'M%C3%BCller', '🙂',
];

function value(random: Random): string {
  const text = pick(random, values);
  const kind = random(6);
  if (kind === 0) return pick(random, prefixes) + text;
  if (kind === 1) return `${text},${pick(random, values)}`;
  return text;
}

/** One parameter of R4's for the type, or of another, with what may stand behind it: modifiers and chains. */
function name(random: Random, type: string): string {
  const own = [...searchParametersOf(random(6) === 0 ? pick(random, searchableTypes()) : type).keys()];
  const base = own.length === 0 ? 'x' : pick(random, own);
  const kind = random(12);
  if (kind === 0) return `${base}.${name(random, 'Patient')}`;
  if (kind === 1) return `${base}:${pick(random, searchableTypes())}.${name(random, pick(random, searchableTypes()))}`;
  if (kind === 2) return `_has:${pick(random, searchableTypes())}:${base}:${name(random, 'Observation')}`;
  if (kind < 6) return `${base}:${pick(random, modifiers)}`;
  if (kind === 6) return pick(random, ['', '.', ':', '_has', '_has:::', '%00', '%zz', 'a'.repeat(2_000), 'é', '__proto__', 'constructor', `${base}.`, `.${base}`]);
  return base;
}

function one(random: Random): FuzzRequest {
  const type = random(20) === 0 ? pick(random, ['', 'Nothing', '__proto__', '%00', '$export', '_search', '_history', 'Patient/$everything', 'é']) : pick(random, random(2) === 0 ? ['Patient', 'Observation', 'Encounter', 'Condition', 'MedicationRequest'] : searchableTypes());
  const parameters = Array.from({ length: random(random(20) === 0 ? 120 : 5) }, () => `${random(3) === 0 ? pick(random, results) + (random(5) === 0 ? `:${pick(random, modifiers)}` : '') : name(random, type)}${random(25) === 0 ? '' : `=${value(random)}`}`);
  const query = parameters.join(pick(random, ['&', '&', '&', '&', ';', '&&']));
  // Node's client refuses to send what it takes for a smuggled request; beyond that, as it is.
  const sendable = query.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
  const path = type.replace(/[^\x21-\x7e]/gu, (character) => encodeURIComponent(character));
  if (random(6) === 0) return { method: 'POST', path: `/${path}/_search`, body: query, type: 'application/x-www-form-urlencoded' };
  return { method: 'GET', path: `/${path}?${sendable}` };
}

export const searchTarget = httpTarget(
  (random) => Array.from({ length: random(8) + 1 }, () => one(random)),
  async (send) => {
    for (const resource of syntheaResources(2)) await send({ method: 'PUT', path: `/${String(resource['resourceType'])}/${String(resource['id'])}`, body: JSON.stringify(resource) });
  },
);
