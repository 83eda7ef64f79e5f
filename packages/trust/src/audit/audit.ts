import { hash, randomBytes } from 'node:crypto';
import type { AuditEvent } from '@medplum/fhirtypes';
import { assert, uuidv7 } from '@primum/base';
import type { Db, Sql } from '@primum/store';
import { actorOf } from '../access/principal.ts';
import type { Keys } from '../keys/keys.ts';
import { auditEvent, patientsOf, type AuditInput } from './audit-event.ts';

/**
 * The audit log. `write` puts events on it in the caller's transaction, all in one statement: what is audited and its
 * audit are committed together or not at all. A failure to audit is a failure of what was to be audited.
 */
export type Audit = { write(tx: Sql, events: readonly AuditInput[]): Promise<void> };

/** Patients and other entities of one event; who touches more writes several events. */
export const maxEntitiesPerEvent = 2_000;
const saltBytes = 16;
/** Rows of one statement. */
const maxRows = 64;
/** Group commits under way at once: while one waits for the disk, the next gathers. */
const maxFlushes = 2;

type AuditRow = {
  tenant: number; id: string; recordedAt: Date; actor: string; action: string; outcome: string; purpose: string;
  patientId: string | null; patientIds: readonly string[] | null; leaf: Buffer; sealed: Buffer;
};

/** With `db`, events written to it outside of any transaction share their commits: see `createGroupCommit`. */
export function createAudit(deps: { keys: Keys; db?: Db }): Audit {
  const { db } = deps;
  const gathered = db === undefined ? undefined : createGroupCommit((rows) => insertRows(db, rows));
  return {
    write: async (tx, events) => {
      if (events.length === 0) return;
      const rows = events.map((event) => auditRow(deps.keys, event));
      const all = async (sql: Sql): Promise<void> => {
        for (let at = 0; at < rows.length; at += maxRows) await insertRows(sql, rows.slice(at, at + maxRows));
      };
      if (tx !== db || gathered === undefined) await all(tx);
      else await (rows.length <= maxRows ? gathered(rows) : db.transaction(all));
    },
  };
}

const columns = 11;
/** One statement per number of rows: plain parameters go over the wire as they are, arrays would be written out as text. */
const statements = Array.from({ length: maxRows }, (_unused, index) => `insert into audit_event (tenant, id, recorded_at, actor, action, outcome, purpose, patient_id, patient_ids, leaf, sealed) values ${
  Array.from({ length: index + 1 }, (_row, row) => `(${Array.from({ length: columns }, (_column, column) => `$${row * columns + column + 1}`).join(', ')})`).join(', ')}`);

async function insertRows(sql: Sql, rows: readonly AuditRow[]): Promise<void> {
  await sql.query(statements[rows.length - 1]!, rows.flatMap((row) => [
    row.tenant, row.id, row.recordedAt.toISOString(), row.actor, row.action, row.outcome, row.purpose,
    row.patientId, row.patientIds === null ? null : `{${row.patientIds.join(',')}}`, row.leaf, row.sealed,
  ]));
}

/**
 * Group commit: rows that come while a commit waits for the disk go into the next one together. Every caller returns after
 * the commit of its own rows; a batch that fails fails each of its callers.
 */
function createGroupCommit(insert: (rows: readonly AuditRow[]) => Promise<void>): (rows: readonly AuditRow[]) => Promise<void> {
  type Waiting = { rows: readonly AuditRow[]; settle: (error?: unknown) => void };
  let waiting: Waiting[] = [];
  let flushing = 0;
  const take = (): Waiting[] => {
    let rows = 0;
    let count = 0;
    while (count < waiting.length && rows + waiting[count]!.rows.length <= maxRows) rows += waiting[count++]!.rows.length;
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  };
  const flush = async (): Promise<void> => {
    flushing += 1;
    while (waiting.length > 0) {
      const batch = take();
      try {
        await insert(batch.flatMap(({ rows }) => rows));
        for (const { settle } of batch) settle();
      } catch (error) {
        for (const { settle } of batch) settle(error);
      }
    }
    flushing -= 1;
  };
  return (rows) => new Promise((resolve, reject) => {
    waiting.push({ rows, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    if (flushing < maxFlushes) void flush();
  });
}

/**
 * A row of the log. `leaf` is the RFC 6962 (section 2.1) leaf hash SHA-256(0x00 ‖ salt ‖ canonical event), a commitment
 * that tells nothing once the salt is gone; `sealed` holds salt ‖ canonical event under the tenant's key. The id is a
 * UUIDv7 of the event's time, so that the primary key is also the order in time.
 */
export function auditRow(keys: Keys, input: AuditInput): AuditRow {
  assert((input.entities?.length ?? 0) + (input.patientIds?.length ?? 0) <= maxEntitiesPerEvent, 'too many entities in one audit event');
  const id = uuidv7(input.at.getTime());
  const patients = patientsOf(input);
  const content = Buffer.concat([randomBytes(saltBytes), Buffer.from(JSON.stringify(auditEvent(id, input)))]);
  return {
    tenant: input.tenant,
    id,
    recordedAt: input.at,
    actor: input.principal.kind === 'unknown' ? 'unknown' : actorOf(input.principal),
    action: input.action,
    outcome: input.outcome,
    purpose: input.purpose,
    patientId: patients.length === 1 ? patients[0]! : null,
    patientIds: patients.length > 1 ? patients : null,
    leaf: leafHash(content),
    sealed: keys.seal(input.tenant, { kind: 'tenant' }, content, auditAad(id)),
  };
}

function leafHash(saltAndEvent: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([leafPrefix, saltAndEvent]), 'buffer');
}

/** Opens a sealed event; throws trust.sealed-corrupt when the row's body isn't the one sealed under its id. */
export async function openAuditEvent(keys: Keys, tenant: number, id: string, sealed: Uint8Array): Promise<{ event: AuditEvent; leaf: Buffer; salt: Buffer; canonical: string }> {
  const content = await keys.open(tenant, sealed, auditAad(id));
  const canonical = content.subarray(saltBytes).toString();
  // Sealed by us under this id: the shape that auditEvent() gave it.
  const event = JSON.parse(canonical) as AuditEvent;
  return { event, leaf: leafHash(content), salt: content.subarray(0, saltBytes), canonical };
}

const leafPrefix = Buffer.from([0]);

function auditAad(id: string): string {
  return `audit|${id}`;
}
