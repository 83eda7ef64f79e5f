import { pipeline } from 'node:stream/promises';
import { from as copyFrom } from 'pg-copy-streams';
import { PrimumError } from '@primum/base';
import { databaseError } from '../database/errors.ts';
import { openCopySession, type CopySession } from './copy-session.ts';
import { copyTarget, listTables, quoted } from './list-tables.ts';
import type { SequenceValue, TableCopied } from './read-snapshot.ts';

/** What a database must look like before it is filled: nothing is ever restored over something. */
export async function assertEmptyDatabase(url: string): Promise<void> {
  const session = await openCopySession(url);
  try {
    const [row] = await session.query<{ tables: number }>("select count(*) as tables from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm', 'p')");
    if (row!.tables > 0) throw new PrimumError('backup.target-not-empty', `${row!.tables} tables are in the database`);
  } finally {
    await session.close();
  }
}

/**
 * Fills a database that has just been migrated to the backup's schema: whatever the migrations put there goes, each
 * table's rows come in by binary COPY in the order of foreign keys, sequences go on where they were. All in one
 * transaction: it is filled or it is as before. Triggers of tables (the audit log's) rest meanwhile; foreign keys are checked.
 * Works for the tables' owner; no superuser is needed.
 */
export async function fillDatabase(
  url: string, backup: { tables: readonly TableCopied[]; sequences: readonly SequenceValue[] }, read: (name: string) => AsyncIterable<Buffer>,
): Promise<void> {
  const session = await openCopySession(url);
  try {
    const names = (await listTables(session)).map(({ name }) => name);
    const held = new Set(backup.tables.map(({ name }) => name));
    if (names.length !== held.size || !names.every((name) => held.has(name))) throw new PrimumError('backup.damaged', 'its tables are not those of its schema version');
    await session.query('begin');
    for (const name of names) await session.query(`alter table public.${quoted(name)} disable trigger user`);
    await session.query(`truncate ${names.map((name) => `public.${quoted(name)}`).join(', ')}`);
    for (const table of backup.tables) await fillTable(session, table, read(table.name));
    for (const name of names) await session.query(`alter table public.${quoted(name)} enable trigger user`);
    for (const { name, value } of backup.sequences) await session.query('select setval($1::regclass, $2)', [`public.${quoted(name)}`, value]);
    await session.query('commit');
    await session.query('analyze');
  } finally {
    await session.close();
  }
}

async function fillTable(session: CopySession, table: TableCopied, rows: AsyncIterable<Buffer>): Promise<void> {
  const into = session.client.query(copyFrom(`copy ${copyTarget(table)} from stdin (format binary)`));
  try {
    await pipeline(rows, into);
  } catch (error) {
    // Either the database refused the rows, or the backup did not open.
    throw error instanceof PrimumError ? error : databaseError(error);
  }
}
