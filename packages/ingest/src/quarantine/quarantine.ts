import { PrimumError } from '@primum/base';
import { messageLifecycle, nextState, type ErrorCode, type MessageEvent, type MessageState } from '@primum/contract';
import { decodeMessage } from '@primum/formats';
import type { Db } from '@primum/store';
import { requirePermission, withPhiReader, type PhiReaderDeps, type Principal } from '@primum/trust';
import { messageAad } from '../accept/acceptor.ts';
import { interpretFrame } from '../accept/interpret-frame.ts';
import { lanesOf } from '../reading/tokens.ts';
import { createSourceDirectory } from '../sources/source-directory.ts';

export type QuarantineDeps = PhiReaderDeps & { db: Db };

/** A message that waits for a person: why, never what it says. */
export type QuarantinedMessage = {
  id: string;
  source: string | null;
  controlId: string;
  type: string;
  receivedAt: Date;
  code: ErrorCode;
  detail: string;
};

type Row = {
  id: string; application: string | null; facility: string | null; control_id: string; type: string; received_at: Date; reason_code: ErrorCode; reason_detail: string | null;
};

const select = `
  select m.id, s.application, s.facility, m.control_id, m.type, m.received_at, m.reason_code, m.reason_detail
  from message m left join source s on s.tenant = m.tenant and s.id = m.source_id
  where m.tenant = $1 and m.status = 'quarantined'`;

/** What lies in quarantine, newest first. Holds no patient data. */
export async function listQuarantine(deps: { db: Db }, tenant: number, limit = 100): Promise<QuarantinedMessage[]> {
  const rows = await deps.db.query<Row>(`${select} order by m.arrival desc limit $2`, [tenant, Math.min(limit, 1_000)]);
  return rows.map(toMessage);
}

/** One message with its text; audited, since it is patient data. Bytes that are no text are shown one character each. */
export async function showQuarantined(deps: QuarantineDeps, principal: Principal, tenant: number, id: string): Promise<QuarantinedMessage & { text: string }> {
  const [row] = await deps.db.query<Row & { sealed: Buffer }>(`${select.replace('m.reason_detail\n', 'm.reason_detail, m.sealed\n')} and m.id = $2`, [tenant, id]);
  if (row === undefined) throw new PrimumError('ingest.quarantine-missing');
  return withPhiReader(deps, {
    tenant, principal, purpose: 'HOPERAT', scope: { unassigned: true }, action: 'quarantine.read', authority: 'quarantine.read',
  }, async (reader) => {
    reader.note({ entities: [{ type: 'message', id }] });
    const raw = await reader.openUnassigned(row.sealed, messageAad(tenant, id));
    const decoded = decodeMessage(raw);
    return { ...toMessage(row), text: decoded.ok ? decoded.text : raw.toString('latin1') };
  });
}

/**
 * Puts a message back in its lane, to be read again by its source's present mapping; whatever refused it may refuse it
 * again. The caller wakes the applier.
 */
export async function replayQuarantined(deps: QuarantineDeps, principal: Principal, tenant: number, id: string): Promise<void> {
  await requirePermission(deps, { tenant, principal, purpose: 'HOPERAT', action: 'message.replayed', authority: 'quarantine.replay' });
  const [row] = await deps.db.query<{ sealed: Buffer; source_id: number | null }>("select sealed, source_id from message where tenant = $1 and id = $2 and status = 'quarantined'", [tenant, id]);
  if (row === undefined) throw new PrimumError('ingest.quarantine-missing');
  const raw = await deps.keys.open(tenant, row.sealed, messageAad(tenant, id));
  const sources = createSourceDirectory({ db: deps.db, now: () => deps.clock.now().getTime() }, tenant);
  const { source, reading, problem } = await interpretFrame(sources, raw, row.source_id === null ? undefined : await sources.byId(row.source_id));
  if (reading === undefined) throw new PrimumError(problem.code, problem.location);
  const { lane, otherLane } = lanesOf(deps.keys, tenant, reading);
  await move(deps, principal, { tenant, id, event: 'replay', action: 'message.replayed' }, `
    update message set status = $3, reason_code = null, reason_detail = null, source_id = $5, lane = $6, other_lane = $7, message_at = to_timestamp($8 / 1000.0)
    where tenant = $1 and id = $2 and status = $4 returning id`, [source?.id ?? null, lane, otherLane, reading.messageAt]);
}

/** Gives a message up. It is kept, with who gave it up in the audit log. */
export async function discardQuarantined(deps: QuarantineDeps, principal: Principal, tenant: number, id: string): Promise<void> {
  await requirePermission(deps, { tenant, principal, purpose: 'HOPERAT', action: 'message.discarded', authority: 'quarantine.replay' });
  await move(deps, principal, { tenant, id, event: 'discard', action: 'message.discarded' },
    'update message set status = $3 where tenant = $1 and id = $2 and status = $4 returning id', []);
}

async function move(
  deps: QuarantineDeps, principal: Principal, { tenant, id, event, action }: { tenant: number; id: string; event: MessageEvent; action: string }, update: string, values: readonly unknown[],
): Promise<void> {
  const from: MessageState = 'quarantined';
  const to = nextState(messageLifecycle, from, event);
  await deps.db.transaction(async (tx) => {
    const rows = await tx.query<{ id: string }>(update, [tenant, id, to, from, ...values]);
    if (rows.length === 0) throw new PrimumError('ingest.quarantine-missing');
    await deps.audit.write(tx, [{ tenant, principal, purpose: 'HOPERAT', action, outcome: 'success', at: deps.clock.now(), entities: [{ type: 'message', id }] }]);
  });
}

function toMessage(row: Row): QuarantinedMessage {
  return {
    id: row.id,
    source: row.application === null ? null : `${row.application}|${row.facility ?? ''}`,
    controlId: row.control_id,
    type: row.type,
    receivedAt: row.received_at,
    code: row.reason_code,
    detail: row.reason_detail ?? '',
  };
}
