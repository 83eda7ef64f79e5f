import type { DataClass } from '@primum/contract';
import { PrimumError, uuidv7, type Clock } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { Keys } from '../keys/keys.ts';
import type { KeyScope } from '../keys/key-scope.ts';
import type { UserPrincipal } from '../access/principal.ts';

/**
 * A legal hold: what is under one is neither erased nor disposed of, whatever the schedule says, until it is released.
 * On one patient (by the root of merged records, at that time) or on a class of data.
 */
export type Hold = { id: string; patientId: string | null; dataClass: DataClass | null; placedAt: Date; releasedAt: Date | null };
export type HeldThing = { patientId: string; dataClass?: undefined } | { dataClass: DataClass; patientId?: undefined };
export type HoldDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock };

type Row = { id: string; patient_id: string | null; data_class: DataClass | null; placed_at: Date; released_at: Date | null; sealed_reason: Buffer };

const columns = 'id, patient_id, data_class, placed_at, released_at, sealed_reason';
const holdAad = (tenant: number, id: string): string => `legal-hold|${tenant}|${id}`;

export async function placeHold(deps: HoldDeps, tenant: number, principal: UserPrincipal, thing: HeldThing, reason: string): Promise<Hold & { reason: string }> {
  const { db, keys, audit, clock } = deps;
  const at = clock.now();
  const id = uuidv7(at.getTime());
  const scope: KeyScope = thing.patientId === undefined ? { kind: 'tenant' } : { kind: 'patient', patientId: thing.patientId };
  await keys.ensure(tenant, [scope]);
  const sealed = keys.seal(tenant, scope, Buffer.from(reason), holdAad(tenant, id));
  await db.transaction(async (tx) => {
    await tx.query('insert into legal_hold (tenant, id, patient_id, data_class, placed_at, placed_by, sealed_reason) values ($1, $2, $3, $4, $5, $6, $7)',
      [tenant, id, thing.patientId ?? null, thing.dataClass ?? null, at, principal.userId, sealed]);
    await audit.write(tx, [{ ...auditOf(tenant, principal, id, thing.patientId ?? null, at), action: 'legal-hold.placed' }]);
  });
  return { id, patientId: thing.patientId ?? null, dataClass: thing.dataClass ?? null, placedAt: at, releasedAt: null, reason };
}

/** Throws rights.not-found where none of this id stands. */
export async function releaseHold(deps: HoldDeps, tenant: number, principal: UserPrincipal, id: string): Promise<Hold & { reason: string }> {
  const { db, audit, clock } = deps;
  const at = clock.now();
  const row = await db.transaction(async (tx) => {
    const [released] = await tx.query<Row>(
      `update legal_hold set released_at = $3, released_by = $4 where tenant = $1 and id = $2 and released_at is null returning ${columns}`, [tenant, id, at, principal.userId]);
    if (released === undefined) throw new PrimumError('rights.not-found');
    await audit.write(tx, [{ ...auditOf(tenant, principal, id, released.patient_id, at), action: 'legal-hold.released' }]);
    return released;
  });
  return opened(deps.keys, tenant, row);
}

/** All holds, or those on some patients; the newest first, at most 500. */
export async function listHolds(deps: { db: Sql; keys: Keys }, tenant: number, patientIds?: readonly string[]): Promise<(Hold & { reason: string })[]> {
  const rows = await deps.db.query<Row>(
    `select ${columns} from legal_hold where tenant = $1 and ($2::uuid[] is null or patient_id = any($2)) order by placed_at desc limit 500`, [tenant, patientIds ?? null]);
  return Promise.all(rows.map((row) => opened(deps.keys, tenant, row)));
}

/** Whether a hold stands on any of these patients. */
export async function isHeld(sql: Sql, tenant: number, patientIds: readonly string[]): Promise<boolean> {
  const rows = await sql.query('select from legal_hold where tenant = $1 and patient_id = any($2::uuid[]) and released_at is null limit 1', [tenant, patientIds]);
  return rows.length > 0;
}

export async function heldClasses(sql: Sql, tenant: number): Promise<ReadonlySet<DataClass>> {
  const rows = await sql.query<{ data_class: DataClass }>('select distinct data_class from legal_hold where tenant = $1 and data_class is not null and released_at is null', [tenant]);
  return new Set(rows.map(({ data_class }) => data_class));
}

async function opened(keys: Keys, tenant: number, row: Row): Promise<Hold & { reason: string }> {
  const reason = (await keys.open(tenant, row.sealed_reason, holdAad(tenant, row.id))).toString();
  return { id: row.id, patientId: row.patient_id, dataClass: row.data_class, placedAt: row.placed_at, releasedAt: row.released_at, reason };
}

function auditOf(tenant: number, principal: UserPrincipal, id: string, patientId: string | null, at: Date): Omit<Parameters<Audit['write']>[1][number], 'action'> {
  return { tenant, principal, purpose: 'HCOMPL', outcome: 'success', at, entities: [{ type: 'legal-hold', id }], ...(patientId === null ? {} : { patientId }) };
}
