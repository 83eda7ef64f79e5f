import { hash, randomBytes } from 'node:crypto';
import { assert, uuidv7 } from '@primum/base';
import { nextState, sessionLifecycle, type Role, type SessionState } from '@primum/contract';
import type { Sql } from '@primum/store';
import type { Keys } from '../keys/keys.ts';

/** `absoluteMs` after sign-in, or `idleMs` after the last use, a session ends, whichever comes first. */
export type SessionLimits = { absoluteMs: number; idleMs: number };
/** What is still due must be given within this time. */
const incompleteMs = 10 * 60_000;
/** A further sign-in of the same person ends the oldest. */
const maxSessionsPerUser = 20;
const maxBrowserLength = 200;

export type SignInMethod = 'password' | 'passkey' | 'totp' | 'recovery-code' | 'external';
/** Where a request came from, for the person's own list of sessions. */
export type Client = { remote?: string; browser?: string };

export type Session = {
  tenant: number; id: string; userId: string; username: string; displayName: string; role: Role;
  groups: readonly string[];
  /** Of the person and of the person's groups. */
  careUnits: readonly string[];
  state: SessionState;
  /** A second factor was given. */
  mfa: boolean;
  /** When this person last proved who they are. */
  authenticatedAt: Date;
  expiresAt: Date;
};

/** What a sign-in that came this far leaves due. */
export type Due = { factor: boolean; password: boolean; enrolment: boolean };

/** The state after a step out of `from`: whatever is due first. */
export function stateAfter(from: SessionState, due: Due): SessionState {
  const event = due.factor ? 'ask-factor' : due.password ? 'ask-password' : due.enrolment ? 'ask-enrolment' : 'complete';
  const next = nextState(sessionLifecycle, from, event);
  assert(next !== undefined, 'a sign-in step out of turn');
  return next;
}

type Begun = { state: SessionState; mfa: boolean; method: SignInMethod; client: Client };

/** A random token of 32 bytes; only its digest is stored, so a copy of the table signs nobody in. */
export async function openSession(tx: Sql, keys: Keys, limits: SessionLimits, user: { tenant: number; userId: string }, begun: Begun, now: Date): Promise<string> {
  const token = newToken();
  const { tenant, userId } = user;
  const id = uuidv7(now.getTime());
  await tx.query('delete from session where tenant = $1 and (expires_at <= $2 or last_seen_at <= $3)', [tenant, now, new Date(now.getTime() - limits.idleMs)]);
  await tx.query(
    `delete from session where tenant = $1 and token_digest in
       (select token_digest from session where tenant = $1 and user_id = $2 order by created_at desc offset $3)`,
    [tenant, userId, maxSessionsPerUser - 1],
  );
  await tx.query(
    `insert into session (tenant, token_digest, user_id, created_at, last_seen_at, authenticated_at, expires_at, id, state, mfa, method, sealed_client)
     values ($1, $2, $3, $4, $4, $4, $5, $6, $7, $8, $9, $10)`,
    [tenant, digestOf(token), userId, now, endOf(begun.state, limits, now), id, begun.state, begun.mfa, begun.method, sealClient(keys, tenant, id, begun.client)],
  );
  return token;
}

/**
 * The same session a step on, or proven again: its old token is worth nothing from here on (ASVS 5.0, 7.2.4). Null where
 * the old token is no session's any more.
 */
export async function renewSession(
  tx: Sql, keys: Keys, limits: SessionLimits, session: Session, oldToken: string, begun: Begun & { proven: boolean }, now: Date,
): Promise<string | null> {
  const token = newToken();
  const completed = session.state !== 'full' && begun.state === 'full';
  const rows = await tx.query(
    `update session set token_digest = $3, state = $4, mfa = $5, method = $6, authenticated_at = $7, last_seen_at = $8, expires_at = $9, sealed_client = $10
     where tenant = $1 and token_digest = $2 returning id`,
    [
      session.tenant, digestOf(oldToken), digestOf(token), begun.state, begun.mfa, begun.method, begun.proven ? now : session.authenticatedAt, now,
      completed ? endOf('full', limits, now) : session.expiresAt, sealClient(keys, session.tenant, session.id, begun.client),
    ],
  );
  return rows.length === 0 ? null : token;
}

