import type { Bundle, BundleEntry, OperationOutcomeIssue, Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { demandCriteria, loadPurposeViews, parseSearch, rowIdOf, searchResources, subsetOf, typesSearched, type FoundResource, type Include, type SearchPlace, type SearchQuery } from '@primum/record';
import { scopesAllow, withPhiReader, type Authority } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { bundleOf, type FhirAnswer, type FhirCaller } from './interaction.ts';
import { everythingQueries } from './everything.ts';
import type { Reads } from './read.ts';

/** `type` null: over the types that `_type` names. `compartment`: FHIR id of a patient. `byForm`: the parameters came in a body and shall stand in no address. */
export type SearchRequest = { type: string | null; pairs: readonly (readonly [string, string])[]; compartment?: string; byForm?: boolean };

export type Searches = {
  /** Patient/$everything. */
  everything(caller: FhirCaller, id: string, pairs: SearchRequest['pairs']): Promise<FhirAnswer>;
  search(caller: FhirCaller, request: SearchRequest): Promise<FhirAnswer>;
  /** FHIR ids of what a condition finds, three at most. */
  matching(caller: FhirCaller, type: string, query: string): Promise<string[]>;
};

const maxTypes = 20;
/** Under which a condition of a write may look, where the caller does not read: whoever defines what belongs to nobody sees that alone. */
const authorities: readonly Authority[] = ['patient.read', 'record.write', 'record.define'];

/** FHIR search (FHIR R4, section 3.1.1) of what the caller may see, as far as the purpose needs it. */
export function createSearches(core: Core, reads: Reads): Searches {
  const views = loadPurposeViews();
  const lookedFor = async (caller: FhirCaller, queries: readonly SearchQuery[], authority: Authority, compartment?: string, along?: readonly Include[]): ReturnType<typeof searchResources> => {
    const { principal, purpose, base } = caller;
    const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
    const view = views[purpose];
    for (const query of queries) {
      if (scopes !== undefined && !typesSearched(query).every((type) => scopesAllow(scopes, 's', type))) throw new PrimumError('auth.scope-insufficient');
      if (view !== undefined && view.types[query.type] === undefined) throw new PrimumError('policy.view-missing', query.type);
      if (view !== undefined) demandCriteria(view, query);
    }
    const place: SearchPlace = {
      base, ...(compartment === undefined ? {} : { patientId: rowIdOf(core.keys, tenant, 'Patient', compartment) }),
      shows: (type) => (view === undefined || view.types[type] !== undefined) && (scopes === undefined || scopesAllow(scopes, 's', type) || scopesAllow(scopes, 'r', type)),
    };
    return withPhiReader(core, {
      tenant, principal, purpose, action: 'resource.search', authority, scope: { worklist: 'search', alsoUnassigned: true }, ...(queries.length === 1 ? { resourceType: queries[0]!.type } : {}),
    }, (reader) => {
      // What was asked by, never what for: values name people.
      reader.note({ entities: [{ type: 'search', id: said(queries) }] });
      return searchResources(core, reader, along === undefined ? queries : queries.map((query, n) => (n === 0 ? { ...query, includes: along } : query)), place);
    });
  };

  const entriesOf = async (caller: FhirCaller, found: readonly FoundResource[], mode: 'match' | 'include', query: SearchQuery): Promise<BundleEntry[]> => (await Promise.all(found.map(async ({ resource, rootId }) => {
    // As the purpose sees it; null for a type of which it sees nothing.
    const shown = await reads.shown(caller, resource, rootId) as Record<string, unknown> | null;
    return shown === null ? [] : [{ fullUrl: `${caller.base}/${resource.resourceType}/${String(shown['id'])}`, resource: (mode === 'match' ? subsetOf(shown, query) : shown) as unknown as Resource, search: { mode } }];
  }))).flat();

  return {
    async everything(caller, id, pairs) {
      const request = await requestOf(core, { type: null, pairs, compartment: id });
      const { principal, purpose, base } = caller;
      await reads.read(caller, { type: 'Patient', id }); // who may not see the patient, and a patient that is not there, end here
      const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
      const view = views[purpose];
      const { queries, includes, used } = await everythingQueries(core, id, request.pairs, (type) => (view === undefined || view.types[type] !== undefined) && (scopes === undefined || scopesAllow(scopes, 's', type)));
      const [query] = queries;
      if (query === undefined) return { status: 200, resource: bundleOf('searchset', { total: 0, link: [{ relation: 'self', url: addressOf(`${base}/Patient/${id}/$everything`, used) }] }) };
      const page = await lookedFor(caller, queries, 'patient.read', id, includes);
      const link: NonNullable<Bundle['link']> = [{ relation: 'self', url: addressOf(`${base}/Patient/${id}/$everything`, used) }];
      if (page.next !== undefined) link.push({ relation: 'next', url: addressOf(`${base}/Patient/${id}/$everything`, [['_page', sealPage(core, { type: null, compartment: id, pairs: [...used, ['_cursor', page.next]] })]]) });
      const entry = [...await entriesOf(caller, page.matches, 'match', query), ...await entriesOf(caller, page.included, 'include', query)];
      const cut: BundleEntry[] = issuesOf(query, page.includesCut).map((issue) => ({ resource: { resourceType: 'OperationOutcome', issue: [issue] }, search: { mode: 'outcome' } }));
      return { status: 200, resource: bundleOf('searchset', { ...(page.total === undefined ? {} : { total: page.total }), link, entry: [...entry, ...cut] }) };
    },
    async search(caller, request) {
      const { type, pairs, compartment, byForm = false } = await requestOf(core, request);
      const types = type === null ? typesNamed(pairs) : [type];
      const queries = types.map((one) => parseSearch(one, type === null ? pairs.filter(([name]) => name !== '_type') : pairs, caller.prefer.handling));
      const [query] = queries;
      if (query === undefined) throw new PrimumError('fhir.parameter-invalid', '_type');
      const page = await lookedFor(caller, queries, 'patient.read', compartment);
      const [matches, included] = [await entriesOf(caller, page.matches, 'match', query), await entriesOf(caller, page.included, 'include', query)];
      const issues = issuesOf(query, page.includesCut);
      const used: readonly (readonly [string, string])[] = type === null ? [['_type', types.join(',')], ...query.used] : query.used;
      const path = [caller.base, ...(compartment === undefined ? [] : ['Patient', compartment]), ...(type === null ? [] : [type])].join('/');
      const link: NonNullable<Bundle['link']> = [{ relation: 'self', url: addressOf(path, used) }];
      if (page.next !== undefined) {
        const going = [...used, ['_cursor', page.next] as const];
        // Neither what came in a body nor a row's own id under pseudonyms may stand in an address.
        const sealed = byForm || views[caller.purpose]?.pseudonyms === true;
        link.push({ relation: 'next', url: sealed ? addressOf(path, [['_page', sealPage(core, { type, compartment, pairs: going })]]) : addressOf(path, going) });
      }
      const outcome: BundleEntry[] = issues.length === 0 ? [] : [{ resource: { resourceType: 'OperationOutcome', issue: issues }, search: { mode: 'outcome' } }];
      return { status: 200, resource: bundleOf('searchset', { ...(page.total === undefined ? {} : { total: page.total }), link, entry: [...matches, ...included, ...outcome] }) };
    },
    async matching(caller, type, query) {
      const parsed = parseSearch(type, [...new URLSearchParams(query), ['_count', '3']]);
      const authority = authorities.find((one) => core.policy.decide({ tenant, principal: caller.principal, authority: one, purpose: caller.purpose, resourceType: type }).allowed) ?? 'patient.read';
      const { matches } = await lookedFor(caller, [parsed], authority);
      return matches.map(({ resource, rowId }) => resource.id ?? rowId);
    },
  };
}

function typesNamed(pairs: SearchRequest['pairs']): string[] {
  const types = [...new Set(pairs.filter(([name]) => name === '_type').flatMap(([, value]) => value.split(',')))].filter((type) => type !== '');
  if (types.length === 0 || types.length > maxTypes) throw new PrimumError('fhir.parameter-invalid', `_type names one to ${maxTypes} types`);
  return types;
}

/** Type and names of parameters, with their modifiers. */
function said(queries: readonly SearchQuery[]): string {
  const names = [...new Set(queries.flatMap(({ used }) => used.map(([name]) => name)))].filter((name) => /^[A-Za-z_][A-Za-z0-9_:.-]{0,99}$/.test(name)).toSorted();
  return `${queries.map(({ type }) => type).join(',')}${names.length === 0 ? '' : `?${names.join('&')}`}`.slice(0, 500);
}

function issuesOf({ ignored }: SearchQuery, includesCut: boolean): OperationOutcomeIssue[] {
  return [
    ...ignored.map((name): OperationOutcomeIssue => ({ severity: 'warning', code: 'not-supported', diagnostics: `left out, as it is not known here: ${name}`, expression: [name] })),
    ...(includesCut ? [{ severity: 'warning', code: 'too-costly', diagnostics: 'not all that was to be included is; ask for fewer at a time (_count)' } as const] : []),
  ];
}

function addressOf(path: string, pairs: readonly (readonly [string, string])[]): string {
  const query = pairs.map(([name, value]) => `${encodeURIComponent(name).replaceAll('%3A', ':')}=${encodeURIComponent(value).replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%2F', '/')}`).join('&');
  return query === '' ? path : `${path}?${query}`;
}

type Page = { type: string | null; compartment: string | undefined; pairs: readonly (readonly [string, string])[] };
const pageAad = 'search-page';

function sealPage({ keys }: Core, page: Page): string {
  return keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(page)), pageAad).toString('base64url');
}

/** A page that was sealed into its address is asked for by nothing else. */
async function requestOf({ keys }: Core, request: SearchRequest): Promise<SearchRequest> {
  const sealed = request.pairs.find(([name]) => name === '_page')?.[1];
  if (sealed === undefined) return request;
  const plain = await keys.open(tenant, Buffer.from(sealed, 'base64url'), pageAad).catch(() => { throw new PrimumError('fhir.page-expired'); });
  const { type, compartment, pairs } = JSON.parse(plain.toString()) as Page; // as it was sealed
  if (type !== request.type || compartment !== request.compartment) throw new PrimumError('fhir.parameter-invalid', '_page');
  return { type, pairs, byForm: true, ...(compartment === undefined ? {} : { compartment }) };
}
