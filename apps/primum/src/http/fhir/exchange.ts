import { PrimumError } from '@primum/base';
import type { FastifyRequest } from 'fastify';
import type { Call } from '../serve-api.ts';

/** What the caller prefers to be answered (FHIR R4, section 3.1.0.1.9; RFC 7240): the header `Prefer`. */
export type Preference = { return?: 'minimal' | 'representation' | 'OperationOutcome'; handling: 'strict' | 'lenient'; respondAsync: boolean };

export function preferenceOf(request: Pick<FastifyRequest, 'headers'>): Preference {
  const said = [request.headers['prefer'] ?? ''].flat().join(',').split(/[,;]/).map((part) => part.trim());
  const returned = said.find((part) => part.startsWith('return='))?.slice('return='.length);
  return {
    ...(returned === 'minimal' || returned === 'representation' || returned === 'OperationOutcome' ? { return: returned } : {}),
    handling: said.includes('handling=lenient') ? 'lenient' : 'strict',
    respondAsync: said.includes('respond-async'),
  };
}

const json = /^(application\/(fhir\+)?json|text\/json|application\/\*|\*\/\*|json)$/;

/** JSON is what is spoken. Somebody who asks for something else alone is told so (406) instead of being sent what they can't read. */
export function demandJson({ headers, query }: Pick<FastifyRequest, 'headers' | 'query'>): void {
  const format = (query as Record<string, unknown> | undefined)?.['_format'];
  if (typeof format === 'string' && format !== '') {
    // A plus in an address is a blank to many parsers.
    if (!json.test(format.split(';')[0]!.trim().replace('fhir json', 'fhir+json'))) throw new PrimumError('api.not-acceptable');
    return;
  }
  const accepted = (headers.accept ?? '*/*').split(',').filter((one) => !/;\s*fhirVersion=(?!"?4\.0)/i.test(one)).map((one) => one.split(';')[0]!.trim().toLowerCase());
  if (!accepted.some((one) => json.test(one) || one === '' || one === 'application/fhir+ndjson')) throw new PrimumError('api.not-acceptable');
}

/** The version that `If-Match: W/"3"` names (FHIR R4, section 3.1.0.5); undefined where there is none. */
export function versionMatched(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(header.trim())?.[1];
  if (version === undefined) throw new PrimumError('api.request-invalid', 'If-Match');
  return Number(version);
}

/** The version that a write asks for: `If-Match`, or 0, none, by `If-None-Match: *` (RFC 9110, section 13.1.2). */
export function versionDemanded(ifMatch: string | undefined, ifNoneMatch: string | undefined): number | undefined {
  if (ifNoneMatch === undefined) return versionMatched(ifMatch);
  if (ifNoneMatch.trim() !== '*' || ifMatch !== undefined) throw new PrimumError('api.request-invalid', 'If-None-Match of a write is *');
  return 0;
}

/** Whether `If-None-Match` names the version that stands. */
export const knows = (ifNoneMatch: string, version: number): boolean => ifNoneMatch.split(',').some((one) => one.trim().replace(/^W\//, '') === `"${version}"`);

export function headerOf(call: Call, name: string): string | undefined {
  const value = call.request.headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Where this server is, as the caller addressed it. */
export function baseOf({ request }: Pick<Call, 'request'>): string {
  return `${request.protocol}://${request.headers.host ?? 'localhost'}/api/fhir`;
}
