import type { Resource } from '@medplum/fhirtypes';
import type { CompiledView, ViewRow } from '@primum/datasets';
import { openVersions, visibility, type VersionRow } from '@primum/record';
import { withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { FhirCaller } from '../http/fhir/interaction.ts';
import type { Reads } from '../http/fhir/read.ts';
import { openKeptRows } from './kept-views.ts';

export type ViewRun = {
  view: CompiledView;
  /** Row id of the ViewDefinition whose kept rows are read; absent: made from the resources now. */
  keptAs?: string;
  /** Row id of the one patient whose resources are read. */
  patientId?: string;
  since?: Date;
  /** Rows at most. */
  limit?: number;
};

const resourcesPerBatch = 500;

/**
 * The rows of a view over what the caller may see, batch by batch in the order of recording. Whose resources a batch is
 * of stands on the audit log before its rows are handed on. Rows are of resources as the purpose sees them.
 */
export async function* runView(core: Core, reads: Reads, caller: FhirCaller, run: ViewRun): AsyncGenerator<ViewRow[]> {
  const { view, keptAs, patientId, since, limit = Infinity } = run;
  const { principal, purpose } = caller;
  let after: { seq: number; id: string } | undefined;
  let left = limit;
  while (left > 0) {
    const { rows, last } = await withPhiReader(core, { tenant, principal, purpose, action: 'view.read', scope: { worklist: 'view', alsoUnassigned: true }, resourceType: view.resource }, async (reader) => {
      const visible = visibility(reader);
      const { join, condition } = visible.of('s', patientId !== undefined);
      const { values } = visible;
      const n = values.length;
      const found = await core.db.query<VersionRow & { seq: number; root_id: string | null; sealed: Buffer | null }>(`
        select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, s.seq, p.root_id${keptAs === undefined ? ', null as sealed' : ', k.sealed'}
        from resource_search s join resource r on r.tenant = s.tenant and r.type = s.type and r.id = s.id and r.version = s.version left join patient p on p.tenant = s.tenant and p.id = s.patient_id ${join}
        ${keptAs === undefined ? '' : `left join kept_view_rows k on k.tenant = s.tenant and k.view_id = $${n + 8} and k.resource_id = s.id`}
        where s.tenant = $${n + 1} and s.type = $${n + 2} and ($${n + 3}::bigint is null or (s.seq, s.id) > ($${n + 3}, $${n + 4}::uuid))
          and ($${n + 5}::uuid is null or s.patient_id = $${n + 5}) and ($${n + 6}::timestamptz is null or s.recorded_at >= $${n + 6}) and ${condition}
        order by s.seq, s.id limit $${n + 7}`,
      [...values, tenant, view.resource, after?.seq ?? null, after?.id ?? null, patientId ?? null, since ?? null, resourcesPerBatch, ...(keptAs === undefined ? [] : [keptAs])]);
      const made: ViewRow[] = [];
      if (keptAs === undefined) {
        for (const [index, { resource }] of (await openVersions(reader, found)).entries()) {
          const shown = await reads.shown(caller, resource, found[index]!.root_id) as Resource | null; // as the purpose sees it
          if (shown !== null) made.push(...view.rows(shown));
        }
      } else {
        made.push(...await openKeptRows(reader, found.flatMap(({ id, patient_id, sealed }) => (sealed === null ? [] : [{ view_id: keptAs, resource_id: id, patient_id, sealed }]))));
      }
      const end = found.at(-1);
      return { rows: made, last: found.length < resourcesPerBatch || end === undefined ? undefined : { seq: end.seq, id: end.id } };
    });
    yield rows.slice(0, left);
    left -= rows.length;
    if (last === undefined) return;
    after = last;
  }
}
