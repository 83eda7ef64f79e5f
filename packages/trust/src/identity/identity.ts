import { PrimumError, uuidv7, type Clock } from '@primum/base';
import type { Role } from '@primum/contract';
import { sqlState, type Db, type Sql } from '@primum/store';
import { mintSystemPrincipal, userPrincipal, type Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditActor, AuditInput, AuditOutcome } from '../audit/audit-event.ts';
import { blindToken } from '../keys/blind-token.ts';
import type { Keys } from '../keys/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { createLimiter } from './limiter.ts';
import { createStrangers, lockMsAfter } from './lock-out.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { readablePassword } from './readable-password.ts';
import { closeSession, findSession, openSession, type Session } from './sessions.ts';

export type IdentityDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };
export type SeededUser = { username: string; displayName: string; role: Role; password: string };
export type SignIn =
  | { kind: 'signed-in'; token: string; session: Session }
  | { kind: 'refused'; code: 'auth.failed' | 'auth.busy' }
  | { kind: 'refused'; code: 'auth.locked'; retryAfterMs: number };

/**
 * People, their passwords and their sessions. Every sign-in, refused or not, and every sign-out is on the audit log in
 * the transaction that carries it out. An unknown name costs as much time as a known one, locks as one does, and is
 * written nowhere in clear: people type passwords into the wrong field.
 */
export type Identity = {
  /** Makes one user of each role where there are none and returns their passwords, this once; else nothing. */
  seedUsers(tenant: number): Promise<SeededUser[]>;
  signIn(tenant: number, username: string, password: string, client: { remote?: string }): Promise<SignIn>;
  session(tenant: number, token: string): Promise<Session | null>;
  signOut(tenant: number, token: string): Promise<void>;
  /** A new password, the lock lifted, all sessions ended. Throws auth.user-missing; auth.forbidden without `user.manage`. */
  resetPassword(tenant: number, username: string, by: Principal): Promise<{ password: string }>;
};

const seeds: readonly { username: string; displayName: string; role: Role }[] = [
  { username: 'clinician', displayName: 'Clinician', role: 'clinician' },
  { username: 'integration', displayName: 'Integration engineer', role: 'integration-engineer' },
  { username: 'data', displayName: 'Data scientist', role: 'data-scientist' },
  { username: 'ml', displayName: 'ML engineer', role: 'ml-engineer' },
  { username: 'privacy', displayName: 'Privacy officer', role: 'privacy-officer' },
  { username: 'security', displayName: 'Security officer', role: 'security-officer' },
  { username: 'auditor', displayName: 'Auditor', role: 'auditor' },
];
const maxUsernameLength = 100;
const maxPasswordBytes = 1_024;
/** Verified against where there is no user; the hash of a password that nobody has. */
const decoyPassword = (): string => readablePassword();

type UserRow = { id: string; username: string; display_name: string; role: Role; password_hash: string; locked_until: Date | null };

