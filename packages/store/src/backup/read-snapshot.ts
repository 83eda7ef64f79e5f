import { to as copyTo } from 'pg-copy-streams';
import { databaseError } from '../database/errors.ts';
import type { Sql } from '../database/sql.ts';
import { openCopySession, type CopySession } from './copy-session.ts';
import { copyTarget, listTables, type TableShape } from './list-tables.ts';
import { createRowDigest, digesting } from './row-digest.ts';

export type TableCopied = { name: string; columns: readonly string[]; rows: number; digest: string };
export type SequenceValue = { name: string; value: number };

/** One moment of the whole database, whatever is written meanwhile. */
export type DatabaseSnapshot = {
  sql: Sql;
  /**
   * Reads every table once, largest first, over several connections that share the moment. `write` gets a table's rows
   * as a COPY stream in binary format and must read it to its end. In the order in which a restore fills them.
   */
  copyTables(write: (name: string, rows: AsyncIterable<Buffer>) => Promise<void>): Promise<TableCopied[]>;
  /** Values drawn after the moment may be among them: a sequence only grows, so no restored row meets a number twice. */
  sequences(): Promise<SequenceValue[]>;
};

/** Lends a read-only snapshot (repeatable read, exported to `connections` readers) of the database at `url`. */
export async function withDatabaseSnapshot<T>(url: string, work: (snapshot: DatabaseSnapshot) => Promise<T>, { connections = 2 } = {}): Promise<T> {
  const first = await openCopySession(url);
  try {
    await first.query('begin isolation level repeatable read, read only');
    const [exported] = await first.query<{ id: string }>('select pg_export_snapshot() as id');
    const tables = await listTables(first);
    return await work({
      sql: first,
      copyTables: async (write) => {
        const copied = new Map<string, TableCopied>();
        const queue = [...tables].sort((a, b) => b.bytes - a.bytes);
        const reader = async (): Promise<void> => {
          const session = await openCopySession(url);
          try {
            await session.query('begin isolation level repeatable read, read only');
            await session.query(`set transaction snapshot '${exported!.id}'`);
            for (let table = queue.shift(); table !== undefined; table = queue.shift()) copied.set(table.name, await copyTable(session, table, write));
          } finally {
            queue.length = 0; // the first failure ends the others after their table
            await session.close();
          }
        };
        const ended = await Promise.allSettled(Array.from({ length: connections }, reader));
        for (const end of ended) if (end.status === 'rejected') throw end.reason;
        return tables.map(({ name }) => copied.get(name)!);
      },
      sequences: () => first.query<SequenceValue>(
        "select sequencename::text as name, last_value as value from pg_sequences where schemaname = 'public' and last_value is not null order by 1", [],
      ),
    });
  } finally {
    await first.close();
  }
}

async function copyTable(session: CopySession, table: TableShape, write: (name: string, rows: AsyncIterable<Buffer>) => Promise<void>): Promise<TableCopied> {
  const digest = createRowDigest();
  // An error event of the stream rejects the reading of it.
  const rows = session.client.query(copyTo(`copy ${copyTarget(table)} to stdout (format binary)`));
  try {
    await write(table.name, digesting(digest, rows));
  } catch (error) {
    throw rows.errored === null ? error : databaseError(rows.errored);
  }
  return { name: table.name, columns: table.columns, ...digest.end() };
}

/** Digests every table as it stands, to be compared with a backup's. */
export function digestTables(url: string): Promise<TableCopied[]> {
  return withDatabaseSnapshot(url, ({ copyTables }) => copyTables(async (_name, rows) => {
    for await (const _chunk of rows) { /* the digest is taken as they pass */ }
  }));
}
