import type { Sql } from '@primum/store';
import { Secret, TOTP } from 'otpauth';
import type { Keys } from '../keys/keys.ts';

/** RFC 6238 as every authenticator app has it: HMAC-SHA-1 (the secret is random, collisions don't matter), six digits, 30 s. */
const parameters = { issuer: 'Primum', algorithm: 'SHA1', digits: 6, period: 30 } as const;
/** A code of the step before or after is taken too: clocks differ (RFC 6238, 5.2). */
const window = 1;
const secretBytes = 20;

const aadOf = (userId: string): string => `totp|${userId}`;

/** A secret that counts once a code of it was given; it takes the place of one that never was. False where one counts already. */
export async function beginTotp(tx: Sql, keys: Keys, user: { tenant: number; userId: string; username: string }, now: Date): Promise<{ secret: string; uri: string } | null> {
  const secret = new Secret({ size: secretBytes });
  const rows = await tx.query(
    `insert into totp_factor (tenant, user_id, sealed_secret, created_at, last_step) values ($1, $2, $3, $4, 0)
     on conflict (tenant, user_id) do update set sealed_secret = excluded.sealed_secret, created_at = excluded.created_at where totp_factor.confirmed_at is null
     returning 1 as begun`,
    [user.tenant, user.userId, keys.seal(user.tenant, { kind: 'tenant' }, secret.bytes, aadOf(user.userId)), now],
  );
  return rows.length === 0 ? null : { secret: secret.base32, uri: new TOTP({ ...parameters, label: user.username, secret }).toString() };
}

/**
 * Takes a code once: the step it belongs to must be later than that of the last code taken, which the row's lock decides
 * between two that come at once. `confirm`: the first code of a new secret.
 */
export async function takeTotp(tx: Sql, keys: Keys, user: { tenant: number; userId: string }, code: string, now: Date, confirm = false): Promise<boolean> {
  const [row] = await tx.query<{ sealed_secret: Buffer }>(
    `select sealed_secret from totp_factor where tenant = $1 and user_id = $2 and (confirmed_at is null) = $3 for update`, [user.tenant, user.userId, confirm],
  );
  if (row === undefined) return false;
  const opened = await keys.open(user.tenant, row.sealed_secret, aadOf(user.userId));
  const secret = new Secret({ buffer: new Uint8Array(opened).buffer });
  const timestamp = now.getTime();
  const delta = new TOTP({ ...parameters, secret }).validate({ token: code.replace(/\s/g, ''), timestamp, window });
  if (delta === null) return false;
  const taken = await tx.query(
    `update totp_factor set last_step = $3, confirmed_at = coalesce(confirmed_at, $4) where tenant = $1 and user_id = $2 and last_step < $3 returning 1 as taken`,
    [user.tenant, user.userId, TOTP.counter({ period: parameters.period, timestamp }) + delta, now],
  );
  return taken.length > 0;
}
