import type { Resource } from '@medplum/fhirtypes';
import type { Sql } from '@primum/store';
import type { Keys, KeyScope } from '@primum/trust';
import { stringifyFhir } from './exact-decimals.ts';

/** What a sealed resource body is bound to, so that no body can stand in for another. */
export const resourceAad = (tenant: number, type: string, id: string, version: number): string => `resource|${tenant}|${type}|${id}|${version}`;

/** A version of a resource. `patientId` is whose key seals it; null where it speaks of no patient or of several. */
export type ResourceRow = { type: string; id: string; version: number; patientId: string | null; messageId: string | null; body: Resource; deleted?: boolean };

export type SealedRow = Omit<ResourceRow, 'body'> & { sealed: Buffer };

/** Seals bodies under their patients' keys, which must have been ensured. `breathe` is awaited between rows. */
export async function sealResources(keys: Pick<Keys, 'seal'>, tenant: number, rows: readonly ResourceRow[], breathe?: () => Promise<void> | undefined): Promise<SealedRow[]> {
  const sealed: SealedRow[] = [];
  for (const { body, ...row } of rows) {
    const scope: KeyScope = row.patientId === null ? { kind: 'tenant' } : { kind: 'patient', patientId: row.patientId };
    sealed.push({ ...row, sealed: keys.seal(tenant, scope, Buffer.from(stringifyFhir(body)), resourceAad(tenant, row.type, row.id, row.version)) });
    await breathe?.();
  }
  return sealed;
}

/**
 * Writes new versions in one statement, under the locks of their patients. The bodies travel as one binary value that
 * the database cuts, since an array of bytea would be written out as hexadecimal text and read back.
 */
export async function writeResourceRows(tx: Sql, tenant: number, seq: number, rows: readonly SealedRow[]): Promise<void> {
  if (rows.length === 0) return;
  const { bytes, starts, lengths } = joinBytes(rows.map(({ sealed }) => sealed));
  await tx.query(`
    insert into resource (tenant, type, id, version, patient_id, seq, message_id, deleted, body)
    select $1, t.type, t.id, t.version, t.patient_id, $2, t.message_id, t.deleted, substring($9::bytea from t.start for t.length)
    from unnest($3::text[], $4::uuid[], $5::int[], $6::uuid[], $7::uuid[], $8::boolean[], $10::int[], $11::int[])
      as t(type, id, version, patient_id, message_id, deleted, start, length)`,
  [
    tenant, seq, rows.map(({ type }) => type), rows.map(({ id }) => id), rows.map(({ version }) => version),
    rows.map(({ patientId }) => patientId), rows.map(({ messageId }) => messageId), rows.map(({ deleted }) => deleted ?? false), bytes, starts, lengths,
  ]);
}

/** Several values as one, with where each begins (counted from 1, as SQL does) and how long it is. */
export function joinBytes(values: readonly Uint8Array[]): { bytes: Buffer; starts: number[]; lengths: number[] } {
  const starts: number[] = [];
  let at = 1;
  for (const { length } of values) {
    starts.push(at);
    at += length;
  }
  return { bytes: Buffer.concat(values), starts, lengths: values.map(({ length }) => length) };
}
