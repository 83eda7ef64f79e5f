import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '@primum/store';
import { tenant } from './core.ts';

const pollMs = 8;

const selectUnscored = `
select exists (select 1 from message where tenant = $1 and status = 'received')
  or exists (select 1 from outbox where tenant = $1 and topic = 'patient.changed')
  or exists (select 1 from stream_event where tenant = $1 and topic = 'patient.changed'
             and seq > coalesce((select seq from consumer_offset where tenant = $1 and consumer = 'scoring'), 0)) as unscored`;

/** Resolves when all that was accepted has been applied and scored, or after `limitMs`. */
export async function settled(db: Db, limitMs: number): Promise<boolean> {
  for (const until = performance.now() + limitMs; performance.now() < until;) {
    const [row] = await db.query<{ unscored: boolean }>(selectUnscored, [tenant]);
    if (row?.unscored === false) return true;
    await sleep(pollMs);
  }
  return false;
}
