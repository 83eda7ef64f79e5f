import type { Resource } from '@medplum/fhirtypes';
import type { Sql } from '@primum/store';
import type { Keys } from '@primum/trust';

/** What a sealed resource body is bound to, so that no body can stand in for another. */
export const resourceAad = (tenant: number, type: string, id: string, version: number): string => `resource|${tenant}|${type}|${id}|${version}`;

/** A version of a resource. `patientId` is whose key seals it; null where it speaks of no patient or of several. */
export type ResourceRow = { type: string; id: string; version: number; patientId: string | null; messageId: string | null; body: Resource; deleted?: boolean };

/**
 * Writes new versions, sealed, in one statement. The patients' keys must have been ensured. A version that exists is a
 * fault (`record.version-conflict` cannot arise under the patients' locks).
 */
export async function writeResources(deps: { tx: Sql; keys: Pick<Keys, 'seal'> }, tenant: number, seq: number, rows: readonly ResourceRow[]): Promise<void> {
  if (rows.length === 0) return;
  const sealed = rows.map(({ type, id, version, patientId, body }) => deps.keys.seal(
    tenant, patientId === null ? { kind: 'tenant' } : { kind: 'patient', patientId }, Buffer.from(JSON.stringify(body)), resourceAad(tenant, type, id, version),
  ));
  await deps.tx.query(`
    insert into resource (tenant, type, id, version, patient_id, seq, message_id, deleted, body)
    select $1, t.type, t.id, t.version, t.patient_id, $2, t.message_id, t.deleted, t.body
    from unnest($3::text[], $4::uuid[], $5::int[], $6::uuid[], $7::uuid[], $8::boolean[], $9::bytea[])
      as t(type, id, version, patient_id, message_id, deleted, body)`,
  [
    tenant, seq, rows.map(({ type }) => type), rows.map(({ id }) => id), rows.map(({ version }) => version),
    rows.map(({ patientId }) => patientId), rows.map(({ messageId }) => messageId), rows.map(({ deleted }) => deleted ?? false), sealed,
  ]);
}
