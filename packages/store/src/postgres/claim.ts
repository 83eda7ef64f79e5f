import pg from 'pg';

/** Any constant: the lock that says "a Primum looks after this server". Held by the supervisor's session for life. */
const supervisorLock = [0x5052_494d, 1] as const;

/**
 * A server belongs to the one supervisor whose session holds an advisory lock in it. Unlike a pid file it can't go
 * stale: the lock ends with its holder, however it ended.
 */
export type Held = { ended: Promise<void>; release(): Promise<void>; client: pg.Client };

export type Claim =
  | ({ state: 'claimed' } & Held)
  | { state: 'taken' }
  | { state: 'starting' }
  | { state: 'unreachable'; cause: unknown };

export async function claimServer(url: string): Promise<Claim> {
  const client = new pg.Client({ connectionString: url, application_name: 'primum-supervisor', connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined); // told by 'end' as well
  const ended = new Promise<void>((resolve) => client.once('end', () => resolve()));
  try {
    await client.connect();
    const { rows } = await client.query<{ got: boolean }>('select pg_try_advisory_lock($1, $2) as got', [...supervisorLock]);
    if (rows[0]?.got === true) return { state: 'claimed', client, ended, release: () => client.end().catch(() => undefined) };
    await client.end();
    return { state: 'taken' };
  } catch (error) {
    await client.end().catch(() => undefined);
    // 57P03 cannot_connect_now: the server is starting up, recovering or stopping.
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === '57P03' ? { state: 'starting' } : { state: 'unreachable', cause: error };
  }
}
