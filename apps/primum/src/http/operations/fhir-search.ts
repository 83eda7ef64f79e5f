import { PrimumError } from '@primum/base';
import type { RouteName } from '@primum/contract';
import { textOf } from '../caller.ts';
import { answered, fhirCaller } from '../fhir/interaction.ts';
import { createReads } from '../fhir/read.ts';
import { createSearches, type SearchRequest } from '../fhir/search.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

/** FHIR search as routes. */
export function fhirSearchOperations({ core }: HandlerDeps): Record<Extract<RouteName, `search${'All' | 'Type'}${'' | 'ByForm'}` | 'searchCompartment' | `patientEverything${'' | 'ByPost'}`>, Handler> {
  const searches = createSearches(core, createReads(core));
  const by = (request: (call: Call) => Omit<SearchRequest, 'pairs'>): Handler => async (call) => answered(call, await searches.search(fhirCaller(call), { ...request(call), pairs: pairsOf(call) }));
  const everything = (pairs: (call: Call) => [string, string][]): Handler => async (call) => answered(call, await searches.everything(fhirCaller(call), textOf(call.params, 'id'), pairs(call)));
  return {
    patientEverything: everything(pairsOf),
    patientEverythingByPost: everything((call) => parametersOf(call.request.body)),
    searchAll: by(() => ({ type: null })),
    searchAllByForm: by(() => ({ type: null, byForm: true })),
    searchType: by((call) => ({ type: textOf(call.params, 'type') })),
    searchTypeByForm: by((call) => ({ type: textOf(call.params, 'type'), byForm: true })),
    searchCompartment: by((call) => {
      if (textOf(call.params, 'type') !== 'Patient') throw new PrimumError('fhir.not-supported', 'a compartment other than a patient\'s');
      return { type: textOf(call.params, 'ofType'), compartment: textOf(call.params, 'id') };
    }),
  };
}

/** Parameters of an operation (FHIR R4, Parameters), each with its one value; none where nothing was sent. */
function parametersOf(body: unknown): [string, string][] {
  if (body === undefined || body === null) return [];
  const { resourceType, parameter = [] } = body as { resourceType?: unknown; parameter?: unknown };
  if (resourceType !== 'Parameters' || !Array.isArray(parameter)) throw new PrimumError('fhir.invalid', 'the body is no Parameters');
  return parameter.map((one: unknown): [string, string] => {
    const { name, ...values } = (typeof one === 'object' && one !== null ? one : {}) as Record<string, unknown>;
    const [value] = Object.values(values);
    if (typeof name !== 'string' || (typeof value !== 'string' && typeof value !== 'number')) throw new PrimumError('fhir.invalid', 'a parameter without a name and a value');
    return [name, String(value)];
  });
}

/** Parameters of the address and of the form, in their order: one may stand there several times. */
function pairsOf({ request }: Call): [string, string][] {
  const form: unknown = request.body;
  if (request.method === 'POST' && form !== undefined && form !== null && typeof form !== 'string') throw new PrimumError('api.request-invalid', 'a search is application/x-www-form-urlencoded');
  const address = request.url.split('?').slice(1).join('?');
  return [...new URLSearchParams(address), ...new URLSearchParams(typeof form === 'string' ? form : '')];
}
