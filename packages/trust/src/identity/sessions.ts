import { hash, randomBytes } from 'node:crypto';
import type { Role } from '@primum/contract';
import type { Sql } from '@primum/store';

/** A session ends 8 h after sign-in, or after 30 min without use, whichever comes first. */
const absoluteMs = 8 * 3_600_000;
const idleMs = 30 * 60_000;
/** "Last seen" is written at most this often. */
const seenEveryMs = 60_000;
/** A further sign-in of the same person ends the oldest. */
const maxSessionsPerUser = 20;

export type Session = { tenant: number; userId: string; username: string; displayName: string; role: Role; expiresAt: Date };

/** A random token of 32 bytes; only its digest is stored, so a copy of the table signs nobody in. */
export async function openSession(tx: Sql, user: { tenant: number; userId: string }, now: Date): Promise<{ token: string; expiresAt: Date }> {
  const token = randomBytes(32).toString('base64url');
  const expiresAt = new Date(now.getTime() + absoluteMs);
  await tx.query('delete from session where tenant = $1 and (expires_at <= $2 or last_seen_at <= $3)', [user.tenant, now, new Date(now.getTime() - idleMs)]);
  await tx.query(
    `delete from session where tenant = $1 and token_digest in
       (select token_digest from session where tenant = $1 and user_id = $2 order by created_at desc offset $3)`,
    [user.tenant, user.userId, maxSessionsPerUser - 1],
  );
  await tx.query(
    'insert into session (tenant, token_digest, user_id, created_at, last_seen_at, expires_at) values ($1, $2, $3, $4, $4, $5)',
    [user.tenant, digestOf(token), user.userId, now, expiresAt],
  );
  return { token, expiresAt };
}

/** The session of a token that is still good, and marks it as in use; null for any other token. */
export async function findSession(sql: Sql, tenant: number, token: string, now: Date): Promise<Session | null> {
  if (!/^[A-Za-z0-9_-]{43}$/.test(token)) return null;
  const digest = digestOf(token);
  const [row] = await sql.query<{ id: string; username: string; display_name: string; role: Role; expires_at: Date; last_seen_at: Date }>(
    `select u.id, u.username, u.display_name, u.role, s.expires_at, s.last_seen_at
     from session s join app_user u on u.tenant = s.tenant and u.id = s.user_id
     where s.tenant = $1 and s.token_digest = $2 and s.expires_at > $3 and s.last_seen_at > $4`,
    [tenant, digest, now, new Date(now.getTime() - idleMs)],
  );
  if (row === undefined) return null;
  if (now.getTime() - row.last_seen_at.getTime() >= seenEveryMs) {
    await sql.query('update session set last_seen_at = $3 where tenant = $1 and token_digest = $2', [tenant, digest, now]);
  }
  return { tenant, userId: row.id, username: row.username, displayName: row.display_name, role: row.role, expiresAt: row.expires_at };
}

/** Ends a session; says whose it was. */
export async function closeSession(tx: Sql, tenant: number, token: string): Promise<{ userId: string; username: string; role: Role } | null> {
  const [row] = await tx.query<{ id: string; username: string; role: Role }>(
    `delete from session s using app_user u
     where s.tenant = $1 and s.token_digest = $2 and u.tenant = s.tenant and u.id = s.user_id returning u.id, u.username, u.role`,
    [tenant, digestOf(token)],
  );
  return row === undefined ? null : { userId: row.id, username: row.username, role: row.role };
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
