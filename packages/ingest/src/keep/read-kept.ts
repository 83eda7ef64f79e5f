import { component, type Hl7Message, type Hl7Segment } from '@primum/formats';
import type { MessageReading } from '../reading/message-reading.ts';
import type { Source } from '../sources/source.ts';
import { convertInSteps, type Conversion } from '../v2-to-fhir/convert-message.ts';
import { isObject, type Json } from '../v2-to-fhir/element-path.ts';
import type { KeptRule, MappingTables } from '../v2-to-fhir/rule.ts';
import { createIdentities, identifierText, isEmpty } from './kept-identity.ts';
import type { KeptPart, KeptReading, KeptResource } from './kept-reading.ts';
import { referencesOf } from './rewrite-references.ts';

/** Header segments become the message's one Provenance. */
const headers = new Set(['MSH', 'SFT', 'EVN', 'UAC']);
/** Of a message of results, who and which visit are read already. */
const headersOfResults = new Set([...headers, 'PID', 'PD1', 'PV1', 'PV2']);
/** Elements to which several fields add: the null value of one says nothing of the others. */
const addedUp = new Set(['', 'identifier', 'extension']);
const mostUnread = 50;
const longestUnread = 8_192;

/**
 * What the mapping tables make of a message besides what the reducers know of it: parts that go into Patient, Encounter
 * and Observations, and resources of their own, with the identity under which each is found again. Only what says
 * something is kept: staff, places and organizations where something refers to them, others where `kept.json` says so.
 */
export async function readKept(
  message: Hl7Message, reading: MessageReading, source: Pick<Source, 'facility' | 'utcOffset'>, tables: MappingTables, messageId: string, breathe: () => Promise<void> | undefined = () => undefined,
): Promise<KeptReading> {
  const resultsOnly = reading.type.results === 'facts' && reading.type.does === 'none';
  const passed = resultsOnly ? headersOfResults : headers;
  const { segments } = message;
  const readsResults = reading.type.results !== 'none';
  if (resultsOnly && !tables.ownRows && segments.every((segment, index) => passed.has(segment.name) || (segment.name === 'OBX' && isPlain(segment) && standsAlone(segments[index + 1])) || isHeading(segment))) return nothingKept;
  const steps = convertInSteps(message, tables, {
    utcOffsetMinutes: source.utcOffset,
    passOver: (segment, index) => passed.has(segment.name) || (readsResults && segment.name === 'OBX' && isPlain(segment) && standsAlone(segments[index + 1])),
    ...(resultsOnly ? { given: ['Patient', 'Encounter'] } : {}),
  });
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) await breathe();
  await breathe();
  return selectKept(step.value, reading, source.facility, tables.kept, messageId);
}

/** What the reducer reads of OBX by itself. */
const plainFields = new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14]);
const plainTypes = new Set(['NM', 'SN', 'ST']);
const endsResult = new Set(['OBX', 'OBR', 'ORC', 'SPM']);

function isPlain(obx: Hl7Segment): boolean {
  if (!plainTypes.has(component(obx, 2))) return false;
  const { repetition } = obx.encoding;
  return obx.fields.every((text, number) => text === '' || (plainFields.has(number) && (number === 0 || !text.includes(repetition))));
}

/** An OBR that only heads its results: by our tables nothing of it is kept. What monitors send by the thousand is not converted to find that out. */
const headingFields = new Set([0, 1, 2, 3, 4, 7, 8]);
const nothingKept: KeptReading = { patient: undefined, encounter: undefined, observations: new Map(), resources: [], spoken: new Map(), unread: [] };

function isHeading(segment: Hl7Segment): boolean {
  return segment.name === 'OBR' && segment.fields.every((text, number) => text === '' || headingFields.has(number));
}

function standsAlone(next: Hl7Segment | undefined): boolean {
  return next === undefined || endsResult.has(next.name);
}

