import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Binary } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import { contentOfBinary, discardParts, insertContent, openParts, patientIdOf, rowIdOf, storeParts, writeResources, type StoredContent, type WriteOperation } from '@primum/record';
import { requirePermission, scopesAllow, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { writeDepsOf } from '../../fhir.ts';
import { streamsBody } from '../body-time.ts';
import type { Call } from '../serve-api.ts';
import { headerOf } from './exchange.ts';
import type { FhirDeps } from './fhir-deps.ts';
import type { FhirAnswer, FhirCaller } from './interaction.ts';

/** The longest Binary that is also answered as JSON, in base64. */
const longestAsJson = 8 * 1024 * 1024;

export const maxContentBytes = (env: NodeJS.ProcessEnv = process.env): number => Number(env['PRIMUM_MAX_CONTENT_GIB'] ?? 4) * 1024 ** 3;

/** FHIR Binary in its own content type (FHIR R4, Binary, "Serving Binary Resources using the RESTful API"): streamed both ways. */
export type Binaries = {
  /** The body as it comes; whose it is says `X-Security-Context: Patient/ID`. */
  store(caller: FhirCaller, call: Call, id: string | null): Promise<FhirAnswer>;
  /** Answers by itself where the content goes out as it is; gives the resource where JSON is asked for. */
  serve(caller: FhirCaller, call: Call, id: string, version?: number): Promise<FhirAnswer | undefined>;
};

export function createBinaries({ core, fhir, reads }: FhirDeps): Binaries {
  return {
    async store(caller, call, id) {
      const contentType = headerOf(call, 'content-type');
      if (contentType === undefined || contentType.length > 200) throw new PrimumError('api.request-invalid', 'Content-Type');
      const context = headerOf(call, 'x-security-context');
      const binary: Binary = { resourceType: 'Binary', id: id ?? uuidv7(), contentType, ...(context === undefined ? {} : { securityContext: { reference: context } }) };
      const patient = patientIdOf(binary);
      if (context !== undefined && patient === null) throw new PrimumError('api.request-invalid', 'X-Security-Context names no Patient');
      const patientId = patient === null ? null : rowIdOf(core.keys, tenant, 'Patient', patient);
      await demandBefore(core, caller, id === null ? 'c' : 'u', patientId);
      const operation: WriteOperation = id === null ? { kind: 'create', resource: binary } : { kind: 'update', resource: binary };
      const body = call.body instanceof Readable ? call.body : Readable.from([]);
      streamsBody(call.request.raw);
      const content = await storeParts(core, tenant, { id: uuidv7(), patientId }, body, maxContentBytes());
      try {
        const [written] = await writeResources(writeDepsOf(core, fhir), {
          tenant, principal: caller.principal, purpose: caller.purpose,
          within: (tx, [one]) => insertContent(tx, tenant, content, { resourceId: rowIdOf(core.keys, tenant, 'Binary', binary.id!), version: one!.version }), // one operation, one result
        }, [id === null ? operation : { ...operation, resource: { ...binary, meta: { tag: [{ system: 'urn:primum:content', code: content.id }] } } }]);
        const { version, at, outcome } = written!; // as above
        return { status: outcome === 'created' ? 201 : 200, version, at, location: `${caller.base}/Binary/${binary.id}/_history/${version}` };
      } catch (error) {
        await discardParts(core.objects, [content], error);
        throw error;
      }
    },

    async serve(caller, call, id, version) {
      const answer = await reads.read(caller, { type: 'Binary', id, ...(version === undefined ? {} : { version }) });
      const binary = answer.resource as Binary; // a read answers a resource
      const content = await contentOfBinary(core.db, tenant, rowIdOf(core.keys, tenant, 'Binary', id), answer.version ?? 1);
      if (content === null && binary.data === undefined) return answer;
      const accept = call.request.headers.accept ?? '*/*';
      if (/application\/(fhir\+)?json/.test(accept)) {
        if (content === null) return answer;
        if (content.size > longestAsJson) throw new PrimumError('api.not-acceptable', 'too long for JSON: ask for its own content type');
        const bytes = await opened(core, caller, content, async (parts) => Buffer.concat(await Array.fromAsync(parts)));
        return { ...answer, resource: { ...binary, data: bytes.toString('base64') } };
      }
      const size = content?.size ?? Buffer.byteLength(binary.data!, 'base64'); // one of both is there
      const range = rangeOf(headerOf(call, 'range'), size);
      if (range === 'beyond') {
        void call.reply.header('content-range', `bytes */${size}`);
        throw new PrimumError('api.range-unsatisfiable');
      }
      const { raw } = call.reply;
      call.reply.hijack();
      raw.writeHead(range === null ? 200 : 206, {
        'content-type': safeType(binary.contentType), 'content-length': String(range === null ? size : range.end - range.start), 'accept-ranges': 'bytes', 'content-disposition': 'attachment',
        ...(range === null ? {} : { 'content-range': `bytes ${range.start}-${range.end - 1}/${size}` }), etag: `W/"${answer.version}"`, ...(answer.at === undefined ? {} : { 'last-modified': answer.at.toUTCString() }),
      });
      const { start, end } = range ?? { start: 0, end: size };
      if (content === null) raw.end(Buffer.from(binary.data!, 'base64').subarray(start, end));
      // An answer that has begun can't turn into an error: it is cut off, which the length says.
      else await opened(core, caller, content, (parts) => pipeline(Readable.from(parts), raw), start, end).catch(() => { raw.destroy(); });
      return undefined;
    },
  };
}

/** Who may not write it shall not first send gigabytes. Asked again where it is written. */
async function demandBefore(core: Core, { principal, purpose }: FhirCaller, letter: 'c' | 'u', patientId: string | null): Promise<void> {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  if (scopes !== undefined && !scopesAllow(scopes, letter, 'Binary')) throw new PrimumError('auth.scope-insufficient');
  const asked = { tenant, principal, purpose, action: 'resource.write' };
  if (patientId === null) return void await requirePermission(core, { ...asked, authority: 'record.define' });
  const [known] = await core.db.query('select from patient where tenant = $1 and id = $2', [tenant, patientId]);
  if (known === undefined) throw new PrimumError('record.reference-unknown', 'Patient');
  await requirePermission(core, { ...asked, authority: 'record.write', patientIds: [patientId] });
  await core.keys.ensure(tenant, [{ kind: 'patient', patientId }]);
}

function opened<T>(core: Core, { principal, purpose }: FhirCaller, content: StoredContent, work: (parts: AsyncGenerator<Buffer>) => Promise<T>, start?: number, end?: number): Promise<T> {
  const { patientId } = content;
  return withPhiReader(core, { tenant, principal, purpose, action: 'content.read', scope: patientId === null ? { unassigned: true } : { patientIds: [patientId] }, resourceType: 'Binary', foreseen: { entities: [{ type: 'content', id: content.id }] } },
    (reader) => work(openParts(reader, core.objects, content, start, end)));
}

/** One range of bytes (RFC 9110, section 14.2); null: all of it; 'beyond': none of it (section 15.5.17). */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | 'beyond' | null {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (from === '' && to === '') return null;
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from);
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1);
  return start >= end ? 'beyond' : { start, end };
}

/** As it was sent, unless a browser would run it. */
const safeType = (type: string | undefined): string => (type === undefined || /html|svg|xml|javascript|ecmascript/i.test(type) || !/^[\w.+-]+\/[\w.+-]+(;[\w\s.="+-]*)?$/.test(type) ? 'application/octet-stream' : type);
