import type { Role } from '@primum/contract';
import { userPrincipal, type UserPrincipal } from '../access/principal.ts';
import { createAccount, type Account } from './account.ts';
import { createContext, type IdentityDeps, type IdentityOptions } from './context.ts';
import { sessionForExternal, type ExternalPerson } from './external.ts';
import { seedUsers, type SeededUser } from './seed-users.ts';
import { closeSession, groupsAndUnits, isToken, liveTokens, type Client, type Session, type SessionLimits } from './sessions.ts';
import { createSignIn, type SignInSteps } from './sign-in.ts';
import { createUsers, type Users } from './users.ts';

/** A route that asks for a fresh proof takes one that is this old at most. */
const freshMs = 15 * 60_000;

/** People: how they sign in, what proves them, their sessions, and who administers them. */
export type Identity = SignInSteps & Account & Users & {
  readonly limits: SessionLimits;
  seedUsers(tenant: number): Promise<SeededUser[]>;
  /** The session of a token that is still good. `use: false` looks without keeping it from growing idle. */
  session(tenant: number, token: string, options?: { use: boolean }): Promise<Session | null>;
  /** Which of these tokens are still good; for connections that stay open. */
  liveTokens(tenant: number, tokens: readonly string[]): Promise<Set<string>>;
  isFresh(session: Session): boolean;
  signOut(tenant: number, token: string): Promise<void>;
  sessionForExternal(tenant: number, person: ExternalPerson, factors: { mfa: boolean }, client: Client): Promise<{ token: string; session: Session }>;
  /** A person as they are now, for tokens that speak for them; what was issued before `validFrom` is void. Null: none, or disabled. */
  personNow(tenant: number, userId: string): Promise<{ principal: UserPrincipal; displayName: string; validFrom: Date } | null>;
};

export function createIdentity(deps: IdentityDeps, options: IdentityOptions = { mode: 'demonstration' }): Identity {
  const context = createContext(deps, options);
  const { db, clock, limits, record } = context;
  return {
    ...createSignIn(context), ...createAccount(context), ...createUsers(context),
    limits,
    seedUsers: (tenant) => seedUsers(context, tenant),
    session: (tenant, token, { use } = { use: true }) => context.sessions.find(tenant, token, use),
    liveTokens: (tenant, tokens) => liveTokens(db, tenant, tokens.filter(isToken), limits, clock.now()),
    isFresh: (session) => clock.now().getTime() - session.authenticatedAt.getTime() <= freshMs,
    signOut: async (tenant, token) => {
      await db.transaction(async (tx) => {
        const user = await closeSession(tx, tenant, token);
        if (user !== null) await record(tx, tenant, 'sign-out', userPrincipal(user), 'success');
      });
      context.sessions.forget();
    },
    sessionForExternal: (tenant, person, factors, client) => sessionForExternal(context, tenant, person, factors, client),
    personNow: async (tenant, userId) => {
      const [row] = await db.query<{ username: string; display_name: string; role: Role; valid_from: Date; groups: string[]; care_units: string[] }>(
        `select u.username, u.display_name, u.role, u.valid_from, ${groupsAndUnits} from app_user u where u.tenant = $1 and u.id = $2 and not u.disabled`, [tenant, userId],
      );
      if (row === undefined) return null;
      const { username, role, groups, care_units: careUnits } = row;
      return { principal: userPrincipal({ userId, username, role, groups, careUnits }), displayName: row.display_name, validFrom: row.valid_from };
    },
  };
}
