import { PrimumError, type Clock } from '@primum/base';
import type { Mode, Role } from '@primum/contract';
import type { Db, Sql } from '@primum/store';
import type { Audit } from '../audit/audit.ts';
import type { AuditActor, AuditEntity, AuditOutcome } from '../audit/audit-event.ts';
import type { Keys } from '../keys/keys.ts';
import type { Policy } from '../policy/policy.ts';
import { createChallenges, type Challenges } from './challenges.ts';
import { lockMsAfter } from './lock-out.ts';
import { createSessionCache, type SessionCache } from './session-cache.ts';
import type { Due, Session, SessionLimits } from './sessions.ts';

export type IdentityDeps = { db: Db; keys: Keys; audit: Audit; clock: Clock; policy: Policy };
export type IdentityOptions = { mode: Mode; limits?: Partial<SessionLimits> };

export type Person = {
  id: string; username: string; displayName: string; role: Role; passwordHash: string | null; lockedUntil: Date | null;
  disabled: boolean; mustChangePassword: boolean;
};

/** What the parts of identity share. */
export type IdentityContext = IdentityDeps & {
  mode: Mode;
  limits: SessionLimits;
  sessions: SessionCache;
  challenges: Challenges;
  record(tx: Sql, tenant: number, action: string, actor: AuditActor, outcome: AuditOutcome, entities?: readonly AuditEntity[]): Promise<void>;
};

export function createContext(deps: IdentityDeps, { mode, limits }: IdentityOptions): IdentityContext {
  const bounds: SessionLimits = { absoluteMs: 8 * 3_600_000, idleMs: (mode === 'production' ? 15 : 30) * 60_000, ...limits };
  return {
    ...deps, mode, limits: bounds,
    sessions: createSessionCache(deps, bounds),
    challenges: createChallenges(deps),
    record: (tx, tenant, action, principal, outcome, entities) =>
      deps.audit.write(tx, [{ tenant, action, outcome, principal, purpose: 'HSYSADMIN', at: deps.clock.now(), ...(entities === undefined ? {} : { entities }) }]),
  };
}

type PersonRow = {
  id: string; username: string; display_name: string; role: Role; password_hash: string | null; locked_until: Date | null; disabled: boolean; must_change_password: boolean;
};
const personColumns = 'id, username, display_name, role, password_hash, locked_until, disabled, must_change_password';
const personOf = (row: PersonRow): Person => ({
  id: row.id, username: row.username, displayName: row.display_name, role: row.role, passwordHash: row.password_hash, lockedUntil: row.locked_until,
  disabled: row.disabled, mustChangePassword: row.must_change_password,
});

export async function personNamed(sql: Sql, tenant: number, username: string): Promise<Person | undefined> {
  const [row] = await sql.query<PersonRow>(`select ${personColumns} from app_user where tenant = $1 and username = $2`, [tenant, username]);
  return row === undefined ? undefined : personOf(row);
}

export async function personById(sql: Sql, tenant: number, id: string): Promise<Person | undefined> {
  const [row] = await sql.query<PersonRow>(`select ${personColumns} from app_user where tenant = $1 and id = $2`, [tenant, id]);
  return row === undefined ? undefined : personOf(row);
}

/**
 * Holds a person's row until the transaction is over, as every change of an administrator does: what was checked before it
 * counts only if nothing has changed since. False where this password is not theirs any more, or they are disabled.
 */
export async function holdPerson(tx: Sql, tenant: number, id: string, passwordHash: string | null): Promise<boolean> {
  const rows = await tx.query('select 1 as held from app_user where tenant = $1 and id = $2 and password_hash is not distinct from $3 and not disabled for no key update', [tenant, id, passwordHash]);
  return rows.length > 0;
}

/** In production nobody gets in by a password alone; whoever comes from another issuer brings the factor from there. */
export function factorRequired(mode: Mode, person: Pick<Person, 'passwordHash'>): boolean {
  return mode === 'production' && person.passwordHash !== null;
}

/** A confirmed authenticator app or a passkey. */
export async function hasFactor(sql: Sql, tenant: number, userId: string): Promise<boolean> {
  const rows = await sql.query(
    `select 1 as has from totp_factor where tenant = $1 and user_id = $2 and confirmed_at is not null
     union all select 1 from passkey where tenant = $1 and user_id = $2 limit 1`,
    [tenant, userId],
  );
  return rows.length > 0;
}

/** What is due of a person who proved a factor, or did not yet. */
export async function dueOf(context: IdentityContext, sql: Sql, tenant: number, person: Person, factorGiven: boolean): Promise<Due> {
  const has = await hasFactor(sql, tenant, person.id);
  return { factor: has && !factorGiven, password: person.mustChangePassword, enrolment: !has && factorRequired(context.mode, person) };
}

/** Adds one failure and locks as that many in a row deserve; the row's lock keeps two processes from both counting to four. */
export async function countFailure(tx: Sql, tenant: number, userId: string, now: Date): Promise<void> {
  const [row] = await tx.query<{ failed_attempts: number }>(
    'update app_user set failed_attempts = failed_attempts + 1 where tenant = $1 and id = $2 returning failed_attempts', [tenant, userId],
  );
  const lockMs = lockMsAfter(row?.failed_attempts ?? 0);
  if (lockMs > 0) await tx.query('update app_user set locked_until = $3 where tenant = $1 and id = $2', [tenant, userId, new Date(now.getTime() + lockMs)]);
}

export async function forgetFailures(tx: Sql, tenant: number, userId: string): Promise<void> {
  await tx.query('update app_user set failed_attempts = 0, locked_until = null where tenant = $1 and id = $2 and (failed_attempts > 0 or locked_until is not null)', [tenant, userId]);
}

/** After a commit that changed a session: the session as it is now. */
export async function sessionNow(context: IdentityContext, tenant: number, token: string | null): Promise<{ token: string; session: Session }> {
  context.sessions.forget();
  const session = token === null ? null : await context.sessions.find(tenant, token, true);
  if (token === null || session === null) throw new PrimumError('auth.required');
  return { token, session };
}
