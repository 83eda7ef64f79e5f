import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Parameters, ParametersParameter } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { openParts, parseSearch, rowIdOf } from '@primum/record';
import { scopesAllow, withPhiReader } from '@primum/trust';
import { beginJob, fileContent, filesOf, ownerOf, ownJob, stepJob, type BulkFile } from '../../bulk/jobs.ts';
import { filtersAad, type ExportRequest } from '../../bulk/run-export.ts';
import type { ImportRequest } from '../../bulk/run-jobs.ts';
import { tenant } from '../../core.ts';
import { readerOf, textOf } from '../caller.ts';
import { createBinaries } from '../fhir/binary.ts';
import { baseOf, preferenceOf } from '../fhir/exchange.ts';
import { createFhirDeps } from '../fhir/fhir-deps.ts';
import { answered, fhirCaller, resourceOf, type FhirCaller } from '../fhir/interaction.ts';
import { isResourceType } from '../fhir/known-types.ts';
import { createWrites } from '../fhir/write.ts';
import type { HandlerDeps } from '../handler-deps.ts';
import type { Call, Handler } from '../serve-api.ts';

type BulkRoute = 'createBinary' | 'updateBinary' | 'readBinary' | 'readBinaryVersion' | `export${'All' | 'Patients'}${'' | 'ByPost'}` | 'exportGroup' | 'importAll' | 'bulkStatus' | 'cancelBulk' | 'bulkFile';

const ndjson = 'application/fhir+ndjson';
const maxGroup = 100_000;

