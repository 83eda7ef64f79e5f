import { PrimumError } from '@primum/base';
import type { FactorRequest, WebAuthnAnswer } from '@primum/contract';
import type { Sql } from '@primum/store';
import { userPrincipal, type UserPrincipal } from '../access/principal.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import { blindToken } from '../keys/blind-token.ts';
import { countFailure, dueOf, forgetFailures, hasFactor, holdPerson, personById, personNamed, sessionNow, type IdentityContext, type Person } from './context.ts';
import { createLimiter } from './limiter.ts';
import { createStrangers } from './lock-out.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';
import { passwordRefusal } from './password-rules.ts';
import { authenticationOptions, takePasskey, type RelyingParty } from './passkeys.ts';
import { readablePassword } from './readable-password.ts';
import { takeRecoveryCode } from './recovery-codes.ts';
import { openSession, renewSession, stateAfter, type Client, type Session, type SignInMethod } from './sessions.ts';
import { takeTotp } from './totp.ts';

/** `session.state` says what is still due; until it is `full`, the session answers nothing but that. */
export type SignIn =
  | { kind: 'signed-in'; token: string; session: Session }
  | { kind: 'refused'; code: 'auth.failed' | 'auth.busy' | 'auth.factor-failed' }
  | { kind: 'refused'; code: 'auth.locked'; retryAfterMs: number };

export type SignInSteps = {
  signIn(tenant: number, username: string, password: string, client: Client): Promise<SignIn>;
  /** Options for a passkey; with a session, of its person alone. */
  passkeyOptions(tenant: number, rp: RelyingParty, session?: Session): Promise<Record<string, unknown>>;
  /** A passkey alone signs in: it is verified by its owner's finger, face or PIN. A lock is on guessing, so it does not hold here. */
  passkeySignIn(tenant: number, rp: RelyingParty, answer: WebAuthnAnswer, client: Client): Promise<SignIn>;
  /** The second factor of a session that waits for one; of a full session, the proof that it is still the same person. */
  giveFactor(session: Session, token: string, factor: FactorRequest, rp: RelyingParty | undefined, client: Client): Promise<SignIn>;
  /** Ends the person's other sessions. Throws auth.password-refused with the rule. */
  changePassword(session: Session, token: string, passwords: { current: string; next: string }, client: Client): Promise<SignIn>;
};

const maxUsernameLength = 100;
const maxPasswordBytes = 1_024;

/**
 * Every step of signing in, refused or not, is on the audit log in the transaction that carries it out. An unknown name
 * costs as much time as a known one, locks as one does, and is written nowhere in clear: people type passwords into the
 * wrong field. Passwords and factors count failures together, and a right password does not clear the count while a
 * factor is due, so that knowing the one gives no free guesses at the other.
 */
