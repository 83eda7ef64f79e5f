import type { Resource } from '@medplum/fhirtypes';
import { PrimumError } from '@primum/base';
import type { Db } from '@primum/store';
import type { Keys } from '@primum/trust';
import { writeSearchRows, type SearchIndex } from '../repository/write-versions.ts';
import { resourceAad } from '../resources/resource-rows.ts';

export type ReindexDeps = { db: Db; keys: Keys; search: SearchIndex };

/** Where a walk is: behind this resource. */
export type ReindexPosition = { type: string; id: string };

export type ReindexOptions = {
  /** Also what has a row already: after a change of what parameters read. */
  all?: boolean;
  /** Goes on behind this place. */
  from?: ReindexPosition;
  /** Resources looked at in one transaction; 500. */
  chunk?: number;
  onChunk?(at: ReindexPosition, indexed: number): void;
};

type Row = { type: string; id: string; version: number; patient_id: string | null; seq: number; deleted: boolean; body: Buffer; standing: number | null };

/**
 * Makes the rows that resources are found by, for those that lack one: stored before there was a search, or by another
 * definition of a parameter. May be ended at any point and begun again. Whoever writes waits while a chunk is made, some
 * tens of milliseconds, so that no row can be made of what has just been replaced. How many rows were made.
 */
export async function reindex({ db, keys, search }: ReindexDeps, tenant: number, { all = false, from = { type: '', id: '00000000-0000-0000-0000-000000000000' }, chunk = 500, onChunk }: ReindexOptions = {}): Promise<number> {
  let indexed = 0;
  for (let at: ReindexPosition | undefined = from; at !== undefined;) {
    const behind: ReindexPosition = at;
    at = await db.transaction(async (tx) => {
      await tx.query('lock table resource_search in share row exclusive mode');
      const rows = await tx.query<Row>(`
        select r.*, s.version as standing from (
          select distinct on (type, id) type, id, version, patient_id, seq, deleted, body from resource
          where tenant = $1 and (type, id) > ($2, $3) order by type, id, version desc limit $4) r
        left join resource_search s on s.tenant = $1 and s.type = r.type and s.id = r.id`, [tenant, behind.type, behind.id, chunk]);
      const due = rows.filter(({ version, deleted, standing }) => !deleted && (all || standing !== version));
      const found = (await Promise.all(due.map(async ({ type, id, version, patient_id, body }) => {
        const resource = await opened(keys, tenant, body, resourceAad(tenant, type, id, version));
        return resource === null ? [] : [{ type, id, version, patientId: patient_id, messageId: null, values: search.extract(resource) }];
      }))).flat();
      const [types, ids] = [found.map(({ type }) => type), found.map(({ id }) => id)];
      await tx.query('delete from resource_search s using unnest($2::text[], $3::uuid[]) as t(type, id) where s.tenant = $1 and s.type = t.type and s.id = t.id', [tenant, types, ids]);
      await writeSearchRows(tx, tenant, 0, found);
      // As when they were written, and not now.
      await tx.query(`update resource_search s set seq = r.seq, recorded_at = r.recorded_at from unnest($2::text[], $3::uuid[]) as t(type, id), resource r
        where s.tenant = $1 and s.type = t.type and s.id = t.id and r.tenant = s.tenant and r.type = s.type and r.id = s.id and r.version = s.version`, [tenant, types, ids]);
      indexed += found.length;
      const last = rows.reduce<Row | undefined>((a, b) => (a === undefined || b.type > a.type || (b.type === a.type && b.id > a.id) ? b : a), undefined);
      return last === undefined ? undefined : { type: last.type, id: last.id };
    });
    if (at !== undefined) onChunk?.(at, indexed);
  }
  return indexed;
}

/** Null for what was erased. */
async function opened(keys: Keys, tenant: number, body: Buffer, aad: string): Promise<Resource | null> {
  try {
    return JSON.parse((await keys.open(tenant, body, aad)).toString()) as Resource; // only resources are sealed under this aad
  } catch (error) {
    if (error instanceof PrimumError && error.code === 'trust.key-missing') return null;
    throw error;
  }
}
