import { PrimumError } from '@primum/base';
import { loadPurposeViews, openVersions, rowIdOf, typesOfNobodyFor, viewFor, type Disguise, type VersionRow } from '@primum/record';
import { dateShiftOf, erasedPatientOf, pseudonymOf, withPhiReader, type Purpose } from '@primum/trust';
import type { Resource } from '@medplum/fhirtypes';
import { tenant, type Core } from '../../core.ts';
import type { FhirAnswer, FhirCaller } from './interaction.ts';

export type Reads = {
  read(caller: FhirCaller, at: { type: string; id: string; version?: number }): Promise<FhirAnswer>;
  /** Throws policy.view-missing where the purpose sees nothing of a type; whether what it sees is all there is. */
  demandType(purpose: Purpose, type: string): 'whole' | 'part';
  /** A resource as the caller's purpose sees it (policies/views.json); null where it sees none of its type. `rootId`: whose dates it moves with. */
  shown(caller: FhirCaller, resource: Resource, rootId: string | null): Promise<unknown>;
};

/** FHIR read and vread of what the record holds, as far as the purpose needs it (policies/views.json). */
export function createReads(core: Core): Reads {
  const views = loadPurposeViews();
  const disguiseOf = (project: string, rootId: string | null): Disguise => ({
    now: core.clock.now(), shiftDays: dateShiftOf(core.keys, tenant, project, rootId ?? ''), pseudonym: (type, id) => pseudonymOf(core.keys, tenant, project, type, id),
  });
  return {
    async read(caller, { type, id, version }) {
      const rowId = rowIdOf(core.keys, tenant, type, id);
      // Sealed as it is; whose it is decides whether a reader is lent that may open it.
      const [row] = await core.db.query<VersionRow & { root_id: string | null }>(
        `select r.type, r.id, r.version, r.patient_id, r.recorded_at, r.deleted, r.body, p.root_id from resource r left join patient p on p.tenant = r.tenant and p.id = r.patient_id
         where r.tenant = $1 and r.type = $2 and r.id = $3 and ($4::int is null or r.version = $4) order by r.version desc limit 1`, [tenant, type, rowId, version ?? null], { point: true });
      if (row === undefined) throw await erasedPatientOf(core.db, tenant, rowId) === undefined ? new PrimumError('record.not-found', type) : new PrimumError('record.erased');
      if (row.patient_id === null && typesOfNobodyFor(caller.principal)?.includes(type) === false) throw new PrimumError('record.not-found', type);
      const scope = row.patient_id === null ? { unassigned: true as const } : { patientIds: [row.patient_id] };
      const view = views[caller.purpose];
      if (view !== undefined && view.types[type] === undefined) throw new PrimumError('policy.view-missing', type);
      const project = view === undefined ? '' : await projectOf(core, caller);
      const stored = await withPhiReader(core, { tenant, principal: caller.principal, purpose: caller.purpose, action: 'resource.read', scope, resourceType: type, foreseen: { entities: [{ type, id: rowId }] } },
        async (reader) => (await openVersions(reader, [row]))[0]!); // one for one
      if (stored.deleted) throw new PrimumError('record.deleted', type);
      const resource = view === undefined ? stored.resource : viewFor(view, stored.resource, disguiseOf(project, row.root_id));
      return { status: 200, resource, version: stored.version, ...(view?.shiftDates === true ? {} : { at: stored.recordedAt }) };
    },
    demandType(purpose, type) {
      const view = views[purpose];
      if (view !== undefined && view.types[type] === undefined) throw new PrimumError('policy.view-missing', type);
      return view === undefined ? 'whole' : 'part';
    },
    async shown(caller, resource, rootId) {
      const view = views[caller.purpose];
      return view === undefined ? resource : viewFor(view, resource, disguiseOf(await projectOf(core, caller), rootId));
    },
  };
}

/**
 * The research project whose pseudonyms are shown: the header `x-research-project`, one of the person's groups, else one
 * for all. A project that anybody could name would give dates away: each moves them otherwise, and the mean of many is true.
 */
async function projectOf({ db, audit, clock }: Core, { project, principal, purpose }: FhirCaller): Promise<string> {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(project)) throw new PrimumError('api.request-invalid', 'x-research-project');
  if (project === 'default' || (principal.kind === 'user' && principal.groups?.includes(project) === true)) return project;
  await audit.write(db, [{ tenant, principal, purpose, action: 'resource.read', outcome: 'minor-failure', at: clock.now(), entities: [{ type: 'refusal', id: 'research-project' }] }]);
  throw new PrimumError('auth.forbidden', 'x-research-project');
}
