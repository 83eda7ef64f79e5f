import { PrimumError } from '@primum/base';
import { readResource } from '@primum/record';
import { erasedPatientOf, withPhiReader } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { readerOf, textOf } from '../caller.ts';
import type { Call, Handler } from '../serve-api.ts';

/** FHIR read and vread of what the record holds. */
export function readFhir(core: Core): Record<'readResource' | 'readVersion', Handler> {
  const read = async (call: Call, version?: number): Promise<unknown> => {
    const type = textOf(call.params, 'type');
    const id = textOf(call.params, 'id');
    // Whose it is comes first: the reader is lent for that patient only.
    const [owner] = await core.db.query<{ patient_id: string | null }>('select patient_id from resource where tenant = $1 and type = $2 and id = $3 limit 1', [tenant, type, id]);
    if (owner === undefined) throw await erasedPatientOf(core.db, tenant, id) === undefined ? new PrimumError('record.not-found', type) : new PrimumError('record.erased');
    const scope = owner.patient_id === null ? { unassigned: true as const } : { patientIds: [owner.patient_id] };
    const stored = await withPhiReader(core, { tenant, principal: readerOf(call), purpose: call.purpose, action: 'resource.read', scope, resourceType: type, foreseen: { entities: [{ type, id }] } }, (reader) =>
      readResource(core.db, reader, { type, id, ...(version === undefined ? {} : { version }) }));
    void call.reply.header('etag', `W/"${stored.version}"`).header('last-modified', stored.recordedAt.toUTCString()).type('application/fhir+json');
    if (stored.deleted) throw new PrimumError('record.deleted', type);
    return stored.resource;
  };
  return {
    readResource: (call) => read(call),
    readVersion: (call) => {
      const version = call.params['version'];
      return read(call, typeof version === 'number' ? version : undefined);
    },
  };
}