/** FHIR Bulk Data Access (STU 2): export, import, their jobs; and contents of their own type. */
export function bulkOperations({ core, fhir, bulk }: HandlerDeps): Record<BulkRoute, Handler> {
  const deps = createFhirDeps(core, fhir);
  const binaries = createBinaries(deps);
  const writes = createWrites(deps);
  const serve = async (call: Call, version?: number): Promise<unknown> => {
    const answer = await binaries.serve(callerFor(call), call, textOf(call.params, 'id'), version);
    return answer === undefined ? undefined : answered(call, answer);
  };
  /** A body of FHIR JSON is a Binary resource; any other is its content. */
  const isResource = (call: Call): boolean => !(call.body instanceof Readable);

  const accept = async (call: Call, job: { kind: 'export' | 'import'; request: ExportRequest | ImportRequest }): Promise<unknown> => {
    const principal = readerOf(call);
    const owner = ownerOf(principal);
    const id = await core.db.transaction(async (tx) => {
      const made = await beginJob(tx, { ...job, owner, purpose: call.purpose });
      await core.audit.write(tx, [{ tenant, principal, purpose: call.purpose, action: `bulk.${job.kind}-asked`, outcome: 'success', at: core.clock.now(), entities: [{ type: 'bulk-job', id: made }] }]);
      return made;
    });
    bulk.kick();
    void call.reply.code(202).header('content-location', `${baseOf(call)}/bulk/${id}`);
    return { resourceType: 'OperationOutcome', issue: [{ severity: 'information', code: 'informational', details: { text: 'accepted: ask at Content-Location' } }] };
  };
  const exporting = (level: ExportRequest['level']): Handler => async (call) => {
    if (!preferenceOf(call.request).respondAsync) throw new PrimumError('bulk.async-needed');
    const request = exportRequest(core, call, level);
    return accept(call, { kind: 'export', request: level === 'group' ? { ...request, patientIds: await membersOf(callerFor(call), textOf(call.params, 'id')) } : request });
  };
  const membersOf = async (caller: FhirCaller, id: string): Promise<string[]> => {
    const { resource } = await deps.reads.read(caller, { type: 'Group', id });
    const { member = [] } = resource as { member?: { entity?: { reference?: string }; inactive?: boolean }[] }; // a read answers a resource
    const ids = member.flatMap(({ entity, inactive }) => (inactive === true ? [] : /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(entity?.reference ?? '')?.[1] ?? []));
    if (ids.length > maxGroup) throw new PrimumError('record.too-many', `a group of more than ${maxGroup}`);
    // What came under a number that was merged with a member's is the member's.
    const named = ids.map((one) => rowIdOf(core.keys, tenant, 'Patient', one));
    const merged = await core.db.query<{ id: string }>('select g.id from patient p join patient g on g.tenant = p.tenant and g.root_id = p.root_id where p.tenant = $1 and p.id = any($2::uuid[])', [tenant, named]);
    return [...new Set([...named, ...merged.map((one) => one.id)])];
  };
  const job = (call: Call): ReturnType<typeof ownJob> => ownJob(core.db, textOf(call.params, 'job'), ownerOf(readerOf(call)));

  return {
    createBinary: async (call) => answered(call, isResource(call) ? await writes.create(callerFor(call), 'Binary', call.body) : await binaries.store(callerFor(call), call, null)),
    updateBinary: async (call) => answered(call, isResource(call) ? await writes.update(callerFor(call), 'Binary', textOf(call.params, 'id'), call.body) : await binaries.store(callerFor(call), call, textOf(call.params, 'id'))),
    readBinary: (call) => serve(call),
    readBinaryVersion: (call) => serve(call, Number(call.params['version'])),
    exportAll: exporting('system'),
    exportAllByPost: exporting('system'),
    exportPatients: exporting('patient'),
    exportPatientsByPost: exporting('patient'),
    exportGroup: exporting('group'),
    importAll: async (call) => {
      if (!preferenceOf(call.request).respondAsync) throw new PrimumError('bulk.async-needed');
      return accept(call, { kind: 'import', request: importRequest(call.body) });
    },
    bulkStatus: async (call) => {
      const { id, kind, status, done, failed, reason, asOf, expiresAt, request } = await job(call);
      if (status === 'accepted' || status === 'running') {
        void call.reply.code(202).header('x-progress', `${done} resources, ${failed} refused`).header('retry-after', '1');
        return undefined;
      }
      if (status === 'cancelled') throw new PrimumError('bulk.not-found');
      if (status === 'failed') throw new PrimumError('bulk.remote-failed', reason ?? 'internal.bug');
      const files = await filesOf(core.db, id);
      const base = baseOf(call);
      const listed = (of: BulkFile['kind']): object[] => files.filter((file) => file.kind === of).map(({ n, type, resources }) => ({ type: of === 'error' ? 'OperationOutcome' : type, url: `${base}/bulk/${id}/${n}`, count: resources }));
      if (expiresAt !== null) void call.reply.header('expires', expiresAt.toUTCString());
      const asked = kind === 'export' ? `${base}/${(request as ExportRequest).level === 'system' ? '' : (request as ExportRequest).level === 'patient' ? 'Patient/' : 'Group/'}$export` : `${base}/$import`;
      return { transactionTime: asOf.toISOString(), request: asked, requiresAccessToken: true, output: listed('output'), ...(kind === 'export' ? { deleted: listed('deleted') } : {}), error: listed('error'), ...(kind === 'import' ? { extension: { imported: done, refused: failed } } : {}) };
    },
    cancelBulk: async (call) => {
      const { id } = await job(call);
      const principal = readerOf(call);
      await core.db.transaction(async (tx) => {
        await stepJob(tx, id, 'cancel');
        await core.audit.write(tx, [{ tenant, principal, purpose: call.purpose, action: 'bulk.cancelled', outcome: 'success', at: core.clock.now(), entities: [{ type: 'bulk-job', id }] }]);
      });
      void call.reply.code(202);
      return undefined;
    },
    bulkFile: async (call) => {
      const { id, kind, purpose, status } = await job(call);
      if (status !== 'finished') throw new PrimumError('bulk.not-found'); // cancelled, also by an erasure: its files are about to go
      const n = Number(call.params['n']);
      const content = await fileContent(core.db, id, n);
      const principal = readerOf(call);
      const { raw } = call.reply;
      await withPhiReader(core, { tenant, principal, purpose, action: 'bulk.file-read', authority: kind === 'export' ? 'record.export' : 'record.import', scope: { unassigned: true }, foreseen: { entities: [{ type: 'bulk-job', id }, { type: 'bulk-file', id: String(n) }] } }, async (reader) => {
        const parts = openParts(reader, core.objects, content);
        // What can't be opened is said before the answer begins; later it is cut off, which the length tells.
        const first = await parts.next();
        call.reply.hijack();
        raw.writeHead(200, { 'content-type': ndjson, 'content-length': String(content.size) });
        await pipeline(Readable.from((async function* () {
          if (first.done !== true) yield first.value;
          yield* parts;
        })()), raw).catch(() => { raw.destroy(); });
      });
      return undefined;
    },
  };
}

