import type { Bundle, BundleEntry, OperationOutcome, Resource } from '@medplum/fhirtypes';
import { errorFields, PrimumError, uuidv7 } from '@primum/base';
import { errorCatalogue } from '@primum/contract';
import { keepWritten, type WriteOperation } from '@primum/record';
import { knows, versionDemanded } from './exchange.ts';
import type { FhirDeps } from './fhir-deps.ts';
import type { History } from './history.ts';
import { bundleOf, resourceOf, type FhirAnswer, type FhirCaller } from './interaction.ts';
import { FhirIssues, outcomeOf } from './outcome.ts';
import type { Writes } from './write.ts';
import { writeAll } from './write-all.ts';

export type BundleDeps = FhirDeps & { writes: Writes; history: History; search(caller: FhirCaller, type: string, query: string): Promise<FhirAnswer> };

const maxEntries = 5_000;
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
type Method = (typeof methods)[number];
/** One entry, read. `id` absent: an interaction with a type. */
type Asked = { n: number; method: Method; type: string; id: string | undefined; version: number | undefined; query: string; resource: unknown; fullUrl: string | undefined; request: NonNullable<BundleEntry['request']> };

/** FHIR batch and transaction (FHIR R4, section 3.1.0.11). */
export function createBundles(deps: BundleDeps): (caller: FhirCaller, body: unknown) => Promise<Bundle> {
  return async (caller, body) => {
    const bundle = resourceOf(body, 'Bundle') as Bundle;
    if (bundle.type !== 'batch' && bundle.type !== 'transaction') throw new PrimumError('fhir.invalid', 'Bundle.type is neither batch nor transaction');
    const entries: unknown = bundle.entry ?? [];
    if (!Array.isArray(entries)) throw new PrimumError('fhir.invalid', 'Bundle.entry');
    if (entries.length > maxEntries) throw new PrimumError('record.too-many', `more than ${maxEntries} entries`);
    return bundle.type === 'batch' ? batch(deps, caller, entries) : transaction(deps, caller, entries);
  };
}

/** Each entry by itself: what fails says so in its own place. */
async function batch(deps: BundleDeps, caller: FhirCaller, entries: readonly unknown[]): Promise<Bundle> {
  const answers: BundleEntry[] = [];
  for (const [n, entry] of entries.entries()) {
    try {
      answers.push(entryOf(await interact(deps, caller, readEntry(entry, n))));
    } catch (error) {
      answers.push(failed(deps, error));
    }
  }
  return bundleOf('batch-response', { entry: answers });
}

async function interact(deps: BundleDeps, caller: FhirCaller, asked: Asked): Promise<FhirAnswer> {
  const { method, type, id, version, query, resource, request } = asked;
  const conditions = method === 'GET' || method === 'HEAD' ? {} : { ifMatch: versionDemanded(request.ifMatch, request.ifNoneMatch), ifNoneExist: request.ifNoneExist };
  switch (method) {
    case 'GET':
    case 'HEAD':
      return id === undefined ? deps.search(caller, type, query) : unlessKnown(request.ifNoneMatch, await deps.reads.read(caller, { type, id, ...(version === undefined ? {} : { version }) }));
    case 'POST':
      if (id !== undefined) throw new PrimumError('fhir.not-supported', 'POST to a resource');
      return deps.writes.create(caller, type, resource, conditions);
    case 'PUT':
      return id === undefined ? deps.writes.updateMatching(caller, type, demandQuery(query), resource, conditions) : deps.writes.update(caller, type, id, resource, conditions);
    case 'PATCH':
      return id === undefined ? deps.writes.patchMatching(caller, type, demandQuery(query), patchIn(resource), conditions) : deps.writes.patch(caller, type, id, patchIn(resource), conditions);
    case 'DELETE':
      return id === undefined ? deps.writes.removeMatching(caller, type, demandQuery(query)) : deps.writes.remove(caller, type, id, conditions);
  }
}

function unlessKnown(ifNoneMatch: string | undefined, answer: FhirAnswer): FhirAnswer {
  if (ifNoneMatch === undefined || answer.version === undefined || !knows(ifNoneMatch, answer.version)) return answer;
  return { ...answer, status: 304, resource: undefined };
}

