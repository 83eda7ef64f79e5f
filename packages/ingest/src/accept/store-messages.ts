import { joinBytes } from '@primum/record';
import type { Sql } from '@primum/store';

/** A message to persist. The commitment is keyed, 32 bytes; `sealed` is its bytes under the intake key. */
export type NewMessage = {
  id: string;
  sourceId: number | null;
  controlId: string;
  commitment: Buffer;
  type: string;
  messageAt: number | null;
  lane: number;
  otherLane: number | null;
  status: 'received' | 'quarantined';
  reasonCode: string | null;
  reasonDetail: string | null;
  sealed: Buffer;
};

/**
 * Persists a batch in one statement, hence one commit and one fsync. A message that is already there (same source,
 * control ID and bytes) is not stored again; one that lies in quarantine and can be read now (its source was registered
 * meanwhile) is put back in line. Quarantined ones are announced. Returns how many now wait that did not before.
 */
export async function storeMessages(db: Sql, tenant: number, messages: readonly NewMessage[]): Promise<number> {
  const content = joinBytes(messages.map(({ sealed }) => sealed));
  const tokens = joinBytes(messages.map(({ commitment }) => commitment));
  const rows = await db.query<{ status: string }>(`
    with stored as (
      insert into message (tenant, id, source_id, control_id, commitment, type, message_at, lane, other_lane, status, reason_code, reason_detail, sealed)
      select $1, t.id, t.source_id, t.control_id, substring($5::bytea from t.token_start for 32), t.type, to_timestamp(t.message_ms / 1000), t.lane, t.other_lane, t.status,
        t.reason_code, t.reason_detail, substring($13::bytea from t.start for t.length)
      from unnest($2::uuid[], $3::int[], $4::text[], $6::text[], $7::float8[], $8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $14::int[], $15::int[], $16::int[])
        as t(id, source_id, control_id, type, message_ms, lane, other_lane, status, reason_code, reason_detail, token_start, start, length)
      on conflict (tenant, commitment) do update
        set status = excluded.status, source_id = excluded.source_id, type = excluded.type, message_at = excluded.message_at,
          lane = excluded.lane, other_lane = excluded.other_lane, reason_code = null, reason_detail = null
        where message.status = 'quarantined' and excluded.status = 'received'
      returning id, status, reason_code
    ), announced as (
      insert into outbox (tenant, topic, payload)
      select $1, 'message.quarantined', jsonb_build_object('messageId', id, 'code', reason_code) from stored where status = 'quarantined'
    )
    select status from stored`,
  [
    tenant, messages.map(({ id }) => id), messages.map(({ sourceId }) => sourceId), messages.map(({ controlId }) => controlId),
    tokens.bytes, messages.map(({ type }) => type), messages.map(({ messageAt }) => messageAt),
    messages.map(({ lane }) => lane), messages.map(({ otherLane }) => otherLane), messages.map(({ status }) => status),
    messages.map(({ reasonCode }) => reasonCode), messages.map(({ reasonDetail }) => reasonDetail),
    content.bytes, tokens.starts, content.starts, content.lengths,
  ]);
  return rows.filter(({ status }) => status === 'received').length;
}
