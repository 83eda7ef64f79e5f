import type { Sql } from '@primum/store';

/** What is known of a message without opening it. */
export type MessageHead = { id: string; type: string; source: string | null; receivedAt: Date; status: string };

export function readMessageHeads(sql: Sql, tenant: number, ids: readonly string[]): Promise<MessageHead[]> {
  return sql.query<MessageHead>(
    `select m.id, m.type, s.application || '|' || s.facility as source, m.received_at as "receivedAt", m.status
     from message m left join source s on s.tenant = m.tenant and s.id = m.source_id where m.tenant = $1 and m.id = any($2::uuid[])`, [tenant, ids]);
}