/** A patch travels in a Bundle as a Binary (FHIR R4, section 3.1.0.11.2 and 3.1.0.4). */
function patchIn(resource: unknown): unknown {
  const { resourceType, contentType, data } = (resource ?? {}) as { resourceType?: unknown; contentType?: unknown; data?: unknown };
  if (resourceType !== 'Binary' || contentType !== 'application/json-patch+json' || typeof data !== 'string') throw new PrimumError('fhir.invalid', 'a patch is a Binary of application/json-patch+json');
  try {
    return JSON.parse(Buffer.from(data, 'base64').toString());
  } catch {
    throw new PrimumError('fhir.invalid', 'the patch is not JSON');
  }
}

/**
 * All or nothing, in the order that the standard asks: conditions are looked up first, deletes, creates and updates are
 * one transaction of the database, reads come last. Links between entries follow the ids that are given.
 */
async function transaction(deps: BundleDeps, caller: FhirCaller, entries: readonly unknown[]): Promise<Bundle> {
  const asked = entries.map((entry, n) => readEntry(entry, n));
  const links = new Map<string, string>();
  const planned: { asked: Asked; operation: WriteOperation }[] = [];
  const standing = new Map<number, string>();
  const conditional = new Map<string, string>();
  const unsure: { asked: Asked; kind: 'create' | 'update'; id: string; mustMatch: number | undefined }[] = [];
  const patches: { asked: Asked; id: string }[] = [];
  const name = (n: number, fullUrl: string | undefined, target: string): void => {
    if (fullUrl === undefined) return;
    if (links.has(fullUrl)) throw new FhirIssues('fhir.invalid', [at(n, 'invalid', 'the fullUrl stands twice')]);
    links.set(fullUrl, target);
  };
  for (const one of asked) {
    const { n, method, type, id, query, request, fullUrl } = one;
    if (method === 'GET' || method === 'HEAD') continue;
    if (method === 'PATCH') {
      const target = id ?? await only(deps, caller, n, type, demandQuery(query));
      if (target === undefined) throw new FhirIssues('record.not-found', [at(n, 'not-found', 'nothing matches')]);
      name(n, fullUrl, `${type}/${target}`);
      patches.push({ asked: one, id: target });
      continue;
    }
    if (method === 'DELETE') {
      const found = id ?? await only(deps, caller, n, type, demandQuery(query));
      if (found !== undefined) planned.push({ asked: one, operation: { kind: 'delete', type, id: found, ...matched(request) } });
      continue;
    }
    if (method === 'POST' && id !== undefined) throw new FhirIssues('fhir.not-supported', [at(n, 'not-supported', 'POST to a resource')]);
    const condition = method === 'POST' ? request.ifNoneExist : id === undefined ? demandQuery(query) : undefined;
    const same = condition === undefined ? undefined : `${type}?${condition}`;
    // Two entries of one condition are one resource: the second finds what the first makes.
    const found = condition === undefined ? undefined : conditional.get(same!) ?? await only(deps, caller, n, type, condition); // made of the condition
    if (method === 'POST' && found !== undefined) {
      standing.set(n, found);
      if (fullUrl !== undefined) links.set(fullUrl, `${type}/${found}`);
      continue;
    }
    const becomes = method === 'POST' ? uuidv7() : id ?? found ?? idIn(one.resource) ?? uuidv7();
    if (same !== undefined) conditional.set(same, becomes);
    name(n, fullUrl, `${type}/${becomes}`);
    unsure.push({ asked: one, kind: method === 'POST' ? 'create' : 'update', id: becomes, mustMatch: matched(request).ifMatch });
  }
  const issues: OperationOutcome['issue'] = [];
  for (const { asked: one, id } of patches) {
    // Of the version that stands now, and written over no other.
    const { resource, version } = await deps.writes.patched(caller, one.type, id, patchIn(one.resource), matched(one.request)).catch((error: unknown) => { throw inEntry(error, one.n); });
    unsure.push({ asked: { ...one, id, resource }, kind: 'update', id, mustMatch: version });
  }
  for (const { asked: one, kind, id, mustMatch } of unsure) {
    try {
      const resource = await linked(deps, caller, links, resourceOf(one.resource, one.type));
      if (kind === 'update' && one.id !== undefined && resource.id !== id) throw new PrimumError('fhir.invalid', 'id is not that of the address');
      const valid = await deps.valid({ ...resource, id });
      planned.push({ asked: one, operation: kind === 'create' ? { kind, resource: valid } : { kind, resource: valid, ...(mustMatch === undefined ? {} : { ifMatch: mustMatch }) } });
    } catch (error) {
      if (!(error instanceof PrimumError) || errorCatalogue[error.code].http >= 500 || issues.length > 100) throw error;
      issues.push(...outcomeOf(error).issue.map((issue) => ({ ...issue, expression: (issue.expression ?? ['']).map((place) => `Bundle.entry[${one.n}].resource${place.replace(/^[A-Z][A-Za-z]*/, '')}`) })));
    }
  }
  if (issues.length > 0) throw new FhirIssues('fhir.invalid', issues);
  const written = await writeAll(deps, caller, planned.map(({ operation }) => operation));
  const answers = new Map<number, BundleEntry>();
  for (const [index, { asked: one, operation }] of planned.entries()) {
    const { type, id, version, at: when, outcome } = written[index]!; // a result for each operation
    const resource = operation.kind === 'delete' || caller.prefer.return !== 'representation' ? undefined : await deps.reads.shown(caller, { ...operation.resource, meta: { ...operation.resource.meta, versionId: String(version), lastUpdated: when.toISOString() } }, null);
    const status = outcome === 'created' ? 201 : operation.kind === 'delete' ? 204 : 200;
    answers.set(one.n, entryOf({ status, version, at: when, location: `${type}/${id}/_history/${version}`, ...(resource === undefined ? {} : { resource }) }, operation.kind === 'delete' ? undefined : `${caller.base}/${type}/${id}`));
  }
  for (const one of asked) {
    if (answers.has(one.n)) continue;
    const found = standing.get(one.n);
    if (found !== undefined) answers.set(one.n, entryOf({ status: 200, location: `${one.type}/${found}` }));
    else if (one.method === 'DELETE') answers.set(one.n, entryOf({ status: 204 }));
    else answers.set(one.n, entryOf(await interact(deps, caller, one)));
  }
  return bundleOf('transaction-response', { entry: asked.map(({ n }) => answers.get(n)!) }); // each was answered
}

