import { PrimumError, uuidv7 } from '@primum/base';
import type { Role } from '@primum/contract';
import { sqlState } from '@primum/store';
import { userPrincipal } from '../access/principal.ts';
import { blindToken } from '../keys/blind-token.ts';
import { sessionNow, type IdentityContext } from './context.ts';
import { openSession, type Client, type Session } from './sessions.ts';
import { normaliseUsername } from './sign-in.ts';
import { setGroups } from './user-rows.ts';
import { endAll } from './users.ts';

/** A person as another issuer vouches for them, its claims mapped to what is known here. */
export type ExternalPerson = { issuer: string; subject: string; username: string; displayName: string; role: Role; groups: readonly string[] };

/**
 * A session for who has signed in at another issuer. The person is made at the first sign-in and follows the issuer's
 * role and groups at each; units stay what was assigned here. `mfa`: the issuer says (amr, acr) that a second factor was
 * given; in production it must. Throws auth.factor-failed, auth.forbidden (disabled here), auth.user-exists (another
 * person has this name).
 */
export async function sessionForExternal(
  context: IdentityContext, tenant: number, external: ExternalPerson, factors: { mfa: boolean }, client: Client,
): Promise<{ token: string; session: Session }> {
  const { db, keys, clock, limits, mode, record } = context;
  if (mode === 'production' && !factors.mfa) throw new PrimumError('auth.factor-failed', 'the issuer did not ask for a second factor');
  const now = clock.now();
  const subject = blindToken(keys, tenant, 'username', JSON.stringify(['external', external.issuer, external.subject]));
  const username = normaliseUsername(external.username);
  try {
    const token = await db.transaction(async (tx) => {
      const [known] = await tx.query<{ id: string; role: Role; disabled: boolean }>(
        `select u.id, u.role, u.disabled from external_identity e join app_user u on u.tenant = e.tenant and u.id = e.user_id
         where e.tenant = $1 and e.issuer = $2 and e.subject_token = $3 for update of u`, [tenant, external.issuer, subject],
      );
      const userId = known?.id ?? uuidv7(now.getTime());
      const principal = userPrincipal({ userId, username, role: external.role, groups: external.groups, mfa: factors.mfa }, client.remote);
      if (known?.disabled === true) return null;
      if (known === undefined) {
        await tx.query('insert into app_user (tenant, id, username, display_name, role, password_hash) values ($1, $2, $3, $4, $5, null)', [tenant, userId, username, external.displayName, external.role]);
        await tx.query('insert into external_identity (tenant, issuer, subject_token, user_id) values ($1, $2, $3, $4)', [tenant, external.issuer, subject, userId]);
        await record(tx, tenant, 'user.created', principal, 'success', [{ type: 'user', id: userId }, { type: 'issuer', id: external.issuer }, { type: 'role-after', id: external.role }]);
      } else if (known.role !== external.role) {
        await endAll(tx, tenant, userId, now);
        await record(tx, tenant, 'user.changed', principal, 'success', [{ type: 'user', id: userId }, { type: 'role-before', id: known.role }, { type: 'role-after', id: external.role }]);
      }
      await tx.query('update app_user set username = $3, display_name = $4, role = $5 where tenant = $1 and id = $2', [tenant, userId, username, external.displayName, external.role]);
      await setGroups(tx, tenant, userId, external.groups);
      await record(tx, tenant, 'sign-in', principal, 'success', [{ type: 'method', id: 'external' }, { type: 'issuer', id: external.issuer }]);
      return openSession(tx, keys, limits, { tenant, userId }, { state: 'full', mfa: factors.mfa, method: 'external', client }, now);
    });
    if (token === null) throw new PrimumError('auth.forbidden', 'this person is disabled here');
    return await sessionNow(context, tenant, token);
  } catch (error) {
    if (sqlState(error) === '23505') throw new PrimumError('auth.user-exists');
    throw error;
  }
}
