import type { Bundle, Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Principal, Purpose } from '@primum/trust';
import { readerOf } from '../caller.ts';
import type { Call } from '../serve-api.ts';
import { baseOf, demandJson, knows, preferenceOf, type Preference } from './exchange.ts';

/** Who asks something of the FHIR server, and how they want to be answered. The same for a request and an entry of a batch. */
export type FhirCaller = { principal: Principal; purpose: Purpose; prefer: Preference; base: string; /** Header `x-research-project`. */ project: string };

/** An answer before it is HTTP or an entry of a Bundle. `resource` absent: no body. */
export type FhirAnswer = { status: number; resource?: unknown; version?: number; at?: Date; location?: string };

export function fhirCaller(call: Call): FhirCaller {
  demandJson(call.request);
  const project = call.request.headers['x-research-project'] ?? 'default';
  if (typeof project !== 'string') throw new PrimumError('api.request-invalid', 'x-research-project');
  return { principal: readerOf(call), purpose: call.purpose, prefer: preferenceOf(call.request), base: baseOf(call), project };
}

/** Sends it; gives the body for the framework, undefined where there is none. */
export async function answered({ reply, request }: Call, answer: FhirAnswer): Promise<unknown> {
  const { status, version, at, location, resource } = answer;
  if (version !== undefined) void reply.header('etag', `W/"${version}"`);
  if (at !== undefined) void reply.header('last-modified', at.toUTCString());
  if (location !== undefined) void reply.header('location', location);
  const since = request.headers['if-none-match'];
  if (request.method === 'GET' && version !== undefined && typeof since === 'string' && knows(since, version)) {
    await reply.code(304).send();
    return undefined;
  }
  void reply.code(status).type('application/fhir+json; charset=utf-8');
  if (resource !== undefined) return resource;
  await reply.send();
  return undefined;
}

/** Without lists that are empty: FHIR's JSON has none (FHIR R4, section 2.6.2). */
export function bundleOf(type: Bundle['type'], rest: Omit<Bundle, 'resourceType' | 'type'>): Bundle {
  const said = Object.entries(rest).filter(([, value]) => !Array.isArray(value) || value.length > 0);
  return { resourceType: 'Bundle', type, ...Object.fromEntries(said) };
}

/** The body as a resource; its shape is validated after. */
export function resourceOf(body: unknown, type?: string): Resource {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new PrimumError('fhir.invalid', 'the body is not a JSON object');
  const { resourceType } = body as { resourceType?: unknown };
  if (typeof resourceType !== 'string') throw new PrimumError('fhir.invalid', 'resourceType is missing');
  if (type !== undefined && resourceType !== type) throw new PrimumError('fhir.invalid', 'resourceType is not that of the address');
  return body as Resource; // validated before anything is done with it
}