/** What `Accept` says is the content's, or of a file. */
const callerFor = (call: Call): FhirCaller => fhirCaller({ ...call, request: Object.assign(Object.create(call.request) as Call['request'], { headers: { ...call.request.headers, accept: '*/*' }, query: {} }) });

const known = new Set(['_type', '_since', '_typeFilter', '_elements', '_outputFormat', '_format']);

function exportRequest({ keys }: HandlerDeps['core'], call: Call, level: ExportRequest['level']): ExportRequest {
  const pairs = call.request.method === 'POST' ? pairsOf(call.body) : [...new URLSearchParams(call.request.url.split('?')[1] ?? '')];
  const unknown = pairs.find(([name]) => !known.has(name));
  if (unknown !== undefined && preferenceOf(call.request).handling === 'strict') throw new PrimumError('fhir.not-supported', `a parameter of export: ${unknown[0].slice(0, 40)}`);
  const all = (name: string): string[] => pairs.filter(([of]) => of === name).flatMap(([, value]) => value.split(',')).filter((one) => one !== '');
  const [format] = all('_outputFormat');
  if (format !== undefined && !/^(application\/)?(fhir[+ ])?ndjson$/.test(format)) throw new PrimumError('api.not-acceptable', 'NDJSON');
  const types = all('_type');
  if (types.some((type) => !isResourceType(type))) throw new PrimumError('api.request-invalid', '_type');
  const since = all('_since')[0];
  const at = since === undefined ? undefined : new Date(since);
  if (Number.isNaN(at?.getTime())) throw new PrimumError('api.request-invalid', '_since');
  const filters = pairs.filter(([name]) => name === '_typeFilter').map(([, value]) => value);
  for (const filter of filters) {
    const [, type, query] = /^([A-Z][A-Za-z]+)\?(.+)$/.exec(filter) ?? [];
    if (type === undefined || query === undefined || !isResourceType(type)) throw new PrimumError('api.request-invalid', '_typeFilter');
    parseSearch(type, [...new URLSearchParams(query)], 'strict');
  }
  const principal = readerOf(call);
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes ?? [] : [];
  if (types.some((type) => !scopesAllow(scopes, 'r', type))) throw new PrimumError('auth.scope-insufficient');
  return {
    level, types: types.length === 0 ? null : types.toSorted(), since: at?.toISOString() ?? null, elements: all('_elements').map((one) => one.split('.').at(-1)!), // split gives one at least
    filters: filters.length === 0 ? null : keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify(filters)), filtersAad).toString('base64'),
  };
}

function pairsOf(body: unknown): [string, string][] {
  const { parameter = [] } = resourceOf(body, 'Parameters') as Parameters;
  return parameter.map((one) => [one.name, String(valueOf(one) ?? '')]);
}

const valueOf = (parameter: ParametersParameter): unknown => Object.entries(parameter).find(([name]) => name.startsWith('value'))?.[1];

const maxInputs = 1_000;
/** Patients first: whoever is spoken of must be on record. */
const firstTypes = ['Patient', 'Organization', 'Practitioner', 'PractitionerRole', 'Location'];

/** Parameters with `input` of `type` and `url` each, or the JSON of the bulk import proposal (`inputs`). */
function importRequest(body: unknown): ImportRequest {
  const { resourceType, inputs: plain, parameter = [] } = (typeof body === 'object' && body !== null ? body : {}) as { resourceType?: unknown; inputs?: unknown; parameter?: ParametersParameter[] };
  const said: unknown = resourceType === 'Parameters' ? parameter.filter(({ name }) => name === 'input').map(({ part = [] }) => Object.fromEntries(part.map((one) => [one.name, valueOf(one)]))) : plain;
  const isInput = (one: unknown): one is { type: string; url: string } => {
    const { type, url } = (one ?? {}) as { type?: unknown; url?: unknown };
    return typeof type === 'string' && isResourceType(type) && typeof url === 'string' && url.length < 4_000;
  };
  if (!Array.isArray(said) || said.length === 0 || said.length > maxInputs || !said.every(isInput)) throw new PrimumError('api.request-invalid', 'inputs, each with type and url');
  const rank = ({ type }: { type: string }): number => (firstTypes.indexOf(type) + firstTypes.length + 1) % (firstTypes.length + 1);
  return { inputs: said.map(({ type, url }) => ({ type, url })).toSorted((a, b) => rank(a) - rank(b)) };
}
