import type { Bundle, BundleEntry, Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import { openVersions, rowIdOf, typesOfNobodyFor, type VersionRow } from '@primum/record';
import { erasedPatientOf, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { bundleOf, type FhirCaller } from './interaction.ts';
import type { Reads } from './read.ts';

/** `count` at most a page; `before`: the cursor of a page's `next` link. */
export type HistoryQuery = { type?: string; id?: string; since?: Date; count: number; before?: { seq: number; id: string } };

/** FHIR history of one resource, of a type and of all that the caller may see, newest first (FHIR R4, section 3.1.0.8). */
export type History = (caller: FhirCaller, query: HistoryQuery) => Promise<Bundle>;

const columns = 'r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, r.seq, f.root_id';
type Row = VersionRow & { seq: number; root_id: string | null };

export function createHistory(core: Core, reads: Reads): History {
  return async (caller, query) => {
    const { type, id, since, count, before } = query;
    const rowId = id === undefined || type === undefined ? undefined : rowIdOf(core.keys, tenant, type, id);
    return withPhiReader(core, {
      tenant, principal: caller.principal, purpose: caller.purpose, action: 'resource.read', scope: { worklist: 'history', alsoUnassigned: true }, ...(type === undefined ? {} : { resourceType: type }),
    }, async (reader) => {
      const filter = reader.rowFilter({ alias: 'f', from: 9 });
      const types = type !== undefined ? [type] : (await core.db.query<{ type: string }>(`
        with recursive t(type) as (
          (select type from resource where tenant = $1 order by type limit 1)
          union all select (select r.type from resource r where r.tenant = $1 and r.type > t.type order by r.type limit 1) from t where t.type is not null)
        select type from t where type is not null`, [tenant])).map((row) => row.type);
      // The newest of each type, in order of its own index, then the newest of these.
      const rows = await core.db.query<Row>(`
        select v.* from unnest($2::text[]) as t(type) cross join lateral (
          select ${columns} from resource r left join patient_facts f on f.tenant = r.tenant and f.patient_id = r.patient_id
          where r.tenant = $1 and r.type = t.type and ($3::uuid is null or r.id = $3) and ($4::timestamptz is null or r.recorded_at >= $4)
            and ($5::bigint is null or (r.seq, r.id) < ($5, $6::uuid)) and ((r.patient_id is null and ($8::text[] is null or r.type = any($8))) or (${filter.sql}))
          order by r.seq desc, r.id desc, r.version desc limit $7) v
        order by v.seq desc, v.id desc, v.version desc limit $7`,
      [tenant, types, rowId ?? null, since ?? null, before?.seq ?? null, before?.id ?? null, count + 1, typesOfNobodyFor(caller.principal) ?? null, ...filter.values]);
      if (rowId !== undefined && rows.length === 0 && before === undefined && since === undefined) {
        throw await erasedPatientOf(core.db, tenant, rowId) === undefined ? new PrimumError('record.not-found', type) : new PrimumError('record.erased');
      }
      const page = rows.slice(0, count);
      const opened = await openVersions(reader, page);
      const entry: BundleEntry[] = [];
      for (const [index, stored] of opened.entries()) {
        const row = page[index]!; // as many as were opened
        const own = stored.resource.id ?? row.id;
        const resource = row.deleted ? undefined : await reads.shown(caller, stored.resource, row.root_id);
        const method = row.deleted ? 'DELETE' : row.version === 1 ? 'POST' : 'PUT';
        entry.push({
          fullUrl: `${caller.base}/${row.type}/${own}`,
          ...(resource === undefined || resource === null ? {} : { resource: resource as Resource }), // as the purpose sees it
          request: { method, url: method === 'POST' ? row.type : `${row.type}/${own}` },
          response: { status: method === 'POST' ? '201' : method === 'DELETE' ? '204' : '200', etag: `W/"${row.version}"`, lastModified: row.recorded_at.toISOString() },
        });
      }
      const path = [caller.base, type, id, '_history'].filter((part) => part !== undefined).join('/');
      const last = page.at(-1);
      const more = rows.length > count && last !== undefined ? [{ relation: 'next', url: `${path}?_count=${count}${since === undefined ? '' : `&_since=${encodeURIComponent(since.toISOString())}`}&_cursor=${last.seq}.${last.id}` }] : [];
      return bundleOf('history', { link: [{ relation: 'self', url: `${path}?_count=${count}` }, ...more], entry });
    });
  };
}