export function createIdentity(deps: IdentityDeps): Identity {
  const { db, keys, audit, clock } = deps;
  const inTurn = createLimiter({ running: 2, waiting: 32 });
  const strangers = createStrangers();
  let decoy: Promise<string> | undefined;

  const record = (tx: Sql, tenant: number, action: string, principal: AuditActor, outcome: AuditOutcome, entities?: AuditInput['entities']): Promise<void> =>
    audit.write(tx, [{ tenant, action, outcome, principal, purpose: 'HSYSADMIN', at: clock.now(), ...(entities === undefined ? {} : { entities }) }]);

  /** In one turn of the limiter, the user read after it began: parallel guesses can't outrun the lock. */
  const attempt = async (tenant: number, username: string, password: string, remote: { remote?: string }): Promise<SignIn> => {
    const nowMs = clock.now().getTime();
    const [user] = await db.query<UserRow>(
      'select id, username, display_name, role, password_hash, locked_until from app_user where tenant = $1 and username = $2', [tenant, username],
    );
    const token = blindToken(keys, tenant, 'username', username).toString('hex');
    const actor: AuditActor = user === undefined
      ? { kind: 'unknown', usernameToken: token, ...remote }
      : userPrincipal({ userId: user.id, username: user.username, role: user.role }, remote.remote);
    const lockedUntilMs = user === undefined ? strangers.lockedUntilMs(token) : user.locked_until?.getTime() ?? 0;
    if (lockedUntilMs > nowMs) {
      await record(db, tenant, 'sign-in', actor, 'minor-failure', [{ type: 'refusal', id: 'auth.locked' }]);
      return { kind: 'refused', code: 'auth.locked', retryAfterMs: lockedUntilMs - nowMs };
    }
    decoy ??= hashPassword(decoyPassword());
    const matches = await verifyPassword(password, user?.password_hash ?? await decoy);
    if (user === undefined || !matches) {
      await db.transaction(async (tx) => {
        if (user === undefined) strangers.fail(token, nowMs);
        else await countFailure(tx, tenant, user.id, nowMs);
        await record(tx, tenant, 'sign-in', actor, 'minor-failure', [{ type: 'refusal', id: 'auth.failed' }]);
      });
      return { kind: 'refused', code: 'auth.failed' };
    }
    return db.transaction(async (tx) => {
      await tx.query('update app_user set failed_attempts = 0, locked_until = null where tenant = $1 and id = $2', [tenant, user.id]);
      const opened = await openSession(tx, { tenant, userId: user.id }, clock.now());
      await record(tx, tenant, 'sign-in', actor, 'success');
      const session: Session = { tenant, userId: user.id, username: user.username, displayName: user.display_name, role: user.role, expiresAt: opened.expiresAt };
      return { kind: 'signed-in', token: opened.token, session };
    });
  };

  return {
    seedUsers: async (tenant) => {
      if ((await db.query('select 1 from app_user where tenant = $1 limit 1', [tenant])).length > 0) return [];
      const users: SeededUser[] = seeds.map((seed) => ({ ...seed, password: readablePassword() }));
      const hashes = await Promise.all(users.map(({ password }) => hashPassword(password)));
      try {
        await db.transaction(async (tx) => {
          await tx.query(
            `insert into app_user (tenant, id, username, display_name, role, password_hash)
             select $1, * from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])`,
            [tenant, users.map(() => uuidv7()), users.map(({ username }) => username), users.map(({ displayName }) => displayName), users.map(({ role }) => role), hashes],
          );
          const principal = mintSystemPrincipal('trust');
          await audit.write(tx, users.map(({ username }) => ({
            tenant, action: 'user.created', outcome: 'success', principal, purpose: 'HSYSADMIN', at: clock.now(), entities: [{ type: 'username', id: username }],
          })));
        });
      } catch (error) {
        // Another process seeded at the same moment, and printed its passwords.
        if (sqlState(error) === '23505') return [];
        throw error;
      }
      return users;
    },

    signIn: async (tenant, username, password, client) => {
      const name = normaliseUsername(username);
      if (name.length > maxUsernameLength || Buffer.byteLength(password) > maxPasswordBytes) return { kind: 'refused', code: 'auth.failed' };
      const result = await inTurn(() => attempt(tenant, name, password, client));
      return result === 'refused' ? { kind: 'refused', code: 'auth.busy' } : result;
    },

    session: (tenant, token) => findSession(db, tenant, token, clock.now()),

    signOut: (tenant, token) => db.transaction(async (tx) => {
      const user = await closeSession(tx, tenant, token);
      if (user !== null) await record(tx, tenant, 'sign-out', userPrincipal(user), 'success');
    }),

    resetPassword: async (tenant, username, by) => {
      await requirePermission(deps, { tenant, principal: by, authority: 'user.manage', purpose: 'HSYSADMIN', action: 'user.password-reset' });
      const password = readablePassword();
      const passwordHash = await hashPassword(password);
      await db.transaction(async (tx) => {
        const [user] = await tx.query<{ id: string }>(
          `update app_user set password_hash = $3, failed_attempts = 0, locked_until = null where tenant = $1 and username = $2 returning id`,
          [tenant, normaliseUsername(username), passwordHash],
        );
        if (user === undefined) throw new PrimumError('auth.user-missing');
        await tx.query('delete from session where tenant = $1 and user_id = $2', [tenant, user.id]);
        await record(tx, tenant, 'user.password-reset', by, 'success', [{ type: 'user', id: user.id }]);
      });
      return { password };
    },
  };
}

/** Adds one failure and locks as that many in a row deserve; the row's lock keeps two processes from both counting to four. */
async function countFailure(tx: Sql, tenant: number, userId: string, nowMs: number): Promise<void> {
  const [row] = await tx.query<{ failed_attempts: number }>(
    'update app_user set failed_attempts = failed_attempts + 1 where tenant = $1 and id = $2 returning failed_attempts', [tenant, userId],
  );
  const lockMs = lockMsAfter(row?.failed_attempts ?? 0);
  if (lockMs > 0) await tx.query('update app_user set locked_until = $3 where tenant = $1 and id = $2', [tenant, userId, new Date(nowMs + lockMs)]);
}

function normaliseUsername(username: string): string {
  return username.normalize('NFKC').trim().toLowerCase();
}
