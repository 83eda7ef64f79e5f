import { isLoopbackHost, PrimumError, uuidv7 } from '@primum/base';
import { nextState, outgoingLifecycle, type OutgoingEvent, type OutgoingState } from '@primum/contract';
import { buildSegment, type SegmentInput } from '@primum/formats';
import type { Sql } from '@primum/store';
import { personalTables, type Keys, type PersonalData } from '@primum/trust';

export type Destination = { name: string; host: string; port: number; tls: boolean; caFile: string | null; application: string; facility: string; timeoutMs: number };
export type DestinationState = Destination & { id: number; disabled: boolean; queued: number; oldestQueuedAt: Date | null; failures: number; undelivered: number; lastAcknowledgedAt: Date | null };
export type Undelivered = { id: string; destination: string; controlId: string; type: string; status: OutgoingState; code: string; attempts: number; createdAt: Date };

/** Messages that may wait for one destination, or for a person after they were not delivered: a receiver that is down for a weekend, and no more. */
const maxKept = 100_000;
export const outgoingAad = (id: string): string => `outgoing|${id}`;

export const outgoingPersonalData: PersonalData = personalTables('outgoing', [{ table: 'outgoing_message' }]);

/** Adds or changes a destination by its name. Throws net.plaintext-refused beyond this machine without TLS. */
export async function setDestination(tx: Sql, tenant: number, destination: Destination): Promise<void> {
  const { name, host, port, tls, caFile, application, facility, timeoutMs } = destination;
  if (!tls && !isLoopbackHost(host)) throw new PrimumError('net.plaintext-refused', `${host}:${port}`);
  await tx.query(`
    insert into destination (tenant, name, host, port, tls, ca_file, application, facility, timeout_ms) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (tenant, name) do update set host = excluded.host, port = excluded.port, tls = excluded.tls, ca_file = excluded.ca_file, application = excluded.application, facility = excluded.facility,
      timeout_ms = excluded.timeout_ms, disabled_at = null, next_attempt_at = null`,
  [tenant, name, host, port, tls, caFile, application, facility, timeoutMs]);
}

export async function disableDestination(tx: Sql, tenant: number, name: string): Promise<void> {
  const rows = await tx.query('update destination set disabled_at = now() where tenant = $1 and name = $2 returning id', [tenant, name]);
  if (rows.length === 0) throw new PrimumError('sending.destination-unknown');
}

/**
 * Puts a message into a destination's queue, in the caller's transaction: it is sent once that is committed, in this
 * order, and again with the same control ID until it is answered. `segments`: without MSH, which is made here; a string is a
 * segment as it stands, with the delimiters `|^~\&`. The key of `patientId` must have been ensured. Errors: sending.destination-unknown, sending.destination-full.
 */
export async function queueHl7(
  tx: Sql, keys: Pick<Keys, 'seal'>, tenant: number, to: string, message: { type: readonly [code: string, trigger: string, structure?: string]; patientId: string | null; segments: readonly (SegmentInput | string)[]; at: Date },
): Promise<{ id: string; controlId: string }> {
  // The row's lock makes the order of the queue the order of the commits.
  const [destination] = await tx.query<{ id: number; application: string; facility: string }>('select id, application, facility from destination where tenant = $1 and name = $2 and disabled_at is null for update', [tenant, to]);
  if (destination === undefined) throw new PrimumError('sending.destination-unknown');
  const [kept] = await tx.query<{ n: number }>("select count(*) as n from outgoing_message where tenant = $1 and destination_id = $2 and status in ('queued', 'refused', 'failed')", [tenant, destination.id]);
  if ((kept?.n ?? 0) >= maxKept) throw new PrimumError('sending.destination-full', to);
  const id = uuidv7(message.at.getTime());
  // The random part of the id: a receiver takes two messages with one control ID for one, however many begin in one millisecond.
  const controlId = id.replaceAll('-', '').slice(-20);
  const at = message.at.toISOString().replace(/[-:TZ]/g, '').slice(0, 14);
  const msh: SegmentInput = ['MSH', 'PRIMUM', 'PRIMUM', destination.application, destination.facility, `${at}+0000`, '', message.type, controlId, 'P', '2.5.1', '', '', '', '', '', 'UNICODE UTF-8'];
  const text = [msh, ...message.segments].map((segment) => `${typeof segment === 'string' ? segment : buildSegment(segment)}\r`).join('');
  const { patientId } = message;
  const sealed = keys.seal(tenant, patientId === null ? { kind: 'tenant' } : { kind: 'patient', patientId }, Buffer.from(text), outgoingAad(id));
  await tx.query("insert into outgoing_message (tenant, id, destination_id, control_id, type, patient_id, status, sealed) values ($1, $2, $3, $4, $5, $6, 'queued', $7)", [tenant, id, destination.id, controlId, message.type.slice(0, 2).join('^'), patientId, sealed]);
  return { id, controlId };
}

