import type { Resource } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import { discardParts, openVersions, parseSearch, searchResources, storeParts, stringifyFhir, subsetOf, visibility, type VersionRow } from '@primum/record';
import { scopesAllow, withPhiReader, type PhiReader } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { FhirCaller } from '../http/fhir/interaction.ts';
import type { Reads } from '../http/fhir/read.ts';
import { deletedBundles } from './export-deleted.ts';
import { addFile, advanceJob, principalOf, type BulkJob } from './jobs.ts';

export type ExportRequest = {
  level: 'system' | 'patient' | 'group';
  /** Row ids of a group's patients. */
  patientIds?: readonly string[];
  types: readonly string[] | null;
  since: string | null;
  elements: readonly string[];
  /** `Type?query` each, sealed: a filter's values may name somebody. */
  filters: string | null;
};
type Place = { type?: string; after?: string; cursor?: string };

/** Behind every type in order. */
const afterAll = '~';
const resourcesPerBatch = 500;
const resourcesPerFile = 100_000;
export const filtersAad = 'bulk-filters';

/**
 * FHIR Bulk Data export (STU 2): one file after the other, each written once it is whole together with how far the job
 * came, so that a process that ends loses one file's work. Types and ids are walked in order; memory holds a batch and a
 * part of a file. Of whom each batch was stands on the audit log before it is written into a file.
 */
export async function runExport(core: Core, reads: Reads, job: BulkJob, signal: AbortSignal): Promise<'finished' | 'cancelled'> {
  const request = job.request as ExportRequest; // as it was written when it was accepted
  const principal = await principalOf(core, job);
  const caller: FhirCaller = { principal, purpose: job.purpose, prefer: { handling: 'strict', respondAsync: true }, base: '', project: 'default' };
  const scopes = principal.kind === 'client' ? principal.scopes : principal.via?.scopes ?? [];
  const filters = request.filters === null ? [] : JSON.parse((await core.keys.open(tenant, Buffer.from(request.filters, 'base64'), filtersAad)).toString()) as string[]; // sealed by us
  const present = await typesPresent(core);
  const types = (request.types ?? present).filter((type) => present.includes(type) && scopesAllow(scopes, 'r', type) && seesType(reads, caller, type));
  let place = job.place as Place;
  for (const type of types) {
    // A blank after a type says that it is done.
    if (place.type !== undefined && type < place.type) continue;
    if (place.type !== type) place = { type };
    const own = filters.filter((filter) => filter.startsWith(`${type}?`));
    for (let more = true; more;) {
      let resources = 0;
      const walk: Walk = { place, more: true };
      const id = uuidv7();
      const content = await storeParts(core, tenant, { id, patientId: null }, (async function* () {
        while (walk.more && resources < resourcesPerFile) {
          if (signal.aborted) throw new Cancelled();
          const lines = await batch(core, reads, caller, request, type, own, walk);
          resources += lines.length;
          if (lines.length > 0) yield Buffer.from(`${lines.join('\n')}\n`);
          if (resources % 10_000 < resourcesPerBatch && !await advanceJob(core.db, job.id, { place, done: 0 })) throw new Cancelled();
        }
      })(), Number.MAX_SAFE_INTEGER).catch((error: unknown) => {
        if (error instanceof Cancelled) return null;
        throw error;
      });
      if (content === null) return 'cancelled';
      more = walk.more;
      place = more ? { ...walk.place, type } : { type };
      try {
        await core.db.transaction(async (tx) => {
          if (resources > 0) await addFile(tx, job.id, { kind: 'output', type, resources }, content);
          if (!await advanceJob(tx, job.id, { place: more ? place : { type: `${type} ` }, done: resources })) throw new Cancelled();
        });
      } catch (error) {
        await discardParts(core.objects, [content], error);
        if (error instanceof Cancelled) return 'cancelled';
        throw error;
      }
      await principalOf(core, job); // who may no longer gets no further file
    }
  }
  // After every type; a file of Bundles that delete.
  if (request.since !== null && place.type !== afterAll) {
    let entries = 0;
    const content = await storeParts(core, tenant, { id: uuidv7(), patientId: null }, (async function* () {
      for await (const bundle of deletedBundles(core, reads, caller, request, (request.types ?? await typesEver(core)).filter((type) => scopesAllow(scopes, 'r', type) && seesType(reads, caller, type)))) {
        if (signal.aborted) throw new Cancelled();
        entries += bundle.entries;
        yield Buffer.from(bundle.line);
      }
    })(), Number.MAX_SAFE_INTEGER).catch((error: unknown) => {
      if (error instanceof Cancelled) return null;
      throw error;
    });
    if (content === null) return 'cancelled';
    try {
      await core.db.transaction(async (tx) => {
        if (entries > 0) await addFile(tx, job.id, { kind: 'deleted', type: 'Bundle', resources: entries }, content);
        if (!await advanceJob(tx, job.id, { place: { type: afterAll }, done: 0 })) throw new Cancelled();
      });
    } catch (error) {
      await discardParts(core.objects, [content], error);
      if (error instanceof Cancelled) return 'cancelled';
      throw error;
    }
  }
  return 'finished';
}

