import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DataClass } from '@primum/contract';
import type { Sql } from '@primum/store';
import { tenant, type Core } from '../core.ts';

/** One thing that the schedule does with a class: how many rows (files) are due, and the doing of one bounded batch. */
export type RetentionAction = { due(before: Date): Promise<number>; batch(before: Date): Promise<number> };
export type ClassActions = { archive?: RetentionAction; dispose?: RetentionAction };

const batchRows = 2_000;
const batchObjects = 100;

/** Messages of patients under a legal hold stay as they are. */
const notHeld = `
  not (m.sealed is not null and get_byte(m.sealed, 1) = 1 and encode(substring(m.sealed from 3 for 16), 'hex')::uuid in (select id from held))
  and not exists (select from resource r join held on held.id = r.patient_id where r.tenant = m.tenant and r.type = 'Provenance' and r.id = m.id)`;
const held = `held as (
  select g.id from legal_hold h join patient p on p.tenant = h.tenant and p.id = h.patient_id join patient g on g.tenant = p.tenant and g.root_id = p.root_id
  where h.tenant = $1 and h.released_at is null)`;

const messagesDue = (status: string, content: string): string =>
  `with ${held} select m.id, m.sealed, encode(m.object_digest, 'hex') as digest from message m where m.tenant = $1 and m.status in (${status}) and m.received_at < $2 and ${content} and ${notHeld}`;
const toArchive = messagesDue("'applied'", 'm.sealed is not null');
const toDispose = messagesDue("'applied', 'discarded'", 'true');

const predictionsDue = `
with ${held} select p.id from prediction p where p.tenant = $1 and p.made_at < $2 and p.patient_id not in (select id from held)
  and not exists (select from stay_risk r where r.tenant = p.tenant and r.stay_id = p.stay_id and not r.ended)`;
const alertsDue = `
with ${held} select a.id from alert a where a.tenant = $1 and a.closed_at < $2 and a.patient_id not in (select id from held)
  and not exists (select from prediction p where p.tenant = a.tenant and p.id = a.raised_by)`;

async function countOf(sql: Sql, statement: string, values: readonly unknown[]): Promise<number> {
  const [row] = await sql.query<{ n: number }>(`select count(*) as n from (${statement}) due`, values);
  return row?.n ?? 0;
}

/**
 * What can be done with each class; a class without an action is kept. The medical record is disposed of by a person's
 * decision (an erasure), the audit log not at all.
 */
export function retentionActions(core: Core): Partial<Record<DataClass, ClassActions>> {
  const { db, objects } = core;
  return {
    'raw-messages': {
      /** The sealed bytes move to the object store as they are; the row names them by the digest of the ciphertext. */
      archive: {
        due: (before) => countOf(db, toArchive, [tenant, before]),
        batch: async (before) => {
          const rows = await db.query<{ id: string; sealed: Buffer }>(`${toArchive} limit ${batchObjects}`, [tenant, before]);
          for (const { id, sealed } of rows) {
            const digest = await objects.put(sealed);
            await db.query(`update message set sealed = null, object_digest = decode($3, 'hex') where tenant = $1 and id = $2 and sealed = $4`, [tenant, id, digest, sealed]);
          }
          return rows.length;
        },
      },
      dispose: {
        due: (before) => countOf(db, toDispose, [tenant, before]),
        batch: async (before) => {
          const rows = await db.query<{ id: string; digest: string | null }>(`${toDispose} limit ${batchRows}`, [tenant, before]);
          for (const { digest } of rows) if (digest !== null) await objects.remove(digest);
          await db.query('delete from message where tenant = $1 and id = any($2::uuid[])', [tenant, rows.map(({ id }) => id)]);
          return rows.length;
        },
      },
    },
    predictions: {
      dispose: {
        due: async (before) => await countOf(db, predictionsDue, [tenant, before]) + await countOf(db, alertsDue, [tenant, before]),
        batch: (before) => db.transaction(async (tx) => {
          const predictions = (await tx.query<{ id: string }>(`${predictionsDue} limit ${batchRows}`, [tenant, before])).map(({ id }) => id);
          await tx.query('delete from stay_risk where tenant = $1 and ended and (prediction_id = any($2::uuid[]) or scored_id = any($2))', [tenant, predictions]);
          await tx.query('delete from prediction where tenant = $1 and id = any($2::uuid[])', [tenant, predictions]);
          const alerts = (await tx.query<{ id: string }>(`${alertsDue} limit ${batchRows}`, [tenant, before])).map(({ id }) => id);
          await tx.query('delete from notice where tenant = $1 and alert_id = any($2::uuid[])', [tenant, alerts]);
          await tx.query('delete from alert_event where tenant = $1 and alert_id = any($2::uuid[])', [tenant, alerts]);
          await tx.query('delete from alert where tenant = $1 and id = any($2::uuid[])', [tenant, alerts]);
          return predictions.length + alerts.length;
        }),
      },
    },
    sessions: {
      dispose: {
        due: (before) => countOf(db, 'select from session where tenant = $1 and expires_at < $2', [tenant, before]),
        batch: async (before) => (await db.query('delete from session where tenant = $1 and expires_at < $2 returning token_digest', [tenant, before])).length,
      },
    },
    exports: {
      dispose: {
        due: async (before) => oldExports(core.home, before).length,
        batch: async (before) => {
          const files = oldExports(core.home, before);
          for (const file of files) rmSync(file, { recursive: true, force: true });
          return files.length;
        },
      },
    },
  };
}

function oldExports(home: string, before: Date): string[] {
  const folder = join(home, 'exports');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => join(folder, name)).filter((file) => statSync(file).mtime < before);
}
