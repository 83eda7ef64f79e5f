import type { Extension, Subscription } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { subscriptionTopics } from './topics.ts';

export type ChannelType = 'rest-hook' | 'websocket';
export type PayloadContent = 'empty' | 'id-only' | 'full-resource';

/** What a Subscription asks for. `filters`: names and values of search parameters of the type, all of which must hold. */
export type SubscriptionWish = {
  /** Canonical URL; null: criteria of R4's own kind (`Observation?code=…`), any change that meets them. */
  topic: string | null;
  type: string;
  filters: readonly (readonly [string, string])[];
  channel: ChannelType;
  endpoint: URL | null;
  /** As `Name: value`. */
  headers: readonly (readonly [string, string])[];
  content: PayloadContent;
  heartbeatS: number | null;
  timeoutS: number;
  maxCount: number;
  endsAt: Date | null;
};

const backport = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-';
const maxFilters = 20;
const maxHeaders = 20;
const maxTextLength = 4_000;
/** Headers that are the connection's or ours to say (RFC 9110, section 7.6.1). */
const notTheirs = /^(host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-.*|expect|cookie)$/i;

const invalid = (detail: string): PrimumError => new PrimumError('fhir.invalid', detail);
const unsupported = (detail: string): PrimumError => new PrimumError('fhir.not-supported', detail);

/**
 * Reads a Subscription of FHIR R4, by the profile of the Subscriptions R5 Backport (1.1.0, "R4/B Topic-Based Subscription")
 * or with R4's own criteria. Where no payload content is said it is `id-only`. Errors: fhir.invalid, fhir.not-supported.
 */
export function readSubscription(resource: Subscription): SubscriptionWish {
  const { criteria, channel } = resource as Partial<Subscription>; // not validated yet
  if (typeof criteria !== 'string' || criteria === '' || criteria.length > maxTextLength) throw invalid('Subscription.criteria');
  if (typeof channel !== 'object' || channel === null) throw invalid('Subscription.channel');
  const extended = resource as Subscription & { _criteria?: { extension?: Extension[] } };
  const channelExtended = channel as typeof channel & { _type?: { extension?: Extension[] }; _payload?: { extension?: Extension[] } };
  const filtered = extensionsOf(extended._criteria?.extension, 'filter-criteria').map((one) => text(one.valueString, 'filter-criteria'));
  const { topic, type, filters } = askedOf(criteria, filtered);
  const kind = extensionsOf(channelExtended._type?.extension, 'channel-type')[0]?.valueCoding?.code ?? channel.type;
  if (kind !== 'rest-hook' && kind !== 'websocket') throw unsupported('a channel other than rest-hook and websocket');
  const content = extensionsOf(channelExtended._payload?.extension, 'payload-content')[0]?.valueCode ?? 'id-only';
  if (content !== 'empty' && content !== 'id-only' && content !== 'full-resource') throw invalid('backport-payload-content');
  if (channel.payload !== undefined && !/^application\/(fhir\+)?json(;|$)/.test(channel.payload)) throw unsupported('a payload other than application/fhir+json');
  return {
    topic, type, filters, channel: kind, content,
    endpoint: kind === 'rest-hook' ? endpointOf(channel.endpoint) : null,
    headers: headersOf(channel.header ?? []),
    heartbeatS: numberOf(channel.extension, 'heartbeat-period', 10, 86_400) ?? null,
    timeoutS: numberOf(channel.extension, 'timeout', 1, 60) ?? 20,
    maxCount: Math.min(numberOf(channel.extension, 'max-count', 1, 2_147_483_647) ?? 20, 100),
    endsAt: endOf(resource.end),
  };
}

function askedOf(criteria: string, filtered: readonly string[]): Pick<SubscriptionWish, 'topic' | 'type' | 'filters'> {
  if (filtered.length > maxFilters) throw invalid(`more than ${maxFilters} filters`);
  const known = subscriptionTopics().find(({ url }) => url === criteria.split('|')[0]);
  if (known === undefined) {
    const [, type, query = ''] = /^([A-Z][A-Za-z]{1,39})(?:\?(.*))?$/.exec(criteria) ?? [];
    if (type === undefined) throw unsupported('criteria: neither a topic that is known here nor a search of R4');
    if (filtered.length > 0) throw invalid('filters are a topic\'s: say them in the criteria');
    return { topic: null, type, filters: [...new URLSearchParams(query)] };
  }
  const [{ resource: type }] = known.resourceTrigger;
  const filters = filtered.flatMap((filter) => {
    const [, of, query = ''] = /^(?:([A-Z][A-Za-z]{1,39})\?)?(.+)$/.exec(filter) ?? [];
    if (of !== undefined && of !== type) throw invalid('a filter on a type that is not the topic\'s');
    return [...new URLSearchParams(query)];
  });
  const allowed = new Set(known.canFilterBy.map(({ filterParameter }) => filterParameter));
  if (filters.some(([name]) => !allowed.has(name.split(':')[0]!.split('.')[0]!))) throw unsupported('a filter that the topic does not have');
  return { topic: known.url, type, filters };
}

const extensionsOf = (extensions: readonly Extension[] | undefined, name: string): Extension[] => (Array.isArray(extensions) ? extensions : []).filter((one: Extension) => one.url === `${backport}${name}`);

function text(value: string | undefined, name: string): string {
  if (typeof value !== 'string' || value === '' || value.length > maxTextLength) throw invalid(`backport-${name}`);
  return value;
}

function numberOf(extensions: readonly Extension[] | undefined, name: string, low: number, high: number): number | undefined {
  const [one] = extensionsOf(extensions, name);
  if (one === undefined) return undefined;
  const value = one.valueUnsignedInt ?? one.valuePositiveInt ?? one.valueInteger;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high) throw invalid(`backport-${name}: from ${low} to ${high}`);
  return value;
}

function endpointOf(endpoint: string | undefined): URL {
  if (typeof endpoint !== 'string' || endpoint.length > maxTextLength || !URL.canParse(endpoint)) throw invalid('Subscription.channel.endpoint');
  return new URL(endpoint);
}

function headersOf(headers: readonly string[]): [string, string][] {
  if (!Array.isArray(headers) || headers.length > maxHeaders) throw invalid('Subscription.channel.header');
  return headers.map((header: unknown) => {
    const [, name, value] = (typeof header === 'string' && header.length <= maxTextLength ? /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]*)$/.exec(header) : null) ?? [];
    if (name === undefined || value === undefined || notTheirs.test(name)) throw invalid('Subscription.channel.header');
    return [name, value];
  });
}

function endOf(end: string | undefined): Date | null {
  if (end === undefined) return null;
  const at = new Date(end);
  if (Number.isNaN(at.getTime())) throw invalid('Subscription.end');
  return at;
}
