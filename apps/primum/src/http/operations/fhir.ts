import type { FastifyRequest } from 'fastify';
import { PrimumError } from '@primum/base';
import type { RouteName } from '@primum/contract';
import { optionalText, textOf } from '../caller.ts';
import { createBundles } from '../fhir/bundle.ts';
import { capabilityStatement } from '../fhir/capability-statement.ts';
import { createFhirDeps } from '../fhir/fhir-deps.ts';
import { headerOf, baseOf, versionDemanded } from '../fhir/exchange.ts';
import { createHistory, type HistoryQuery } from '../fhir/history.ts';
import { answered, fhirCaller, type FhirAnswer, type FhirCaller } from '../fhir/interaction.ts';
import { createWrites, type Conditions } from '../fhir/write.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

type FhirRoute = Extract<RouteName, 'capabilityStatement' | 'transact' | `history${string}` | 'readResource' | 'readVersion' | 'createResource' | `update${'Resource' | 'Matching'}` | `patch${'Resource' | 'Matching'}` | `delete${'Resource' | 'Matching'}`>;

const pageOfHistory = 50;
const longestHistory = 500;

/** FHIR's interactions as routes. */
export function fhirOperations({ core, fhir }: HandlerDeps): Record<FhirRoute, Handler> {
  const deps = createFhirDeps(core, fhir);
  const { reads } = deps;
  const writes = createWrites(deps);
  const history = createHistory(core, reads);
  const bundles = createBundles({ ...deps, writes, history });
  const by = (interact: (caller: FhirCaller, call: Call) => Promise<FhirAnswer>): Handler => async (call) => answered(call, await interact(fhirCaller(call), call));
  const historic = (call: Call): Promise<unknown> => by(async (caller) => ({ status: 200, resource: await history(caller, historyQuery(call)) }))(call);
  const type = (call: Call): string => textOf(call.params, 'type');
  const id = (call: Call): string => textOf(call.params, 'id');
  return {
    capabilityStatement: async (call) => answered(call, { status: 200, resource: capabilityStatement(baseOf(call)) }),
    transact: by(async (caller, call) => ({ status: 200, resource: await bundles(caller, call.body) })),
    historyOfAll: historic,
    historyOfType: historic,
    historyOfResource: historic,
    readResource: by((caller, call) => reads.read(caller, { type: type(call), id: id(call) })),
    readVersion: by((caller, call) => reads.read(caller, { type: type(call), id: id(call), version: Number(call.params['version']) })),
    createResource: by((caller, call) => writes.create(caller, type(call), call.body, { ifNoneExist: call.request.headers['if-none-exist'] as string | undefined }) /* a header that comes once */),
    updateResource: by((caller, call) => writes.update(caller, type(call), id(call), call.body, conditionsOf(call))),
    updateMatching: by((caller, call) => writes.updateMatching(caller, type(call), conditionIn(call.request), call.body, conditionsOf(call))),
    patchResource: by((caller, call) => writes.patch(caller, type(call), id(call), call.body, conditionsOf(call))),
    patchMatching: by((caller, call) => writes.patchMatching(caller, type(call), conditionIn(call.request), call.body, conditionsOf(call))),
    deleteResource: by((caller, call) => writes.remove(caller, type(call), id(call), conditionsOf(call))),
    deleteMatching: by((caller, call) => writes.removeMatching(caller, type(call), conditionIn(call.request))),
  };
}

const conditionsOf = (call: Call): Conditions => ({ ifMatch: versionDemanded(headerOf(call, 'if-match'), headerOf(call, 'if-none-match')) });

/** The search that a conditional interaction names in its address. One that names nothing would match everything. */
function conditionIn(request: FastifyRequest): string {
  const query = request.url.split('?').slice(1).join('?').split('&').filter((part) => part !== '' && !/^_(format|pretty)=/.test(part)).join('&');
  if (query === '') throw new PrimumError('fhir.invalid', 'the address holds neither an id nor a condition');
  return query;
}

function historyQuery({ params, query }: Call): HistoryQuery {
  const [of, resource] = [optionalText(params, 'type'), optionalText(params, 'id')];
  const known = new Set(['_count', '_since', '_cursor', '_format', '_pretty']);
  const unknown = Object.keys(query).find((name) => !known.has(name));
  if (unknown !== undefined) throw new PrimumError('fhir.not-supported', `a parameter of history: ${unknown.slice(0, 40)}`);
  const [count = String(pageOfHistory), since, cursor] = [optionalText(query, '_count'), optionalText(query, '_since'), optionalText(query, '_cursor')];
  const at = since === undefined ? undefined : new Date(since);
  const [, seq, rowId] = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(cursor ?? '') ?? [];
  if (!/^\d{1,6}$/.test(count) || Number.isNaN(at?.getTime()) || (cursor !== undefined && rowId === undefined)) throw new PrimumError('api.request-invalid', '_count, _since or _cursor');
  return {
    ...(of === undefined ? {} : { type: of }), ...(resource === undefined ? {} : { id: resource }), ...(at === undefined ? {} : { since: at }),
    count: Math.max(1, Math.min(Number(count), longestHistory)), ...(seq === undefined || rowId === undefined ? {} : { before: { seq: Number(seq), id: rowId } }),
  };
}
