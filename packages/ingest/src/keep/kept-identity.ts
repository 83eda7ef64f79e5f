import { isObject, type Json } from '../v2-to-fhir/element-path.ts';
import type { KeptRule } from '../v2-to-fhir/rule.ts';

export type IdentityContext = {
  rules: ReadonlyMap<string, KeptRule>;
  bodies: ReadonlyMap<string, Json>;
  /** Namespace of an identifier that names none: the sender's facility. */
  facility: string;
  /** Authority and number of the visit; empty where there is none. */
  visit: readonly string[];
  /** What makes a resource without an identity this message's own. */
  messageId: string;
};

export type Identity = { shared: boolean; parts: readonly string[] };

/** By URL: under what each resource is found again. */
export function createIdentities(context: IdentityContext): (url: string) => Identity {
  const known = new Map<string, Identity>();
  const open = new Set<string>();
  let own = 0;

  const contentOf = (body: Json): Identity => {
    let shared = true;
    const text = JSON.stringify(body, (name, value: unknown) => {
      if (name !== 'reference' || typeof value !== 'string') return value;
      if (open.has(value) || !context.bodies.has(value)) return '';
      const target = identityOf(value);
      shared &&= target.shared;
      return target.parts;
    });
    return { shared, parts: ['content', text] };
  };

  const identityOf = (url: string): Identity => {
    const found = known.get(url);
    if (found !== undefined) return found;
    open.add(url);
    const identity = identify(url);
    open.delete(url);
    known.set(url, identity);
    return identity;
  };

  const identify = (url: string): Identity => {
    const body = context.bodies.get(url) ?? {};
    const rule = context.rules.get(String(body['resourceType']));
    // An address or a telephone without a number of its own is as personal as whom it belongs to.
    const shared = rule?.of === 'shared' && (body['identifier'] !== undefined || (body['address'] === undefined && body['telecom'] === undefined));
    for (const places of rule?.by ?? []) {
      if (places[0] === '*') {
        const content = contentOf(body);
        return { shared: shared && content.shared, parts: content.parts };
      }
      const parts = places.map((place) => valueAt(body, place, context));
      if (parts.every((part) => part !== undefined)) return { shared, parts: [places.join(), ...parts] };
    }
    own += 1;
    return { shared: false, parts: ['message', context.messageId, String(own)] };
  };
  return identityOf;
}

function valueAt(body: Json, place: string, { facility, visit }: IdentityContext): string | undefined {
  if (place === '@visit') return visit.length === 0 ? undefined : JSON.stringify(visit);
  const [name = '', type] = place.split(':');
  if (name === 'identifier') {
    const all = [body['identifier']].flat().filter(isObject);
    return identifierText(all.find((one) => typeof one['value'] === 'string' && matches(one, type)), facility);
  }
  let value: unknown = body;
  for (const step of name.split('.')) value = isObject(value) ? value[step] : undefined;
  if (isObject(value) && typeof value['value'] === 'string') return identifierText(value, facility);
  return isEmpty(value) ? undefined : JSON.stringify(essence(value));
}

export function identifierText(identifier: Json | undefined, facility: string): string | undefined {
  if (identifier === undefined || typeof identifier['value'] !== 'string') return undefined;
  return JSON.stringify([typeof identifier['system'] === 'string' ? identifier['system'] : `facility ${facility}`, identifier['value'].trim()]);
}

const orderNumbers = new Set(['PLAC', 'FILL', 'PGN']);

function matches(identifier: Json, type: string | undefined): boolean {
  const kind = identifier['type'];
  const codings = isObject(kind) && Array.isArray(kind['coding']) ? kind['coding'].filter(isObject) : [];
  if (type === undefined) return true;
  if (type === 'own') return !codings.some(({ code }) => orderNumbers.has(String(code)));
  return codings.some(({ code }) => code === type);
}

/** Of a coded value its first code, or its text where it has none; no references, which are not the same twice. */
function essence(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(essence);
  if (!isObject(value)) return value;
  const [coding] = Array.isArray(value['coding']) ? value['coding'].filter(isObject) : [];
  if (coding?.['code'] !== undefined) return [coding['system'] ?? '', coding['code']];
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== 'reference').map(([name, part]) => [name, essence(part)]));
}

export function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}