export function createSignIn(context: IdentityContext): SignInSteps {
  const { db, keys, clock, limits, challenges, record } = context;
  const inTurn = createLimiter({ running: 2, waiting: 32 });
  const strangers = createStrangers();
  let decoy: Promise<string> | undefined;

  const busy: SignIn = { kind: 'refused', code: 'auth.busy' };
  const lockOf = (person: Person): SignIn | undefined => {
    const leftMs = (person.lockedUntil?.getTime() ?? 0) - clock.now().getTime();
    return leftMs > 0 ? { kind: 'refused', code: 'auth.locked', retryAfterMs: leftMs } : undefined;
  };
  const signedIn = async (tenant: number, token: string | null): Promise<SignIn> => ({ kind: 'signed-in', ...await sessionNow(context, tenant, token) });

  const refuse = async (tenant: number, person: Person, action: string, actor: AuditActor, code: 'auth.failed' | 'auth.factor-failed'): Promise<SignIn> => {
    await db.transaction(async (tx) => {
      await countFailure(tx, tenant, person.id, clock.now());
      await record(tx, tenant, action, actor, 'minor-failure', [{ type: 'refusal', id: code }]);
    });
    return { kind: 'refused', code };
  };

  /** Opens a session in the state that is due, and says so on the log: only a complete one is a `sign-in`. */
  const begin = async (tx: Sql, tenant: number, person: Person, method: SignInMethod, mfa: boolean, client: Client, actor: AuditActor): Promise<string> => {
    const due = await dueOf(context, tx, tenant, person, mfa);
    // Whoever brought a passkey did not use the password that is to be changed.
    const state = stateAfter('password-checked', method === 'passkey' ? { factor: false, password: false, enrolment: false } : due);
    if (state === 'full') await forgetFailures(tx, tenant, person.id);
    await record(tx, tenant, state === 'full' ? 'sign-in' : 'sign-in.begun', actor, 'success', [{ type: 'method', id: method }, ...(state === 'full' ? [] : [{ type: 'due', id: state }])]);
    return openSession(tx, keys, limits, { tenant, userId: person.id }, { state, mfa, method, client }, clock.now());
  };

  /** In one turn of the limiter, the user read after it began: parallel guesses can't outrun the lock. */
  const attempt = async (tenant: number, username: string, password: string, client: Client): Promise<SignIn> => {
    const nowMs = clock.now().getTime();
    const person = await personNamed(db, tenant, username);
    const token = blindToken(keys, tenant, 'username', username).toString('hex');
    const actor: AuditActor = person === undefined ? { kind: 'unknown', usernameToken: token, ...remoteOf(client) } : principalOf(person, client);
    const lockedUntilMs = person === undefined ? strangers.lockedUntilMs(token) : person.lockedUntil?.getTime() ?? 0;
    if (lockedUntilMs > nowMs) {
      await record(db, tenant, 'sign-in', actor, 'minor-failure', [{ type: 'refusal', id: 'auth.locked' }]);
      return { kind: 'refused', code: 'auth.locked', retryAfterMs: lockedUntilMs - nowMs };
    }
    decoy ??= hashPassword(readablePassword());
    const matches = await verifyPassword(password, person?.passwordHash ?? await decoy);
    if (person === undefined) {
      await db.transaction(async (tx) => {
        strangers.fail(token, nowMs);
        await record(tx, tenant, 'sign-in', actor, 'minor-failure', [{ type: 'refusal', id: 'auth.failed' }]);
      });
      return { kind: 'refused', code: 'auth.failed' };
    }
    if (!matches || person.passwordHash === null || person.disabled) return refuse(tenant, person, 'sign-in', actor, 'auth.failed');
    const opened = await db.transaction(async (tx) => (await holdPerson(tx, tenant, person.id, person.passwordHash) ? begin(tx, tenant, person, 'password', false, client, actor) : null));
    return opened === null ? refuse(tenant, person, 'sign-in', actor, 'auth.failed') : signedIn(tenant, opened);
  };

  /** Which factor was given, or null where none of them fits. */
  const take = async (tx: Sql, session: Session, person: Person, factor: FactorRequest, rp: RelyingParty | undefined): Promise<SignInMethod | null> => {
    const user = { tenant: session.tenant, userId: session.userId };
    const now = clock.now();
    if (factor.code !== undefined) return await takeTotp(tx, keys, user, factor.code, now) ? 'totp' : null;
    if (factor.recoveryCode !== undefined) return await takeRecoveryCode(tx, keys, user, factor.recoveryCode, now) ? 'recovery-code' : null;
    if (factor.passkey !== undefined) {
      return rp !== undefined && await takePasskey(tx, challenges, rp, session.tenant, factor.passkey, now, { userId: session.userId, sessionId: session.id }) !== null ? 'passkey' : null;
    }
    // A password proves who has nothing better; it is never a second factor.
    if (factor.password === undefined || person.passwordHash === null || session.state !== 'full' || await hasFactor(tx, session.tenant, session.userId)) return null;
    return await verifyPassword(factor.password, person.passwordHash) ? 'password' : null;
  };

  return {
    signIn: async (tenant, username, password, client) => {
      const name = normaliseUsername(username);
      if (name.length > maxUsernameLength || Buffer.byteLength(password) > maxPasswordBytes) return { kind: 'refused', code: 'auth.failed' };
      const result = await inTurn(() => attempt(tenant, name, password, client));
      return result === 'refused' ? busy : result;
    },

    passkeyOptions: (tenant, rp, session) =>
      authenticationOptions(db, challenges, rp, tenant, session === undefined ? undefined : { userId: session.userId, sessionId: session.id }),

    passkeySignIn: async (tenant, rp, answer, client) => {
      const token = await db.transaction(async (tx) => {
        const taken = await takePasskey(tx, challenges, rp, tenant, answer, clock.now());
        const person = taken === null ? undefined : await personById(tx, tenant, taken.userId);
        if (person === undefined || person.disabled) return null;
        return begin(tx, tenant, person, 'passkey', true, client, principalOf(person, client));
      });
      if (token !== null) return signedIn(tenant, token);
      const unknown = blindToken(keys, tenant, 'username', JSON.stringify(['passkey', answer.id])).toString('hex');
      await record(db, tenant, 'sign-in', { kind: 'unknown', usernameToken: unknown, ...remoteOf(client) }, 'minor-failure', [{ type: 'refusal', id: 'auth.factor-failed' }]);
      return { kind: 'refused', code: 'auth.factor-failed' };
    },

    giveFactor: async (session, token, factor, rp, client) => {
      const { tenant } = session;
      const person = await personById(db, tenant, session.userId);
      if (person === undefined) throw new PrimumError('auth.required');
      const actor = userPrincipal(session, client.remote);
      const action = session.state === 'full' ? 'session.confirmed' : 'sign-in';
      const result = await inTurn(async (): Promise<SignIn> => {
        const locked = lockOf(await personById(db, tenant, session.userId) ?? person);
        if (locked !== undefined) {
          await record(db, tenant, action, actor, 'minor-failure', [{ type: 'refusal', id: 'auth.locked' }]);
          return locked;
        }
        const renewed = await db.transaction(async (tx) => {
          const method = await take(tx, session, person, factor, rp);
          if (method === null) return null;
          const due = await dueOf(context, tx, tenant, person, true);
          const state = session.state === 'full' ? 'full' : stateAfter(session.state, due);
          if (state === 'full') await forgetFailures(tx, tenant, person.id);
          await record(tx, tenant, state === 'full' ? action : 'sign-in.begun', actor, 'success', [{ type: 'method', id: method }]);
          return { token: await renewSession(tx, keys, limits, session, token, { state, mfa: session.mfa || method !== 'password', method, client, proven: true }, clock.now()) };
        });
        return renewed === null ? refuse(tenant, person, action, actor, 'auth.factor-failed') : signedIn(tenant, renewed.token);
      });
      return result === 'refused' ? busy : result;
    },

    changePassword: async (session, token, { current, next }, client) => {
      const { tenant, userId } = session;
      const actor = userPrincipal(session, client.remote);
      const result = await inTurn(async (): Promise<SignIn> => {
        const person = await personById(db, tenant, userId);
        if (person === undefined || person.passwordHash === null) throw new PrimumError('auth.required');
        const locked = lockOf(person);
        if (locked !== undefined) return locked;
        const refusal = next === current ? 'the one it was' : passwordRefusal(next, [person.username, person.displayName]);
        if (refusal !== undefined) throw new PrimumError('auth.password-refused', refusal);
        if (Buffer.byteLength(current) > maxPasswordBytes || !await verifyPassword(current, person.passwordHash)) return refuse(tenant, person, 'user.password-changed', actor, 'auth.failed');
        const passwordHash = await hashPassword(next);
        return signedIn(tenant, await db.transaction(async (tx) => {
          const now = clock.now();
          if (!await holdPerson(tx, tenant, userId, person.passwordHash)) throw new PrimumError('auth.required');
          await tx.query('update app_user set password_hash = $3, must_change_password = false, password_changed_at = $4, valid_from = $4 where tenant = $1 and id = $2', [tenant, userId, passwordHash, now]);
          await tx.query('delete from session where tenant = $1 and user_id = $2 and id <> $3', [tenant, userId, session.id]);
          await record(tx, tenant, 'user.password-changed', actor, 'success', [{ type: 'user', id: userId }]);
          const state = session.state === 'full' ? 'full' : stateAfter(session.state, await dueOf(context, tx, tenant, { ...person, mustChangePassword: false }, session.mfa));
          if (session.state !== 'full' && state === 'full') await record(tx, tenant, 'sign-in', actor, 'success', [{ type: 'method', id: 'password' }]);
          if (state === 'full') await forgetFailures(tx, tenant, userId);
          const renewed = await renewSession(tx, keys, limits, session, token, { state, mfa: session.mfa, method: 'password', client, proven: !session.mfa }, now);
          if (renewed === null) throw new PrimumError('auth.required'); // was ended meanwhile: nothing changes
          return renewed;
        }));
      });
      return result === 'refused' ? busy : result;
    },
  };
}

function principalOf(person: Person, client: Client): UserPrincipal {
  return userPrincipal({ userId: person.id, username: person.username, role: person.role }, client.remote);
}

function remoteOf(client: Client): { remote?: string } {
  return client.remote === undefined ? {} : { remote: client.remote };
}

/** PRECIS username, case mapped (RFC 8265, 3.3), roughly: what looks and types the same is the same. */
export function normaliseUsername(username: string): string {
  return username.normalize('NFKC').trim().toLowerCase();
}
