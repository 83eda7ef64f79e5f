import { advanceSiteClock, writeSiteClock, type Site } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Outcome } from './reduce-batch.ts';

/**
 * Moves the clocks of the batch's sites by the messages' own times, and counts the messages of each source. Both rows
 * are shared by every applier of the site, so this comes last in the transaction. A quarantined message counts as
 * received, but its time is trusted by nobody.
 */
export async function moveClocks(tx: Sql, tenant: number, sites: readonly Site[], outcomes: readonly Outcome[]): Promise<void> {
  const counted = new Map<number, { times: number; messageAt: number | null; receivedAt: number }>();
  const clocks = new Map(sites.map(({ id, clock }) => [id, clock]));
  for (const { ready, effects } of outcomes) {
    const { sourceId, receivedAt } = ready.taken;
    const messageAt = ready.prepared?.reading.messageAt ?? null;
    if (sourceId !== null) {
      const known = counted.get(sourceId);
      counted.set(sourceId, {
        times: (known?.times ?? 0) + 1,
        messageAt: messageAt === null ? known?.messageAt ?? null : Math.max(messageAt, known?.messageAt ?? messageAt),
        receivedAt: Math.max(receivedAt, known?.receivedAt ?? 0),
      });
    }
    const siteId = ready.prepared?.source.siteId;
    const clock = siteId === undefined ? undefined : clocks.get(siteId);
    if (effects === undefined || siteId === undefined || clock === undefined || messageAt === null) continue;
    clocks.set(siteId, advanceSiteClock(clock, messageAt, receivedAt));
  }
  const moved = sites.filter(({ id, clock }) => clocks.get(id) !== clock);
  const rows = [...counted].sort(([a], [b]) => a - b);
  await Promise.all([
    ...moved.map(({ id, clock }) => writeSiteClock(tx, tenant, id, clocks.get(id) ?? clock)),
    rows.length === 0 ? undefined : tx.query(`
      with locked as (select id from source where tenant = $1 and id = any($2::int[]) order by id for update)
      update source s set received = s.received + t.times, last_message_at = greatest(s.last_message_at, to_timestamp(t.message_ms / 1000)),
        last_received_at = greatest(s.last_received_at, to_timestamp(t.received_ms / 1000))
      from locked join unnest($2::int[], $3::bigint[], $4::float8[], $5::float8[]) as t(id, times, message_ms, received_ms) on t.id = locked.id
      where s.tenant = $1 and s.id = t.id`,
    [tenant, rows.map(([id]) => id), rows.map(([, { times }]) => times), rows.map(([, { messageAt }]) => messageAt), rows.map(([, { receivedAt }]) => receivedAt)]),
  ]);
}
