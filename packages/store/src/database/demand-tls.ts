import { isLoopbackHost, PrimumError } from '@primum/base';
import pg from 'pg';

/**
 * A database beyond this machine is spoken to over TLS, its certificate checked against its name: `sslmode=verify-full`
 * (PostgreSQL manual, 32.19.1). Asked of what pg makes of the URL and the environment, so that no spelling slips by.
 */
export function demandVerifiedTls(url: string): void {
  const { host, ssl } = new pg.Client({ connectionString: url });
  if (host.startsWith('/') || isLoopbackHost(host)) return;
  // pg's types call `ssl` a boolean; it is the options of the handshake where there are any.
  const options: unknown = ssl;
  const verified = typeof options === 'object' && options !== null && !('checkServerIdentity' in options) && (!('rejectUnauthorized' in options) || options.rejectUnauthorized !== false);
  if (!verified || new URL(url).searchParams.get('sslmode') !== 'verify-full') throw new PrimumError('net.plaintext-refused', `DATABASE_URL to ${host} without sslmode=verify-full`);
}
