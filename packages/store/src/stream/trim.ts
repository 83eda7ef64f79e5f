import type { Db } from '../database/open-db.ts';

const chunk = 5_000;

/**
 * Removes events that are older than `keepMs` and that every consumer of the tenant has passed. Returns how many. A
 * consumer that is gone for good keeps everything after its offset: `dropConsumer` lets it go.
 */
export async function trimOutbox(db: Db, { keepMs }: { keepMs: number }): Promise<number> {
  const tenants = await db.query<{ tenant: number; passed: number }>(
    `select h.tenant, least(h.seq, min(o.seq)) as passed
     from stream_head h left join consumer_offset o on o.tenant = h.tenant group by h.tenant, h.seq`,
  );
  let removed = 0;
  for (const { tenant, passed } of tenants) {
    for (;;) {
      const [row] = await db.query<{ rows: number }>(
        `with old as (
           select seq from stream_event
           where tenant = $1 and seq <= $2 and written_at < now() - $3 * interval '1 millisecond' order by seq limit $4
         ), gone as (
           delete from stream_event e using old where e.tenant = $1 and e.seq = old.seq returning 1
         ) select count(*)::int as rows from gone`,
        [tenant, passed, keepMs, chunk],
      );
      removed += row?.rows ?? 0;
      if ((row?.rows ?? 0) < chunk) break;
    }
  }
  return removed;
}

export async function dropConsumer(db: Db, { tenant, name }: { tenant: number; name: string }): Promise<void> {
  await db.query('delete from consumer_offset where tenant = $1 and consumer = $2', [tenant, name]);
}
