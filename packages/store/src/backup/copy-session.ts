import pg from 'pg';
import { databaseError } from '../database/errors.ts';
import { sqlOver, type Sql } from '../database/sql.ts';
import { types } from '../database/types.ts';

/** A connection for COPY: no time limits, and scans from a table's first page so that equal tables come in equal order. */
export type CopySession = Sql & { client: pg.Client; close(): Promise<void> };

export async function openCopySession(url: string): Promise<CopySession> {
  const client = new pg.Client({
    connectionString: url, application_name: 'primum-backup', keepAlive: true, types, connectionTimeoutMillis: 10_000,
    options: '-c statement_timeout=0 -c idle_in_transaction_session_timeout=0 -c lock_timeout=0 -c synchronize_seqscans=off',
  });
  client.on('error', () => undefined); // an ended connection rejects the query that runs on it
  await client.connect().catch(async (error: unknown) => {
    await client.end().catch(() => undefined);
    throw databaseError(error);
  });
  return { ...sqlOver(client, () => undefined), client, close: () => client.end().catch(() => undefined) };
}
