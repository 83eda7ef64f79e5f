import type { Db, Sql } from '@primum/store';
import { PrimumError, type Clock } from '@primum/base';
import type { Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Policy } from '../policy/policy.ts';
import type { Keys } from '../keys/keys.ts';
import { openAuditEvent, type Audit } from './audit.ts';
import { entitiesOf, type AuditEntity } from './audit-event.ts';

export type AuditQuery = {
  tenant: number;
  /** Without what the parts of Primum do by themselves. */
  peopleOnly?: boolean;
  patientId?: string;
  /** As the log names it: `user:NAME`, `system:NAME`, `cli:NAME`. */
  actor?: string;
  action?: string;
  outcome?: string;
  purpose?: string;
  from?: Date;
  to?: Date;
  /** What an earlier answer gave, to go on from there. */
  cursor?: string;
  /** At most 500; 100. */
  limit?: number;
};

/** `patientId` is null where the event names none or several; `patientIds` has them all. */
export type AuditRecord = {
  id: string; seq: number | null; at: Date; actor: string; action: string; outcome: string; purpose: string;
  patientId: string | null; patientIds: string[]; entities: AuditEntity[];
};

type Row = { id: string; seq: number | null; recorded_at: Date; actor: string; action: string; outcome: string; purpose: string; patient_id: string | null; patient_ids: string[] | null; sealed: Buffer };

/** The log, latest first, for who may read it (`audit.read`); reading it is on it too. */
export async function searchAudit(
  deps: { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy }, principal: Principal, query: AuditQuery,
): Promise<{ rows: AuditRecord[]; cursor: string | null }> {
  const { tenant, patientId } = query;
  const request = { tenant, principal, purpose: 'HCOMPL', action: 'audit.read' } as const;
  await requirePermission(deps, { ...request, authority: 'audit.read' });
  await deps.audit.write(deps.db, [{ ...request, outcome: 'success', at: deps.clock.now(), ...(patientId === undefined ? {} : { patientId }) }]);

  const limit = Math.min(500, Math.max(1, query.limit ?? 100));
  const rows = await searchRows(deps.db, query, limit + 1);
  const page = rows.slice(0, limit);
  return {
    rows: await Promise.all(page.map(async (row) => ({
      id: row.id, seq: row.seq, at: row.recorded_at, actor: row.actor, action: row.action, outcome: row.outcome, purpose: row.purpose,
      patientId: row.patient_id, patientIds: row.patient_ids ?? (row.patient_id === null ? [] : [row.patient_id]),
      entities: entitiesOf((await openAuditEvent(deps.keys, tenant, row.id, row.sealed)).event),
    }))),
    cursor: rows.length > limit ? page.at(-1)!.id : null,
  };
}

/** Rows as they stand, latest first. Who asks has been let pass, and is on the log. */
export async function searchRows(sql: Sql, query: AuditQuery, limit: number): Promise<Row[]> {
  const { where, values } = conditionsOf(query);
  return sql.query<Row>(
    `select id, seq, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, sealed
     from audit_event where ${where.join(' and ')} order by id desc limit ${limit}`,
    values,
  );
}

/** Only the conditions asked for stand in the statement, so that each shape of question finds its own index. */
function conditionsOf(query: AuditQuery): { where: string[]; values: unknown[] } {
  const values: unknown[] = [query.tenant];
  const where = ['tenant = $1'];
  const add = (value: unknown, condition: (parameter: string) => string): void => {
    values.push(value);
    where.push(condition(`$${values.length}`));
  };
  if (query.patientId !== undefined) add(query.patientId, (p) => `(patient_id = ${p}::uuid or patient_ids @> array[${p}::uuid])`);
  if (query.actor !== undefined) add(query.actor, (p) => `actor = ${p}`);
  // The index on persons leaves the system out: the planner must be told where this is none of it.
  if (query.peopleOnly === true || (query.actor !== undefined && !query.actor.startsWith('system:'))) where.push("actor not like 'system:%'");
  if (query.action !== undefined) add(query.action, (p) => `action = ${p}`);
  if (query.outcome !== undefined) add(query.outcome, (p) => `outcome = ${p}`);
  if (query.purpose !== undefined) add(query.purpose, (p) => `purpose = ${p}`);
  if (query.from !== undefined) add(firstIdAt(query.from), (p) => `id >= ${p}::uuid`);
  if (query.to !== undefined) add(firstIdAt(query.to), (p) => `id < ${p}::uuid`);
  if (query.cursor !== undefined) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(query.cursor)) throw new PrimumError('api.request-invalid', 'cursor');
    add(query.cursor, (p) => `id < ${p}::uuid`);
  }
  return { where, values };
}

/** Ids are UUIDv7 of the event's time: the lowest of a millisecond. */
export function firstIdAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