/** Says which entry it was. */
function inEntry(error: unknown, n: number): unknown {
  if (!(error instanceof PrimumError) || errorCatalogue[error.code].http >= 500) return error;
  return new FhirIssues(error.code, outcomeOf(error).issue.map((issue) => ({ ...issue, expression: [`Bundle.entry[${n}]`] })));
}

const matched = (request: Asked['request']): { ifMatch?: number } => {
  const version = versionDemanded(request.ifMatch, request.ifNoneMatch);
  return version === undefined ? {} : { ifMatch: version };
};
const at = (n: number, code: NonNullable<OperationOutcome['issue'][number]['code']>, text: string): OperationOutcome['issue'][number] => ({ severity: 'error', code, details: { text }, expression: [`Bundle.entry[${n}]`] });

async function only(deps: BundleDeps, caller: FhirCaller, n: number, type: string, query: string): Promise<string | undefined> {
  const found = await deps.matching(caller, type, query);
  if (found.length > 1) throw new FhirIssues('fhir.several-match', [at(n, 'multiple-matches', 'more than one resource matches')]);
  return found[0];
}

function idIn(resource: unknown): string | undefined {
  const { id } = (resource ?? {}) as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

/** A copy whose links to other entries, and conditional references (`Patient?identifier=…`), lead to what they name. */
async function linked(deps: BundleDeps, caller: FhirCaller, links: ReadonlyMap<string, string>, resource: Resource): Promise<Resource> {
  const conditional: { holder: { reference: string }; type: string; query: string }[] = [];
  const walk = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return links.get(value) ?? (value.startsWith('<div') ? inNarrative(value, links) : value);
    if (typeof value !== 'object' || value === null) return value;
    if (depth > 60) throw new PrimumError('fhir.invalid', 'nested too deeply');
    if (Array.isArray(value)) return value.map((one) => walk(one, depth + 1));
    const copy: Record<string, unknown> = keepWritten(value, {});
    for (const [name, inner] of Object.entries(value)) copy[name] = walk(inner, depth + 1);
    const { reference } = copy;
    if (typeof reference === 'string') {
      const [, type, query] = /^([A-Z][A-Za-z]+)\?(.+)$/.exec(reference) ?? [];
      if (type !== undefined && query !== undefined) conditional.push({ holder: copy as { reference: string }, type, query });
      else if (reference.startsWith('urn:uuid:') || reference.startsWith('urn:oid:')) throw new PrimumError('record.reference-unknown', 'an entry that is not in the Bundle');
    }
    return copy;
  };
  const copy = walk(resource, 0) as Resource; // of the same shape
  for (const { holder, type, query } of conditional) {
    const found = await deps.matching(caller, type, query);
    if (found.length === 0) throw new PrimumError('record.reference-unknown', `${type}: nothing matches`);
    if (found.length > 1) throw new PrimumError('fhir.several-match', type);
    holder.reference = `${type}/${found[0]}`;
  }
  return copy;
}

