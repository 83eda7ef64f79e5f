import { PrimumError } from '@primum/base';
import type { RouteName } from '@primum/contract';
import { textOf } from '../caller.ts';
import { answered, fhirCaller } from '../fhir/interaction.ts';
import { createReads } from '../fhir/read.ts';
import { createSearches, type SearchRequest } from '../fhir/search.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

/** FHIR search as routes. */
export function fhirSearchOperations({ core }: HandlerDeps): Record<Extract<RouteName, `search${'All' | 'Type'}${'' | 'ByForm'}` | 'searchCompartment'>, Handler> {
  const searches = createSearches(core, createReads(core));
  const by = (request: (call: Call) => Omit<SearchRequest, 'pairs'>): Handler => async (call) => answered(call, await searches.search(fhirCaller(call), { ...request(call), pairs: pairsOf(call) }));
  return {
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

/** Parameters of the address and of the form, in their order: one may stand there several times. */
function pairsOf({ request }: Call): [string, string][] {
  const form: unknown = request.body;
  if (request.method === 'POST' && form !== undefined && form !== null && typeof form !== 'string') throw new PrimumError('api.request-invalid', 'a search is application/x-www-form-urlencoded');
  const address = request.url.split('?').slice(1).join('?');
  return [...new URLSearchParams(address), ...new URLSearchParams(typeof form === 'string' ? form : '')];
}
