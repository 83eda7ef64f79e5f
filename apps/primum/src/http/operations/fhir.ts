import { PrimumError } from '@primum/base';
import { loadPurposeViews, readResource, viewFor } from '@primum/record';
import { dateShiftOf, erasedPatientOf, pseudonymOf, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { readerOf, textOf } from '../caller.ts';
import type { Call, Handler } from '../serve-api.ts';

/** FHIR read and vread of what the record holds, as far as the purpose needs it (policies/views.json). */
export function readFhir(core: Core): Record<'readResource' | 'readVersion', Handler> {
  const views = loadPurposeViews();
  const read = async (call: Call, version?: number): Promise<unknown> => {
    const type = textOf(call.params, 'type');
    const id = textOf(call.params, 'id');
    // Whose it is comes first: the reader is lent for that patient only.
    const [owner] = await core.db.query<{ patient_id: string | null; root_id: string | null }>(
      `select r.patient_id, p.root_id from resource r left join patient p on p.tenant = r.tenant and p.id = r.patient_id
       where r.tenant = $1 and r.type = $2 and r.id = $3 limit 1`, [tenant, type, id]);
    if (owner === undefined) throw await erasedPatientOf(core.db, tenant, id) === undefined ? new PrimumError('record.not-found', type) : new PrimumError('record.erased');
    const scope = owner.patient_id === null ? { unassigned: true as const } : { patientIds: [owner.patient_id] };
    const view = views[call.purpose];
    if (view !== undefined && view.types[type] === undefined) throw new PrimumError('policy.view-missing', type);
    const project = view === undefined ? '' : await projectOf(core, call);
    const stored = await withPhiReader(core, { tenant, principal: readerOf(call), purpose: call.purpose, action: 'resource.read', scope, resourceType: type, foreseen: { entities: [{ type, id }] } }, (reader) =>
      readResource(core.db, reader, { type, id, ...(version === undefined ? {} : { version }) }));
    void call.reply.header('etag', `W/"${stored.version}"`).type('application/fhir+json');
    if (view?.shiftDates !== true) void call.reply.header('last-modified', stored.recordedAt.toUTCString());
    if (stored.deleted) throw new PrimumError('record.deleted', type);
    if (view === undefined) return stored.resource;
    return viewFor(view, stored.resource, {
      now: core.clock.now(), shiftDays: dateShiftOf(core.keys, tenant, project, owner.root_id ?? ''),
      pseudonym: (ofType, ofId) => pseudonymOf(core.keys, tenant, project, ofType, ofId),
    });
  };
  return {
    readResource: (call) => read(call),
    readVersion: (call) => {
      const version = call.params['version'];
      return read(call, typeof version === 'number' ? version : undefined);
    },
  };
}

/**
 * The research project whose pseudonyms are shown: the header `x-research-project`, one of the person's groups, else one
 * for all. A project that anybody could name would give dates away: each moves them otherwise, and the mean of many is true.
 */
async function projectOf({ db, audit, clock }: Core, call: Call): Promise<string> {
  const said = call.request.headers['x-research-project'] ?? 'default';
  if (typeof said !== 'string' || !/^[a-z0-9][a-z0-9-]{0,39}$/.test(said)) throw new PrimumError('api.request-invalid', 'x-research-project');
  const principal = readerOf(call);
  if (said === 'default' || (principal.kind === 'user' && principal.groups?.includes(said) === true)) return said;
  await audit.write(db, [{ tenant, principal, purpose: call.purpose, action: 'resource.read', outcome: 'minor-failure', at: clock.now(), entities: [{ type: 'refusal', id: 'research-project' }] }]);
  throw new PrimumError('auth.forbidden', 'x-research-project');
}
