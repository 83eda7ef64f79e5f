import type { Sql } from '../database/sql.ts';
import type { Json } from './outbox.ts';

/** `seq` is dense within a tenant; `writtenAt` is when the row was written, before its commit. */
export type StreamEvent = { tenant: number; seq: number; topic: string; key: string | null; payload: Json; writtenAt: number };

export type EventRow = { tenant: number; seq: number; topic: string; key: string | null; payload: Json; written_at: Date };

export function toStreamEvent({ written_at, ...row }: EventRow): StreamEvent {
  return { ...row, writtenAt: written_at.getTime() };
}

/** Events of the topics after a sequence number, and the number up to which that answer is complete. */
export async function readStream(
  sql: Sql,
  query: { tenant: number; afterSeq: number; topics: readonly string[]; limit: number },
): Promise<{ events: StreamEvent[]; upToSeq: number }> {
  const rows = await sql.query<{ head: number } & { [Name in keyof EventRow]: EventRow[Name] | null }>(
    `select h.seq as head, e.tenant, e.seq, e.topic, e.key, e.payload, e.written_at
     from stream_head h left join lateral (
       select * from stream_event s where s.tenant = h.tenant and s.seq > $2 and s.topic = any($3) order by s.seq limit $4
     ) e on true
     where h.tenant = $1 order by e.seq`,
    [query.tenant, query.afterSeq, query.topics, query.limit],
  );
  // The left join gives one row of nulls where there is no event; with a seq every column but key is there.
  const events = rows.filter((row) => row.seq !== null).map((row) => toStreamEvent(pick(row as EventRow)));
  const head = rows[0]?.head ?? 0;
  return { events, upToSeq: events.length === query.limit ? (events.at(-1)?.seq ?? head) : head };
}

function pick({ tenant, seq, topic, key, payload, written_at }: EventRow): EventRow {
  return { tenant, seq, topic, key, payload, written_at };
}

export async function streamHead(sql: Sql, tenant: number): Promise<number> {
  const [row] = await sql.query<{ seq: number }>('select seq from stream_head where tenant = $1', [tenant]);
  return row?.seq ?? 0;
}