type SessionRow = {
  session_id: string; id: string; username: string; display_name: string; role: Role; groups: string[]; care_units: string[];
  state: SessionState; mfa: boolean; authenticated_at: Date; expires_at: Date; last_seen_at: Date;
};

/** The groups and units of user `u`; units of the person and of the groups. */
export const groupsAndUnits = `
  coalesce((select array_agg(g.group_name order by g.group_name) from user_group g where g.tenant = u.tenant and g.user_id = u.id), '{}') as groups,
  coalesce((select array_agg(distinct a.unit order by a.unit) from care_assignment a where a.tenant = u.tenant and a.subject = any (
    array['user:' || u.id] || array(select 'group:' || g.group_name from user_group g where g.tenant = u.tenant and g.user_id = u.id))), '{}') as care_units`;

/** The session of a token that is still good, with when it was last seen; null for any other token. */
export async function findSession(sql: Sql, tenant: number, token: string, limits: SessionLimits, now: Date): Promise<{ session: Session; lastSeenMs: number } | null> {
  const [row] = await sql.query<SessionRow>(
    `select s.id as session_id, u.id, u.username, u.display_name, u.role, s.state, s.mfa, s.authenticated_at, s.expires_at, s.last_seen_at, ${groupsAndUnits}
     from session s join app_user u on u.tenant = s.tenant and u.id = s.user_id
     where s.tenant = $1 and s.token_digest = $2 and s.expires_at > $3 and s.last_seen_at > $4 and not u.disabled`,
    [tenant, digestOf(token), now, new Date(now.getTime() - limits.idleMs)],
  );
  if (row === undefined) return null;
  return {
    session: {
      tenant, id: row.session_id, userId: row.id, username: row.username, displayName: row.display_name, role: row.role, groups: row.groups, careUnits: row.care_units,
      state: row.state, mfa: row.mfa, authenticatedAt: row.authenticated_at, expiresAt: row.expires_at,
    },
    lastSeenMs: row.last_seen_at.getTime(),
  };
}

export async function markSeen(sql: Sql, tenant: number, token: string, now: Date): Promise<void> {
  await sql.query('update session set last_seen_at = $3 where tenant = $1 and token_digest = $2', [tenant, digestOf(token), now]);
}

/** Which of these tokens are still good, in one look; nothing is marked as in use. */
export async function liveTokens(sql: Sql, tenant: number, tokens: readonly string[], limits: SessionLimits, now: Date): Promise<Set<string>> {
  const rows = await sql.query<{ token_digest: Buffer }>(
    `select s.token_digest from session s join app_user u on u.tenant = s.tenant and u.id = s.user_id
     where s.tenant = $1 and s.token_digest = any($2::bytea[]) and s.expires_at > $3 and s.last_seen_at > $4 and not u.disabled`,
    [tenant, tokens.map(digestOf), now, new Date(now.getTime() - limits.idleMs)],
  );
  const live = new Set(rows.map(({ token_digest: digest }) => digest.toString('hex')));
  return new Set(tokens.filter((token) => live.has(digestOf(token).toString('hex'))));
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

export async function openClient(keys: Keys, tenant: number, sessionId: string, sealed: Uint8Array): Promise<{ address: string; browser: string }> {
  // Sealed by `sealClient` under this id.
  return JSON.parse((await keys.open(tenant, sealed, `session|${sessionId}`)).toString()) as { address: string; browser: string };
}

function sealClient(keys: Keys, tenant: number, sessionId: string, { remote = '', browser = '' }: Client): Buffer {
  return keys.seal(tenant, { kind: 'tenant' }, Buffer.from(JSON.stringify({ address: remote, browser: browser.slice(0, maxBrowserLength) })), `session|${sessionId}`);
}

function endOf(state: SessionState, limits: SessionLimits, now: Date): Date {
  return new Date(now.getTime() + (state === 'full' ? limits.absoluteMs : Math.min(incompleteMs, limits.absoluteMs)));
}

export function isToken(text: string): boolean {
  return /^[A-Za-z0-9_-]{43}$/.test(text);
}

function newToken(): string {
  return randomBytes(32).toString('base64url');
}

function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
