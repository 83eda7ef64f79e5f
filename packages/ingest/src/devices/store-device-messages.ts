import { joinBytes } from '@primum/record';
import type { Sql } from '@primum/store';

export type NewDeviceMessage = { id: string; deviceId: string; kind: string; qos: 0 | 1 | 2; commitment: Buffer; sealed: Buffer };

/** Persists a batch in one statement, hence one commit; what is there already is counted and not stored again. How many are new. */
export async function storeDeviceMessages(db: Sql, tenant: number, messages: readonly NewDeviceMessage[]): Promise<number> {
  const content = joinBytes(messages.map(({ sealed }) => sealed));
  const tokens = joinBytes(messages.map(({ commitment }) => commitment));
  const rows = await db.query<{ stored: number }>(`
    with sent as (
      select t.id, t.device_id, t.kind, t.qos, substring($6::bytea from t.token_start for 32) as commitment, substring($7::bytea from t.start for t.length) as sealed
      from unnest($2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $8::int[], $9::int[], $10::int[]) as t(id, device_id, kind, qos, token_start, start, length)
    ), stored as (
      insert into device_message (tenant, id, device_id, kind, qos, commitment, status, sealed)
      select $1, id, device_id, kind, qos, commitment, 'received', sealed from sent
      on conflict (tenant, commitment) do nothing
      returning id
    ), counted as (
      update device d set received = d.received + n.sent, repeated = d.repeated + n.sent - n.stored, at_most_once = d.at_most_once + n.at_most_once, last_received_at = clock_timestamp()
      from (
        select s.device_id, count(*) as sent, count(t.id) as stored, count(*) filter (where s.qos = 0) as at_most_once from sent s left join stored t on t.id = s.id group by s.device_id order by s.device_id
      ) n where d.tenant = $1 and d.id = n.device_id
    )
    select count(*) as stored from stored`,
  [
    tenant, messages.map(({ id }) => id), messages.map(({ deviceId }) => deviceId), messages.map(({ kind }) => kind), messages.map(({ qos }) => qos),
    tokens.bytes, content.bytes, tokens.starts, content.starts, content.lengths,
  ]);
  return rows[0]?.stored ?? 0;
}
