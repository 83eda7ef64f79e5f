import type { Sql } from '../database/sql.ts';

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** What is announced: ids and numbers, never content. `key` is the uuid of what it is about (a patient). */
export type OutboxEvent = { tenant: number; topic: string; key?: string; payload: Json };

/**
 * Announces events in the transaction whose effect they announce. Rows of one transaction keep their order; those of
 * two transactions come in the order of their commits where one waited for the other (a patient's lock).
 */
export async function writeOutbox(tx: Sql, events: readonly OutboxEvent[]): Promise<void> {
  if (events.length === 0) return;
  await tx.query(
    'insert into outbox (tenant, topic, key, payload) select * from unnest($1::int[], $2::text[], $3::uuid[], $4::jsonb[])',
    [
      events.map(({ tenant }) => tenant),
      events.map(({ topic }) => topic),
      events.map(({ key }) => key ?? null),
      events.map(({ payload }) => JSON.stringify(payload)),
    ],
  );
}
