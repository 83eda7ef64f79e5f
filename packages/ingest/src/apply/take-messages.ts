import type { Sql } from '@primum/store';
import { laneCount } from '../reading/tokens.ts';

export type TakenMessage = {
  id: string;
  arrival: number;
  lane: number;
  otherLane: number | null;
  sourceId: number | null;
  receivedAt: number;
  sealed: Buffer;
};

type Row = { id: string; arrival: number; lane: number; other_lane: number | null; source_id: number | null; received_at: Date; sealed: Buffer };

/** Bytes of one batch's messages, the last one not counted: read, they are resources a hundred times as large. */
const mostBytes = 2 * 1024 * 1024;

/** First key of the advisory locks of lanes; the second is tenant · lanes + lane. */
const laneLockClass = 0x5052_4c4e;

/**
 * Claims lanes that have waiting messages, and takes the first of them in the order of arrival. A lane is an advisory
 * lock of the transaction, so two appliers, in one process or in several, never work on the same patient's messages; the
 * messages are read by a later statement than the one that took the lock, so that what the former holder applied is seen.
 * A message about two patients needs both their lanes: it and everything behind it in either lane waits until this
 * transaction holds both.
 */
export async function takeMessages(tx: Sql, tenant: number, options: { maxLanes: number; maxMessages: number; firstLane: number }): Promise<TakenMessage[]> {
  const lanes = new Set(await claimLanes(tx, tenant, options));
  if (lanes.size === 0) return [];
  let waiting = await readWaiting(tx, tenant, [...lanes], options.maxMessages);
  const missing = new Set(waiting.flatMap(({ lane, otherLane }) => [lane, otherLane ?? lane]).filter((lane) => !lanes.has(lane)));
  if (missing.size > 0) {
    const gained = await tryLanes(tx, tenant, [...missing]);
    for (const lane of gained) lanes.add(lane);
    if (gained.length > 0) waiting = await readWaiting(tx, tenant, [...lanes], options.maxMessages);
  }
  const blocked = new Set<number>();
  return waiting.filter(({ lane, otherLane }) => {
    const needed = otherLane === null ? [lane] : [lane, otherLane];
    const free = needed.every((item) => lanes.has(item) && !blocked.has(item));
    if (!free) for (const item of needed) blocked.add(item);
    return free;
  });
}

async function claimLanes(tx: Sql, tenant: number, { maxLanes, firstLane }: { maxLanes: number; firstLane: number }): Promise<number[]> {
  // The materialized part keeps the lock off lanes that have nothing to do.
  const rows = await tx.query<{ lane: number }>(`
    with busy as materialized (
      select lane from generate_series(0, $5::int - 1) lane
      where exists (select from message where tenant = $1 and status = 'received' and lane = lane.lane)
         or exists (select from message where tenant = $1 and status = 'received' and other_lane = lane.lane)
      order by (lane - $4::int + $5::int) % $5::int
    )
    select lane from busy where pg_try_advisory_xact_lock($2, $1 * $5::int + lane) limit $3`,
  [tenant, laneLockClass, maxLanes, firstLane, laneCount]);
  return rows.map(({ lane }) => lane);
}

async function tryLanes(tx: Sql, tenant: number, lanes: readonly number[]): Promise<number[]> {
  const rows = await tx.query<{ lane: number }>(
    'select lane from unnest($3::int[]) lane where pg_try_advisory_xact_lock($2, $1 * $4::int + lane)',
    [tenant, laneLockClass, lanes, laneCount],
  );
  return rows.map(({ lane }) => lane);
}

async function readWaiting(tx: Sql, tenant: number, lanes: readonly number[], limit: number): Promise<TakenMessage[]> {
  const rows = await tx.query<Row>(`
    with first as (
      select m.id, m.arrival from unnest($2::smallint[]) l(lane) cross join lateral (
        select id, arrival from message where tenant = $1 and status = 'received' and lane = l.lane order by arrival limit $3) m
      union
      select m.id, m.arrival from unnest($2::smallint[]) l(lane) cross join lateral (
        select id, arrival from message where tenant = $1 and status = 'received' and other_lane = l.lane order by arrival limit $3) m
      order by arrival limit $3
    )
    select id, arrival, lane, other_lane, source_id, received_at, sealed from (
      select m.*, sum(octet_length(m.sealed)) over (order by m.arrival) - octet_length(m.sealed) as before
      from first join message m on m.tenant = $1 and m.id = first.id) m
    where before < $4 order by arrival`,
  [tenant, lanes, limit, mostBytes]);
  return rows.map((row) => ({
    id: row.id, arrival: row.arrival, lane: row.lane, otherLane: row.other_lane, sourceId: row.source_id, receivedAt: row.received_at.getTime(), sealed: row.sealed,
  }));
}