/** A step of a message; false where it is not in a state that allows it. What was acknowledged keeps no content, since the receiver has it; nor what was given up. */
export async function stepOutgoing(tx: Sql, tenant: number, id: string, event: OutgoingEvent, code: string | null): Promise<boolean> {
  const [row] = await tx.query<{ status: OutgoingState }>('select status from outgoing_message where tenant = $1 and id = $2 for update', [tenant, id]);
  const next = row === undefined ? undefined : nextState(outgoingLifecycle, row.status, event);
  if (next === undefined) return false;
  await tx.query(`update outgoing_message set status = $3, code = coalesce($4, code), done_at = case when $3 = 'queued' then null else clock_timestamp() end, attempts = case when $3 = 'queued' then 0 else attempts end,
    sealed = case when $3 in ('acknowledged', 'discarded') then null else sealed end where tenant = $1 and id = $2`, [tenant, id, next, code]);
  return true;
}

const keptDays = 30;
const rowsAtOnce = 1_000;

/** Removes what was settled a month ago; the audit log says what was sent. How many rows went. */
export async function trimOutgoing(sql: Sql, tenant: number): Promise<number> {
  const gone = await sql.query(`delete from outgoing_message where tenant = $1 and id in (
    select id from outgoing_message where tenant = $1 and status in ('acknowledged', 'discarded') and done_at < now() - interval '${keptDays} days' limit ${rowsAtOnce}) returning id`, [tenant]);
  return gone.length;
}

export async function listDestinations(sql: Sql, tenant: number): Promise<DestinationState[]> {
  const rows = await sql.query<{ id: number; name: string; host: string; port: number; tls: boolean; ca_file: string | null; application: string; facility: string; timeout_ms: number; disabled_at: Date | null; failures: number; last_acknowledged_at: Date | null; queued: number; oldest: Date | null; undelivered: number }>(`
    select d.*, q.queued, q.oldest, u.undelivered from destination d
    cross join lateral (select count(*) as queued, min(created_at) as oldest from outgoing_message m where m.tenant = d.tenant and m.destination_id = d.id and m.status = 'queued') q
    cross join lateral (select count(*) as undelivered from outgoing_message m where m.tenant = d.tenant and m.destination_id = d.id and m.status in ('refused', 'failed')) u
    where d.tenant = $1 order by d.name`, [tenant]);
  return rows.map((row) => ({
    id: row.id, name: row.name, host: row.host, port: row.port, tls: row.tls, caFile: row.ca_file, application: row.application, facility: row.facility, timeoutMs: row.timeout_ms, disabled: row.disabled_at !== null,
    queued: row.queued, oldestQueuedAt: row.oldest, failures: row.failures, undelivered: row.undelivered, lastAcknowledgedAt: row.last_acknowledged_at,
  }));
}

/** What was answered with a refusal, or failed too often, oldest first: it is nowhere else, and waits for a person. */
export async function listUndelivered(sql: Sql, tenant: number, limit = 200): Promise<Undelivered[]> {
  const rows = await sql.query<{ id: string; name: string; control_id: string; type: string; status: OutgoingState; code: string | null; attempts: number; created_at: Date }>(`
    select m.id, d.name, m.control_id, m.type, m.status, m.code, m.attempts, m.created_at from outgoing_message m join destination d on d.tenant = m.tenant and d.id = m.destination_id
    where m.tenant = $1 and m.status in ('refused', 'failed') order by m.n limit $2`, [tenant, limit]);
  return rows.map((row) => ({ id: row.id, destination: row.name, controlId: row.control_id, type: row.type, status: row.status, code: row.code ?? '', attempts: row.attempts, createdAt: row.created_at }));
}