class Cancelled extends Error {}
type Walk = { place: Place; more: boolean };

async function batch(core: Core, reads: Reads, caller: FhirCaller, request: ExportRequest, type: string, filters: readonly string[], walk: Walk): Promise<string[]> {
  const { principal, purpose } = caller;
  return withPhiReader(core, { tenant, principal, purpose, action: 'bulk.export', authority: 'record.export', scope: { worklist: 'export', alsoUnassigned: true }, resourceType: type }, async (reader) => {
    const found = filters.length === 0 ? await nextRows(core, reader, request, type, walk) : await nextFound(core, reader, request, type, filters, walk);
    const lines: string[] = [];
    for (const { resource, rootId } of found) {
      const shown = await reads.shown(caller, resource, rootId) as Resource | null; // as the purpose sees it
      if (shown !== null) lines.push(stringifyFhir(request.elements.length === 0 ? shown : subsetOf(shown as unknown as Record<string, unknown>, { elements: request.elements, summary: 'false' })));
    }
    return lines;
  });
}

type Found = { resource: Resource; rootId: string | null };

async function nextRows(core: Core, reader: PhiReader, request: ExportRequest, type: string, walk: Walk): Promise<Found[]> {
  const visible = visibility(reader);
  const { join, condition } = visible.of('s', false);
  const n = visible.values.length;
  const rows = await core.db.query<VersionRow & { root_id: string | null }>(`
    select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, p.root_id
    from resource_search s join resource r on r.tenant = s.tenant and r.type = s.type and r.id = s.id and r.version = s.version
    left join patient p on p.tenant = s.tenant and p.id = s.patient_id ${join}
    where s.tenant = $${n + 1} and s.type = $${n + 2} and s.id > coalesce($${n + 3}::uuid, '00000000-0000-0000-0000-000000000000') and ($${n + 4}::timestamptz is null or s.recorded_at >= $${n + 4})
      and ($${n + 5} = 'system' or s.patient_id is not null) and ($${n + 6}::uuid[] is null or s.patient_id = any($${n + 6})) and ${condition}
    order by s.id limit $${n + 7}`,
  [...visible.values, tenant, type, walk.place.after ?? null, request.since, request.level, request.patientIds ?? null, resourcesPerBatch]);
  walk.more = rows.length === resourcesPerBatch;
  const last = rows.at(-1);
  if (last !== undefined) walk.place = { ...walk.place, after: last.id };
  const opened = await openVersions(reader, rows);
  return opened.map(({ resource }, index) => ({ resource, rootId: rows[index]!.root_id })); // one for one
}

/** Filters are searches, one after the other; what several find is written once for each. */
async function nextFound(core: Core, reader: PhiReader, request: ExportRequest, type: string, filters: readonly string[], walk: Walk): Promise<Found[]> {
  const [n = 0, cursor] = walk.place.cursor === undefined ? [] : [Number(walk.place.cursor.split(' ')[0]), walk.place.cursor.split(' ')[1]];
  const query = filters[n]!.slice(type.length + 1);
  const pairs: [string, string][] = [...new URLSearchParams(query), ['_count', String(resourcesPerBatch)], ...(request.since === null ? [] : [['_lastUpdated', `ge${request.since}`] as [string, string]]), ...(cursor === undefined || cursor === '' ? [] : [['_cursor', cursor] as [string, string]])];
  const page = await searchResources(core, reader, [parseSearch(type, pairs, 'strict')], { base: '' });
  const next = page.next === undefined ? (n + 1 < filters.length ? `${n + 1} ` : undefined) : `${n} ${page.next}`;
  walk.more = next !== undefined;
  if (next !== undefined) walk.place = { ...walk.place, cursor: next };
  return page.matches.filter(({ patientId }) => (request.level === 'system' || patientId !== null) && (request.patientIds === undefined || (patientId !== null && request.patientIds.includes(patientId))));
}

function seesType(reads: Reads, { purpose }: FhirCaller, type: string): boolean {
  try {
    reads.demandType(purpose, type);
    return true;
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'policy.view-missing') return false;
    throw error;
  }
}

/** Also types of which nothing is left. */
async function typesEver({ db }: Core): Promise<string[]> {
  const rows = await db.query<{ type: string }>('select distinct type from resource where tenant = $1 and deleted', [tenant]);
  return rows.map(({ type }) => type);
}

async function typesPresent({ db }: Core): Promise<string[]> {
  const rows = await db.query<{ type: string }>(`
    with recursive t(type) as (
      (select type from resource_search where tenant = $1 order by type limit 1)
      union all select (select s.type from resource_search s where s.tenant = $1 and s.type > t.type order by s.type limit 1) from t where t.type is not null)
    select type from t where type is not null order by type collate "C"`, [tenant]);
  return rows.map(({ type }) => type);
}
