import type { Resource } from '@medplum/fhirtypes';
import type { Sql } from '@primum/store';
import type { PhiReader } from '@primum/trust';
import { resourceAad } from '../resources/resource-rows.ts';

type Row = { type: string; id: string; version: number; patient_id: string; recorded_at: Date; body: Buffer };

const pageSize = 200;
const selectPage = `
select distinct on (type, id) type, id, version, patient_id, recorded_at, body
from resource where tenant = $1 and patient_id = any($2::uuid[]) and (type, id) > ($3, $4::uuid)
order by type, id, version desc limit $5`;

/**
 * Everything that the record holds of a person, in its last version, page by page: for a copy that the person asked for
 * (GDPR Articles 15 and 20, 45 CFR 164.524). Withdrawn ones are included; their status says so.
 */
export async function* recordCopy(sql: Sql, reader: PhiReader, memberIds: readonly string[]): AsyncGenerator<Resource> {
  let [type, id] = ['', '00000000-0000-0000-0000-000000000000'];
  for (;;) {
    const rows = await sql.query<Row>(selectPage, [reader.tenant, memberIds, type, id, pageSize]);
    for (const row of rows) {
      const plain = await reader.open(row.body, row.patient_id, resourceAad(reader.tenant, row.type, row.id, row.version));
      const resource = JSON.parse(plain.toString()) as Resource; // only resources are sealed under this aad
      yield { ...resource, meta: { ...resource.meta, versionId: String(row.version), lastUpdated: row.recorded_at.toISOString() } };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageSize) return;
    [type, id] = [last.type, last.id];
  }
}
