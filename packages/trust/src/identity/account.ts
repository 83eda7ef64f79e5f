import { PrimumError } from '@primum/base';
import type { AccountView, WebAuthnAnswer } from '@primum/contract';
import type { Sql } from '@primum/store';
import { userPrincipal } from '../access/principal.ts';
import { factorRequired, hasFactor, personById, sessionNow, type IdentityContext } from './context.ts';
import { addPasskey, registrationOptions, type RelyingParty } from './passkeys.ts';
import { makeRecoveryCodes } from './recovery-codes.ts';
import { openClient, renewSession, stateAfter, type Client, type Session, type SignInMethod } from './sessions.ts';
import { beginTotp, takeTotp } from './totp.ts';

/** The session goes on under a new token. Recovery codes come with the first factor. */
export type AddedFactor = { token: string; session: Session; recoveryCodes: string[] | null };

/** What people do with their own factors and sessions. Whoever calls has asked for a fresh proof (`freshFactor` of the route). */
export type Account = {
  account(session: Session): Promise<AccountView>;
  beginTotp(session: Session): Promise<{ secret: string; uri: string }>;
  confirmTotp(session: Session, token: string, code: string, client: Client): Promise<AddedFactor>;
  removeTotp(session: Session): Promise<void>;
  passkeyRegistration(session: Session, rp: RelyingParty): Promise<Record<string, unknown>>;
  addPasskey(session: Session, token: string, rp: RelyingParty, answer: WebAuthnAnswer, client: Client): Promise<AddedFactor>;
  removePasskey(session: Session, id: string): Promise<void>;
  newRecoveryCodes(session: Session): Promise<string[]>;
  endOwnSession(session: Session, id: string): Promise<void>;
};

export function createAccount(context: IdentityContext): Account {
  const { db, keys, clock, limits, challenges, record } = context;

  const user = ({ tenant, userId, username, displayName }: Session): { tenant: number; userId: string; username: string; displayName: string } => ({ tenant, userId, username, displayName });

  /** A new factor was proven: recovery codes for who has none, and the session a step on. */
  const added = async (tx: Sql, session: Session, token: string, method: SignInMethod, client: Client): Promise<{ token: string; recoveryCodes: string[] | null }> => {
    const known = await tx.query('select 1 as has from recovery_code where tenant = $1 and user_id = $2 limit 1', [session.tenant, session.userId]);
    const recoveryCodes = known.length > 0 ? null : await makeRecoveryCodes(tx, keys, session);
    const actor = userPrincipal(session, client.remote);
    await record(tx, session.tenant, 'factor.added', actor, 'success', [{ type: 'user', id: session.userId }, { type: 'factor', id: method }]);
    const state = stateAfter(session.state, { factor: false, password: false, enrolment: false });
    if (session.state !== 'full') await record(tx, session.tenant, 'sign-in', actor, 'success', [{ type: 'method', id: method }]);
    const renewed = await renewSession(tx, keys, limits, session, token, { state, mfa: true, method, client, proven: true }, clock.now());
    if (renewed === null) throw new PrimumError('auth.required'); // was ended meanwhile: nothing is added
    return { recoveryCodes, token: renewed };
  };
  /** In turn with whoever takes factors away from this person or ends their sessions. */
  const inTurn = <T>(session: Session, work: (tx: Sql) => Promise<T>): Promise<T> => db.transaction(async (tx) => {
    await tx.query('select 1 from app_user where tenant = $1 and id = $2 for no key update', [session.tenant, session.userId]);
    return work(tx);
  });
  const refuse = async (session: Session, action: string): Promise<never> => {
    await record(db, session.tenant, action, userPrincipal(session), 'minor-failure', [{ type: 'refusal', id: 'auth.factor-failed' }]);
    throw new PrimumError('auth.factor-failed');
  };

  /** Takes a factor away; the last one stays where one is required. */
  const remove = async (session: Session, factor: string, statement: string, values: readonly unknown[]): Promise<void> => {
    await db.transaction(async (tx) => {
      await tx.query('select 1 from app_user where tenant = $1 and id = $2 for update', [session.tenant, session.userId]);
      if ((await tx.query(statement, values)).length === 0) throw new PrimumError('auth.factor-conflict', 'there is no such factor');
      const person = await personById(tx, session.tenant, session.userId);
      const left = await hasFactor(tx, session.tenant, session.userId);
      if (!left && person !== undefined && factorRequired(context.mode, person)) throw new PrimumError('auth.factor-conflict', 'the last factor stays');
      if (!left) await tx.query('delete from recovery_code where tenant = $1 and user_id = $2', [session.tenant, session.userId]);
      await record(tx, session.tenant, 'factor.removed', userPrincipal(session), 'success', [{ type: 'user', id: session.userId }, { type: 'factor', id: factor }]);
    });
  };

  return {
    account: (session) => readAccount(context, session),

    beginTotp: async (session) => {
      const begun = await beginTotp(db, keys, session, clock.now());
      if (begun === null) throw new PrimumError('auth.factor-conflict', 'an authenticator app is there already');
      await record(db, session.tenant, 'factor.begun', userPrincipal(session), 'success', [{ type: 'user', id: session.userId }, { type: 'factor', id: 'totp' }]);
      return begun;
    },
    confirmTotp: async (session, token, code, client) => {
      const result = await inTurn(session, async (tx) => (await takeTotp(tx, keys, session, code, clock.now(), true) ? added(tx, session, token, 'totp', client) : null));
      return result === null ? refuse(session, 'factor.added') : { ...await sessionNow(context, session.tenant, result.token), recoveryCodes: result.recoveryCodes };
    },
    removeTotp: (session) => remove(session, 'totp', 'delete from totp_factor where tenant = $1 and user_id = $2 returning 1 as gone', [session.tenant, session.userId]),

    passkeyRegistration: (session, rp) => registrationOptions(db, challenges, rp, user(session), session.id),
    addPasskey: async (session, token, rp, answer, client) => {
      const result = await inTurn(session, async (tx) => (
        await addPasskey(tx, challenges, rp, user(session), session.id, answer, clock.now()) === null ? null : added(tx, session, token, 'passkey', client)));
      return result === null ? refuse(session, 'factor.added') : { ...await sessionNow(context, session.tenant, result.token), recoveryCodes: result.recoveryCodes };
    },
    removePasskey: (session, id) => remove(session, 'passkey', 'delete from passkey where tenant = $1 and user_id = $2 and id = $3 returning 1 as gone', [session.tenant, session.userId, id]),

    newRecoveryCodes: (session) => db.transaction(async (tx) => {
      if (!await hasFactor(tx, session.tenant, session.userId)) throw new PrimumError('auth.factor-conflict', 'there is no factor to recover');
      await record(tx, session.tenant, 'factor.recovery-codes', userPrincipal(session), 'success', [{ type: 'user', id: session.userId }]);
      return makeRecoveryCodes(tx, keys, session);
    }),

    endOwnSession: async (session, id) => {
      await db.transaction(async (tx) => {
        const rows = await tx.query('delete from session where tenant = $1 and user_id = $2 and id = $3 returning 1 as gone', [session.tenant, session.userId, id]);
        if (rows.length > 0) await record(tx, session.tenant, 'session.ended', userPrincipal(session), 'success', [{ type: 'session', id }]);
      });
      context.sessions.forget();
    },
  };
}