function selectKept(conversion: Conversion, reading: MessageReading, facility: string, rules: ReadonlyMap<string, KeptRule>, messageId: string): KeptReading {
  const bodies = new Map<string, Json>();
  for (const { fullUrl, resource } of conversion.bundle.entry ?? []) {
    if (fullUrl !== undefined && resource !== undefined) bodies.set(fullUrl, resource as unknown as Json); // looked at by element names
  }
  const deletes = Map.groupBy(conversion.deletions, ({ fullUrl }) => fullUrl);
  const partOf = (url: string, body: Json): KeptPart => ({
    url, body, elements: conversion.origins.get(url)?.elements ?? {},
    deletes: [...new Set((deletes.get(url) ?? []).map(({ element }) => /^\w+/.exec(element)?.[0] ?? ''))].filter((name) => !addedUp.has(name) && body[name] === undefined),
  });
  let patient: KeptPart | undefined;
  let encounter: KeptPart | undefined;
  const observations = new Map<number, KeptPart>();
  const open: string[] = [];
  const chosen = new Set<string>();
  for (const [url, body] of bodies) {
    const type = String(body['resourceType']);
    const origin = conversion.origins.get(url);
    if (type === 'Patient') patient ??= partOf(url, body);
    else if (type === 'Encounter') encounter ??= partOf(url, body);
    else if (type === 'Observation' && origin?.segment === 'OBX' && reading.type.results !== 'none') observations.set(origin.sequence, partOf(url, body));
    else {
      const rule = rules.get(type);
      if (rule === undefined || rule.referred === true || !isNeeded(rule, body, origin?.segment)) continue;
      chosen.add(url);
    }
    open.push(url);
  }
  for (let at = 0; at < open.length; at += 1) {
    for (const url of referencesOf(bodies.get(open[at] ?? ''))) {
      if (chosen.has(url) || rules.get(String(bodies.get(url)?.['resourceType']))?.referred !== true) continue;
      chosen.add(url);
      open.push(url);
    }
  }
  const visit = reading.subjects[0]?.visit?.number;
  const identityOf = createIdentities({ rules, bodies, facility, visit: visit === undefined ? [] : [visit.authority, visit.value], messageId });
  const spoken = new Map<string, Json>();
  for (const [url, body] of bodies) {
    const [identifier] = [body['identifier']].flat().filter(isObject);
    if (identifier !== undefined && typeof identifier['value'] === 'string') spoken.set(url, { identifier: { ...(typeof identifier['system'] === 'string' ? { system: identifier['system'] } : {}), value: identifier['value'] } });
    else if (typeof body['name'] === 'string') spoken.set(url, { display: body['name'] });
  }
  return {
    patient, encounter, observations, spoken,
    resources: distinct([...chosen].map((url): KeptResource => {
      const body = bodies.get(url) ?? {};
      const origin = conversion.origins.get(url);
      const identity = identityOf(url);
      return {
        ...partOf(url, body), type: String(body['resourceType']), shared: identity.shared, identity: identity.parts,
        obr: origin?.segment === 'OBR' ? origin.sequence : undefined, parent: parentOf(body, facility),
      };
    })),
    unread: conversion.unread.slice(0, mostUnread).map((segment) => segment.fields.join(segment.encoding.field).slice(0, longestUnread)),
  };
}

function isNeeded({ needs }: KeptRule, body: Json, segment: string | undefined): boolean {
  return needs === undefined || needs.some((need) => {
    if (need.startsWith('@')) return segment === need.slice(1);
    const [name = '', unlike] = need.split('!');
    return !isEmpty(body[name]) && body[name] !== unlike;
  });
}

/** Two orders under one number in one message are two; one practitioner under one number is one, whatever is said of each. */
function distinct(resources: readonly KeptResource[]): KeptResource[] {
  const turns = new Map<string, number>();
  return resources.map((resource) => {
    if (resource.shared) return resource;
    const key = JSON.stringify([resource.type, resource.identity]);
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    return turn === 0 ? resource : { ...resource, identity: [...resource.identity, String(turn)] };
  });
}

/** TXA-13: the number of the document that this one follows, as `masterIdentifier` would identify it. */
function parentOf(body: Json, facility: string): string[] | undefined {
  const [related] = [body['relatesTo']].flat().filter(isObject);
  const target = related?.['target'];
  const text = isObject(target) && isObject(target['identifier']) ? identifierText(target['identifier'], facility) : undefined;
  return text === undefined ? undefined : ['masterIdentifier', text];
}
