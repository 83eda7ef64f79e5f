import type { Resource } from '@medplum/fhirtypes';
import { writeOutbox, type OutboxEvent, type Sql } from '@primum/store';
import type { Keys } from '@primum/trust';
import { sealResources, writeResourceRows, type ResourceRow } from '../resources/resource-rows.ts';

/** What a resource is found by (migration 0014). `at`: its main clinical date, epoch milliseconds. */
export type SearchValues = {
  tokens: readonly bigint[];
  at: { lo: number; hi: number } | null;
  ranges: readonly { param: number; lo: number; hi: number }[];
};

export type SearchIndex = { extract(resource: Resource): SearchValues };

export type WriteVersionsDeps = { tx: Sql; keys: Pick<Keys, 'seal'>; search: SearchIndex };

const resourcesPerEvent = 500;

/**
 * Writes versions of resources and what they are found by, and announces them as `resource.changed` { seq, resources:
 * [type, row id, version, deleted][] }, in the caller's transaction: under the locks of their patients, whose keys have
 * been ensured. Of several versions of one resource the last of the list is the current one. `announced`: what else is
 * announced, before it. `breathe` is awaited between.
 */
export async function writeVersions(
  deps: WriteVersionsDeps, tenant: number, seq: number, rows: readonly ResourceRow[],
  { announced = [], breathe }: { announced?: readonly OutboxEvent[]; breathe?: () => Promise<void> | undefined } = {},
): Promise<void> {
  if (rows.length === 0) {
    await writeOutbox(deps.tx, announced);
    return;
  }
  const { tx, keys } = deps;
  const current = [...new Map(rows.map((row) => [`${row.type}/${row.id}`, row])).values()];
  const found: Found[] = [];
  for (const { body, ...row } of current) {
    if (row.deleted === true) continue;
    found.push({ ...row, values: deps.search.extract(body) });
    await breathe?.();
  }
  const sealed = await sealResources(keys, tenant, rows, breathe);
  await Promise.all([
    writeResourceRows(tx, tenant, seq, sealed),
    writeSearchRows(tx, tenant, seq, found),
    removeSearchRows(tx, tenant, current.filter(({ deleted }) => deleted === true)),
    writeOutbox(tx, [...announced, ...Array.from({ length: Math.ceil(current.length / resourcesPerEvent) }, (_, part) => ({
      tenant, topic: 'resource.changed',
      payload: { seq, resources: current.slice(part * resourcesPerEvent, (part + 1) * resourcesPerEvent).map(({ type, id, version, deleted }) => [type, id, version, deleted ?? false]) },
    }))]),
  ]);
}

type Found = Omit<ResourceRow, 'body'> & { values: SearchValues };

/** Arrays of arrays travel as text, which PostgreSQL reads as one array a row. */
export async function writeSearchRows(tx: Sql, tenant: number, seq: number, rows: readonly Found[]): Promise<void> {
  if (rows.length === 0) return;
  const list = (values: readonly (bigint | number)[]): string => `{${values.join(',')}}`;
  const instant = (ms: number | undefined): number | null => (ms === undefined || !Number.isFinite(ms) ? null : ms / 1_000);
  await tx.query(`
    insert into resource_search as s (tenant, type, id, version, patient_id, seq, recorded_at, at, at_end, tokens, range_param, range_lo, range_hi)
    select $1, t.type, t.id, t.version, t.patient_id, $2, now(), to_timestamp(t.at), to_timestamp(t.at_end), t.tokens::bigint[], t.param::int[], t.lo::float8[], t.hi::float8[]
    from unnest($3::text[], $4::uuid[], $5::int[], $6::uuid[], $7::float8[], $8::float8[], $9::text[], $10::text[], $11::text[], $12::text[])
      as t(type, id, version, patient_id, at, at_end, tokens, param, lo, hi)
    on conflict (tenant, type, id) do update set version = excluded.version, patient_id = excluded.patient_id, seq = excluded.seq, recorded_at = excluded.recorded_at,
      at = excluded.at, at_end = excluded.at_end, tokens = excluded.tokens, range_param = excluded.range_param, range_lo = excluded.range_lo, range_hi = excluded.range_hi
    where s.version < excluded.version`,
  [
    tenant, seq, rows.map(({ type }) => type), rows.map(({ id }) => id), rows.map(({ version }) => version), rows.map(({ patientId }) => patientId),
    rows.map(({ values: { at } }) => instant(at?.lo)), rows.map(({ values: { at } }) => instant(at?.hi)), rows.map(({ values: { tokens } }) => list(tokens)),
    rows.map(({ values: { ranges } }) => list(ranges.map(({ param }) => param))), rows.map(({ values: { ranges } }) => list(ranges.map(({ lo }) => lo))),
    rows.map(({ values: { ranges } }) => list(ranges.map(({ hi }) => hi))),
  ]);
}

async function removeSearchRows(tx: Sql, tenant: number, rows: readonly Pick<ResourceRow, 'type' | 'id'>[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query('delete from resource_search s using unnest($2::text[], $3::uuid[]) as t(type, id) where s.tenant = $1 and s.type = t.type and s.id = t.id',
    [tenant, rows.map(({ type }) => type), rows.map(({ id }) => id)]);
}