type AccountRow = { totp: boolean; codes: number; password_changed_at: Date; external: boolean };
type PasskeyRow = { id: string; created_at: Date; last_used_at: Date | null; multi_device: boolean; backed_up: boolean };
type SessionRow = { id: string; created_at: Date; last_seen_at: Date; method: string; sealed_client: Buffer };

async function readAccount({ db, keys, mode, clock, limits }: IdentityContext, session: Session): Promise<AccountView> {
  const { tenant, userId } = session;
  const now = clock.now();
  const [[row], passkeys, sessions] = await Promise.all([
    db.query<AccountRow>(
      `select exists (select 1 from totp_factor f where f.tenant = $1 and f.user_id = $2 and f.confirmed_at is not null) as totp, password_changed_at, password_hash is null as external,
         (select count(*)::int from recovery_code c where c.tenant = $1 and c.user_id = $2 and c.used_at is null) as codes
       from app_user where tenant = $1 and id = $2`, [tenant, userId]),
    db.query<PasskeyRow>('select id, created_at, last_used_at, multi_device, backed_up from passkey where tenant = $1 and user_id = $2 order by created_at', [tenant, userId]),
    db.query<SessionRow>(
      `select id, created_at, last_seen_at, method, sealed_client from session
       where tenant = $1 and user_id = $2 and expires_at > $3 and last_seen_at > $4 order by last_seen_at desc`, [tenant, userId, now, new Date(now.getTime() - limits.idleMs)]),
  ]);
  const external = row?.external ?? false;
  return {
    username: session.username, displayName: session.displayName, totp: row?.totp ?? false, recoveryCodesLeft: row?.codes ?? 0,
    factorRequired: mode === 'production' && !external,
    passwordChangedAt: external || row === undefined ? null : row.password_changed_at.toISOString(),
    passkeys: passkeys.map((one) => ({ id: one.id, createdAt: one.created_at.toISOString(), lastUsedAt: one.last_used_at?.toISOString() ?? null, multiDevice: one.multi_device, backedUp: one.backed_up })),
    sessions: await Promise.all(sessions.map(async (one) => ({
      id: one.id, current: one.id === session.id, startedAt: one.created_at.toISOString(), lastSeenAt: one.last_seen_at.toISOString(), method: one.method,
      ...await openClient(keys, tenant, one.id, one.sealed_client),
    }))),
  };
}