/** A narrative's links to other entries lead to them as well (FHIR R4, section 3.1.0.11.2). */
function inNarrative(div: string, links: ReadonlyMap<string, string>): string {
  return div.replaceAll(/(?<=(?:href|src)=["'])urn:(?:uuid|oid):[0-9A-Za-z.-]+/g, (url) => links.get(url) ?? url);
}

function demandQuery(query: string): string {
  if (query === '') throw new PrimumError('fhir.invalid', 'neither an id nor a condition');
  return query;
}

function readEntry(entry: unknown, n: number): Asked {
  const { request, resource, fullUrl } = (typeof entry === 'object' && entry !== null ? entry : {}) as BundleEntry;
  const method = methods.find((known) => known === request?.method);
  const url = typeof request?.url === 'string' ? request.url : undefined;
  if (request === undefined || method === undefined || url === undefined) throw new FhirIssues('fhir.invalid', [at(n, 'required', 'request.method and request.url')]);
  for (const name of ['ifMatch', 'ifNoneExist', 'ifNoneMatch', 'ifModifiedSince'] as const) {
    if (request[name] !== undefined && typeof request[name] !== 'string') throw new FhirIssues('fhir.invalid', [at(n, 'value', `request.${name}`)]);
  }
  const [path = '', ...rest] = url.split('?');
  const [, type, id, version] = /^\/?([A-Z][A-Za-z]{1,39})(?:\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/(\d{1,9}))?)?$/.exec(path) ?? [];
  if (type === undefined) throw new FhirIssues('fhir.not-supported', [at(n, 'not-supported', 'request.url is no interaction that a Bundle may hold')]);
  return { n, method, type, id, version: version === undefined ? undefined : Number(version), query: rest.join('?'), resource, fullUrl: typeof fullUrl === 'string' ? fullUrl : undefined, request };
}

function entryOf({ status, version, at: when, location, resource }: FhirAnswer, fullUrl?: string): BundleEntry {
  return {
    ...(fullUrl === undefined ? {} : { fullUrl }),
    ...(resource === undefined ? {} : { resource: resource as Resource }), // as the interaction answered it
    response: { status: String(status), ...(location === undefined ? {} : { location }), ...(version === undefined ? {} : { etag: `W/"${version}"` }), ...(when === undefined ? {} : { lastModified: when.toISOString() }) },
  };
}

function failed(deps: BundleDeps, error: unknown): BundleEntry {
  const known = error instanceof PrimumError ? error : new PrimumError('internal.bug');
  if (errorCatalogue[known.code].http >= 500) deps.core.log.error('request failed', errorFields(error));
  return { response: { status: String(errorCatalogue[known.code].http), outcome: outcomeOf(known) } };
}
