import type { Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Sql } from '@primum/store';
import type { PhiReader } from '@primum/trust';
import { parseFhir } from './exact-decimals.ts';
import { resourceAad } from './resource-rows.ts';

/** As `resource` has it. */
export type VersionRow = { type: string; id: string; version: number; patient_id: string | null; recorded_at: Date; deleted: boolean; body: Buffer };

/** A version of a resource, opened. `deleted`: what it says was withdrawn. */
export type StoredResource = { resource: Resource; version: number; recordedAt: Date; deleted: boolean };

const columns = 'type, id, version, patient_id, recorded_at, deleted, body';

/** FHIR read and vread. Errors: record.not-found, record.erased. */
export async function readResource(sql: Sql, reader: PhiReader, at: { type: string; id: string; version?: number }): Promise<StoredResource> {
  const [row] = await sql.query<VersionRow>(
    `select ${columns} from resource where tenant = $1 and type = $2 and id = $3 and ($4::int is null or version = $4) order by version desc limit 1`,
    [reader.tenant, at.type, at.id, at.version ?? null],
  );
  if (row === undefined) throw new PrimumError('record.not-found', at.type);
  return open(reader, row);
}

/** FHIR history of one resource, newest first. */
export async function readHistory(sql: Sql, reader: PhiReader, at: { type: string; id: string; limit?: number }): Promise<StoredResource[]> {
  const rows = await sql.query<VersionRow>(
    `select ${columns} from resource where tenant = $1 and type = $2 and id = $3 order by version desc limit $4`,
    [reader.tenant, at.type, at.id, Math.min(at.limit ?? 100, 1_000)],
  );
  return Promise.all(rows.map((row) => open(reader, row)));
}

/** Opens rows that were read, in their order. Throws record.erased where a key is gone. */
export async function openVersions(reader: PhiReader, rows: readonly VersionRow[]): Promise<StoredResource[]> {
  const opened: StoredResource[] = [];
  for (const row of rows) opened.push(await open(reader, row));
  return opened;
}

async function open(reader: PhiReader, row: VersionRow): Promise<StoredResource> {
  const aad = resourceAad(reader.tenant, row.type, row.id, row.version);
  reader.note({ ...(row.patient_id === null ? {} : { patientId: row.patient_id }), entities: [{ type: row.type, id: row.id }] });
  const plain = row.patient_id === null ? await reader.openUnassigned(row.body, aad) : await opened(reader, row.body, row.patient_id, aad);
  const resource = parseFhir(plain.toString()) as Resource; // only resources are sealed under this aad
  resource.meta = { ...resource.meta, versionId: String(row.version), lastUpdated: row.recorded_at.toISOString() };
  return { resource, version: row.version, recordedAt: row.recorded_at, deleted: row.deleted };
}

async function opened(reader: PhiReader, body: Buffer, patientId: string, aad: string): Promise<Buffer> {
  try {
    return await reader.open(body, patientId, aad);
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') throw new PrimumError('record.erased');
    throw error;
  }
}
