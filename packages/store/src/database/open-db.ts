import type { Socket } from 'node:net';
import pg from 'pg';
import { PrimumError } from '@primum/base';
import { demandVerifiedTls } from './demand-tls.ts';
import { databaseError } from './errors.ts';
import { createPointReads } from './point-reads.ts';
import { createStatementNames, sqlOver, type Sql } from './sql.ts';
import { types } from './types.ts';

export type TransactionOptions = { isolation?: 'repeatable read'; signal?: AbortSignal };

export type Db = Sql & {
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it throws. Queries that `work`
   * sends without waiting for each other travel together (pipelined) and run in the order sent.
   */
  transaction<T>(work: (tx: Sql) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** One connection of its own, outside the pool, for what lives in a session: advisory locks, LISTEN. */
  session(): Promise<Session>;
  close(): Promise<void>;
  readonly url: string;
};

/** `lost` fires when the connection ends, whoever ended it. */
export type Session = Sql & { readonly lost: AbortSignal; close(): Promise<void> };

export type OpenOptions = {
  url: string;
  /** Connections at most; 10. */
  max?: number;
  applicationName?: string;
  /** 60,000 ms; 0: no limit. */
  statementTimeoutMs?: number;
  /** How long a query waits for a connection of the pool; 30,000 ms. */
  connectTimeoutMs?: number;
  /** The power-cut control only. */
  acceptUnsafe?: boolean;
};

/**
 * Opens a pool on PostgreSQL 15 or newer. Throws store.unreachable, store.unsafe where a commit is not on disk, and
 * net.plaintext-refused where the server is beyond this machine and not asked for by sslmode=verify-full.
 */
export async function openDb(options: OpenOptions): Promise<Db> {
  demandVerifiedTls(options.url);
  const config: pg.ClientConfig = {
    connectionString: options.url,
    application_name: options.applicationName ?? 'primum',
    statement_timeout: options.statementTimeoutMs ?? 60_000,
    idle_in_transaction_session_timeout: 120_000,
    keepAlive: true,
    // Prepared plans are kept, and one made while a table was still empty would read it whole ever after. Statements
    // here bring few keys to large tables: an index inside a nested loop is right for them at every size.
    options: '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off',
    types,
    pipeline: true,
  };
  const pool = new pg.Pool({
    ...config,
    max: options.max ?? 10,
    idleTimeoutMillis: 60_000,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 30_000,
  });
  pool.on('error', () => undefined); // an idle connection ended: the next query opens another, or says so
  // A connection that ends in mid-query rejects that query. The event would end the process where nobody hears it, as between
  // the pool's handing it on and its taker's next step: an end may come in one packet with the answer before.
  pool.on('connect', (client) => client.on('error', () => undefined));
  const statementName = createStatementNames();
  const sql = sqlOver(pool, statementName);
  try {
    if (options.acceptUnsafe !== true) await assertDurable(sql);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const points = createPointReads(() => openSession(config, statementName));
  return {
    url: options.url,
    query: (text, values, queryOptions) => (queryOptions?.point === true ? points : sql).query(text, values, queryOptions),
    transaction: (work, transactionOptions) => runTransaction(pool, statementName, work, transactionOptions ?? {}),
    session: () => openSession(config, statementName),
    close: async () => {
      await points.close();
      await pool.end();
    },
  };
}

async function assertDurable(sql: Sql): Promise<void> {
  const off = await sql.query<{ name: string }>(
    "select name from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off' order by name",
  );
  if (off.length > 0) throw new PrimumError('store.unsafe', `${off.map(({ name }) => name).join(', ')} is off`);
}

async function runTransaction<T>(
  pool: pg.Pool,
  statementName: (text: string) => string | undefined,
  work: (tx: Sql) => Promise<T>,
  { isolation, signal }: TransactionOptions,
): Promise<T> {
  signal?.throwIfAborted();
  const client = await pool.connect().catch((error: unknown) => { throw databaseError(error); });
  const sql = sqlOver(client, statementName);
  let broken: boolean | Error = false;
  const abort = (): void => {
    broken = true;
    // Ends the query on our side; the server notices the closed socket within a second and rolls back.
    // (pg's own end() waits for what is on its way, and its types leave the connection out.)
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  };
  signal?.addEventListener('abort', abort, { once: true });
  let open = true;
  const tx: Sql = {
    query: (text, values, queryOptions) => {
      signal?.throwIfAborted();
      if (!open) throw new PrimumError('internal.bug', 'a transaction was used after its end');
      return sql.query(text, values, queryOptions);
    },
  };
  try {
    // Sent ahead, not waited for: it travels with the first query. A failure shows in every query after it.
    const begun = sql.query(isolation === undefined ? 'begin' : `begin isolation level ${isolation}`);
    begun.catch(() => undefined);
    const result = await work(tx);
    await begun;
    open = false;
    signal?.throwIfAborted();
    // `commit` of a transaction in which a statement failed answers ROLLBACK without an error.
    const answer = await client.query('commit').catch((error: unknown) => { throw databaseError(error); });
    if (answer.command !== 'COMMIT') throw new PrimumError('internal.bug', 'a transaction went on after one of its statements had failed');
    return result;
  } catch (error) {
    open = false;
    if (broken === false) {
      await client.query('rollback').catch(() => { broken = true; });
    }
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', abort);
    client.release(broken);
  }
}

async function openSession(config: pg.ClientConfig, statementName: (text: string) => string | undefined): Promise<Session> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: 10_000 });
  const lost = new AbortController();
  client.on('error', () => undefined);
  client.on('end', () => lost.abort());
  await client.connect().catch(async (error: unknown) => {
    await client.end().catch(() => undefined);
    throw databaseError(error);
  });
  return {
    ...sqlOver(client, statementName),
    lost: lost.signal,
    close: () => client.end().catch(() => undefined),
  };
}
