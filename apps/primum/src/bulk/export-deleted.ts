import type { Bundle } from '@medplum/fhirtypes';
import { openVersions, stringifyFhir, typesOfNobodyFor, type VersionRow } from '@primum/record';
import { withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { FhirCaller } from '../http/fhir/interaction.ts';
import type { Reads } from '../http/fhir/read.ts';
import type { ExportRequest } from './run-export.ts';

const entriesPerBundle = 500;

/**
 * What was deleted since `request.since`, as lines of Bundles of DELETE entries (FHIR Bulk Data Access 2.0.0, "Deleted
 * resources"): who keeps a copy removes it there. Of what the caller may see, ids as the purpose sees them.
 */
export async function* deletedBundles(core: Core, reads: Reads, caller: FhirCaller, request: ExportRequest, types: readonly string[]): AsyncGenerator<{ line: string; entries: number }> {
  let after: { type: string; id: string } | undefined;
  for (;;) {
    const entry = await withPhiReader(core, { tenant, principal: caller.principal, purpose: caller.purpose, action: 'bulk.export', authority: 'record.export', scope: { worklist: 'export', alsoUnassigned: true } }, async (reader) => {
      const filter = reader.rowFilter({ alias: 'f', from: 9 });
      const rows = await core.db.query<VersionRow & { root_id: string | null }>(`
        select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, p.root_id
        from resource r left join patient p on p.tenant = r.tenant and p.id = r.patient_id left join patient_facts f on f.tenant = r.tenant and f.patient_id = r.patient_id
        where r.tenant = $1 and r.type = any($2::text[]) and r.deleted and r.recorded_at >= $3 and not exists (select from resource n where n.tenant = r.tenant and n.type = r.type and n.id = r.id and n.version > r.version)
          and ($4 = 'system' or r.patient_id is not null) and ($5::uuid[] is null or r.patient_id = any($5)) and ($6::text is null or (r.type, r.id) > ($6, $7::uuid))
          and ((r.patient_id is null and ($8::text[] is null or r.type = any($8))) or (${filter.sql}))
        order by r.type, r.id limit ${entriesPerBundle}`,
      [tenant, types, request.since, request.level, request.patientIds ?? null, after?.type ?? null, after?.id ?? null, typesOfNobodyFor(caller.principal) ?? null, ...filter.values]);
      after = rows.at(-1);
      const opened = await openVersions(reader, rows);
      return Promise.all(opened.map(async ({ resource }, n) => {
        const { type, id, root_id: rootId } = rows[n]!; // one for one
        const shown = await reads.shown(caller, { resourceType: type, id: resource.id ?? id } as typeof resource, rootId) as { id?: string } | null; // its id alone
        return shown?.id === undefined ? [] : [{ request: { method: 'DELETE' as const, url: `${type}/${shown.id}` } }];
      })).then((all) => ({ read: rows.length, all: all.flat() }));
    });
    if (entry.all.length > 0) yield { line: `${stringifyFhir({ resourceType: 'Bundle', type: 'transaction', entry: entry.all } satisfies Bundle)}\n`, entries: entry.all.length };
    if (entry.read < entriesPerBundle) return;
  }
}
