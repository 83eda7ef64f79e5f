import { PrimumError, uuidv7 } from '@primum/base';
import type { NewUser, UserChange, UserRow, UsersPage } from '@primum/contract';
import { sqlState, type Sql } from '@primum/store';
import type { Principal } from '../access/principal.ts';
import { requirePermission } from '../access/require-permission.ts';
import type { AuditEntity } from '../audit/audit-event.ts';
import type { IdentityContext } from './context.ts';
import { hashPassword } from './password-hash.ts';
import { readablePassword } from './readable-password.ts';
import { normaliseUsername } from './sign-in.ts';
import { readGroups, readUser, readUsers, setGroups, setUnits } from './user-rows.ts';

export type OneTime = { id: string; username: string; password: string };

/**
 * Administration of people, for who holds `user.manage`: every change with what was before and after, in the transaction
 * that makes it. Nobody changes their own rights, and the last security officer stays. A change of role, a disabled
 * account and a reset end the person's sessions; groups and units hold from the next look-up of the session.
 */
export type Users = {
  users(tenant: number, by: Principal): Promise<UsersPage>;
  /** Of a name; for the command line. Throws auth.user-missing. */
  userIdOf(tenant: number, username: string): Promise<string>;
  /** The password is to be changed at its first use. Throws auth.user-exists. */
  createUser(tenant: number, by: Principal, user: NewUser): Promise<OneTime>;
  changeUser(tenant: number, by: Principal, id: string, change: UserChange): Promise<UserRow>;
  /** A new one-time password, the lock lifted, all sessions ended. Throws auth.user-missing. */
  resetPasswordOf(tenant: number, by: Principal, id: string): Promise<OneTime>;
  resetPassword(tenant: number, username: string, by: Principal): Promise<OneTime>;
  /** Takes all second factors and recovery codes away; the next sign-in enrols anew where one is required. */
  resetFactors(tenant: number, by: Principal, id: string): Promise<void>;
  unlockUser(tenant: number, by: Principal, id: string): Promise<void>;
  endSessions(tenant: number, by: Principal, id: string): Promise<void>;
  /** `token`: of the medical record number, as `patient_identifier` has it; null takes the link away. */
  linkOwnRecord(tenant: number, by: Principal, id: string, token: Buffer | null): Promise<void>;
  setGroupUnits(tenant: number, by: Principal, group: string, units: readonly string[]): Promise<void>;
};

export function createUsers(context: IdentityContext): Users {
  const { db, clock, record } = context;
  const permit = (tenant: number, by: Principal, action: string): Promise<unknown> =>
    requirePermission(context, { tenant, principal: by, authority: 'user.manage', purpose: 'HSYSADMIN', action });

  /** One change of one person: permitted, in one transaction with its audit, in force at once. */
  const change = async (
    tenant: number, by: Principal, id: string, action: string, options: { ends: boolean; own: boolean }, work: (tx: Sql, before: UserRow) => Promise<readonly AuditEntity[]>,
  ): Promise<void> => {
    await permit(tenant, by, action);
    if (!options.own && by.kind === 'user' && by.userId === id) throw new PrimumError('auth.own-account');
    await db.transaction(async (tx) => {
      await tx.query('select 1 from app_user where tenant = $1 and id = $2 for update', [tenant, id]);
      const before = await readUser(tx, tenant, id, clock.now());
      if (before === undefined) throw new PrimumError('auth.user-missing');
      const entities = await work(tx, before);
      if (options.ends) await endAll(tx, tenant, id, clock.now());
      await record(tx, tenant, action, by, 'success', [{ type: 'user', id }, ...entities]);
    });
    context.sessions.forget();
  };

  const reset = async (tenant: number, by: Principal, id: string): Promise<OneTime> => {
    const password = readablePassword();
    const passwordHash = await hashPassword(password);
    let username = '';
    await change(tenant, by, id, 'user.password-reset', { ends: true, own: false }, async (tx, before) => {
      if (before.external) throw new PrimumError('auth.user-missing', 'signs in at another issuer');
      username = before.username;
      await tx.query(
        'update app_user set password_hash = $3, failed_attempts = 0, locked_until = null, must_change_password = $4, password_changed_at = $5 where tenant = $1 and id = $2',
        [tenant, id, passwordHash, context.mode === 'production' || by.kind === 'user', clock.now()],
      );
      return [];
    });
    return { id, username, password };
  };

  const userIdOf = async (tenant: number, username: string): Promise<string> => {
    const [row] = await db.query<{ id: string }>('select id from app_user where tenant = $1 and username = $2', [tenant, normaliseUsername(username)]);
    if (row === undefined) throw new PrimumError('auth.user-missing');
    return row.id;
  };

  return {
    userIdOf,
    users: async (tenant, by) => {
      await permit(tenant, by, 'user.list');
      await record(db, tenant, 'user.list', by, 'success');
      return { users: await readUsers(db, tenant, clock.now()), groups: await readGroups(db, tenant) };
    },

    createUser: async (tenant, by, user) => {
      await permit(tenant, by, 'user.created');
      const id = uuidv7(clock.now().getTime());
      const username = normaliseUsername(user.username);
      const password = readablePassword();
      const passwordHash = await hashPassword(password);
      try {
        await db.transaction(async (tx) => {
          await tx.query(
            'insert into app_user (tenant, id, username, display_name, role, password_hash, must_change_password) values ($1, $2, $3, $4, $5, $6, true)',
            [tenant, id, username, user.displayName, user.role, passwordHash],
          );
          await setGroups(tx, tenant, id, user.groups ?? []);
          await setUnits(tx, tenant, `user:${id}`, user.units ?? []);
          await record(tx, tenant, 'user.created', by, 'success', [
            { type: 'user', id }, { type: 'username', id: username }, { type: 'role-after', id: user.role }, ...words('groups-after', user.groups), ...words('units-after', user.units),
          ]);
        });
      } catch (error) {
        if (sqlState(error) === '23505') throw new PrimumError('auth.user-exists');
        throw error;
      }
      return { id, username, password };
    },

    changeUser: async (tenant, by, id, wanted) => {
      const ends = wanted.disabled === true || wanted.role !== undefined;
      await change(tenant, by, id, 'user.changed', { ends, own: false }, async (tx, before) => {
        const leaves = before.role === 'security-officer' && !before.disabled && (wanted.disabled === true || (wanted.role !== undefined && wanted.role !== 'security-officer'));
        if (leaves) await assertAnotherOfficer(tx, tenant, id);
        await tx.query(
          `update app_user set display_name = coalesce($3, display_name), role = coalesce($4, role), disabled = coalesce($5, disabled) where tenant = $1 and id = $2`,
          [tenant, id, wanted.displayName ?? null, wanted.role ?? null, wanted.disabled ?? null],
        );
        if (wanted.groups !== undefined) await setGroups(tx, tenant, id, wanted.groups);
        if (wanted.units !== undefined) await setUnits(tx, tenant, `user:${id}`, wanted.units);
        return [
          ...(wanted.role === undefined ? [] : [{ type: 'role-before', id: before.role }, { type: 'role-after', id: wanted.role }]),
          ...(wanted.disabled === undefined ? [] : [{ type: 'disabled-before', id: String(before.disabled) }, { type: 'disabled-after', id: String(wanted.disabled) }]),
          ...(wanted.groups === undefined ? [] : [...words('groups-before', before.groups), ...words('groups-after', wanted.groups)]),
          ...(wanted.units === undefined ? [] : [...words('units-before', before.units), ...words('units-after', wanted.units)]),
          ...(wanted.displayName === undefined ? [] : [{ type: 'changed', id: 'display-name' }]),
        ];
      });
      const row = await readUser(db, tenant, id, clock.now());
      if (row === undefined) throw new PrimumError('auth.user-missing');
      return row;
    },

    resetPasswordOf: reset,
    resetPassword: async (tenant, username, by) => {
      await permit(tenant, by, 'user.password-reset'); // before it says which names exist
      return reset(tenant, by, await userIdOf(tenant, username));
    },

    resetFactors: (tenant, by, id) => change(tenant, by, id, 'user.factors-reset', { ends: true, own: false }, async (tx, before) => {
      for (const table of ['totp_factor', 'passkey', 'recovery_code']) await tx.query(`delete from ${table} where tenant = $1 and user_id = $2`, [tenant, id]);
      return words('factors-before', [...(before.totp ? ['totp'] : []), ...(before.passkeys > 0 ? ['passkey'] : [])]);
    }),

    unlockUser: (tenant, by, id) => change(tenant, by, id, 'user.unlocked', { ends: false, own: true }, async (tx) => {
      await tx.query('update app_user set failed_attempts = 0, locked_until = null where tenant = $1 and id = $2', [tenant, id]);
      return [];
    }),

    endSessions: (tenant, by, id) => change(tenant, by, id, 'user.sessions-ended', { ends: true, own: true }, async () => []),

    linkOwnRecord: (tenant, by, id, token) => change(tenant, by, id, 'user.own-record', { ends: false, own: false }, async (tx, before) => {
      await tx.query('delete from staff_patient where tenant = $1 and user_id = $2', [tenant, id]);
      if (token !== null) await tx.query('insert into staff_patient (tenant, user_id, identifier_token) values ($1, $2, $3)', [tenant, id, token]);
      return [{ type: 'own-record-before', id: String(before.ownRecord) }, { type: 'own-record-after', id: String(token !== null) }];
    }),

    setGroupUnits: async (tenant, by, group, units) => {
      await permit(tenant, by, 'group.units');
      await db.transaction(async (tx) => {
        const before = await setUnits(tx, tenant, `group:${group}`, units);
        await record(tx, tenant, 'group.units', by, 'success', [{ type: 'group', id: group }, ...words('units-before', before), ...words('units-after', units)]);
      });
      context.sessions.forget();
    },
  };
}

/** Ends all that was issued to a person: sessions here, and tokens that were issued before now. */
export async function endAll(tx: Sql, tenant: number, userId: string, now: Date): Promise<void> {
  await tx.query('delete from session where tenant = $1 and user_id = $2', [tenant, userId]);
  await tx.query('update app_user set valid_from = $3 where tenant = $1 and id = $2', [tenant, userId, now]);
}

/** All officers are locked first, so that two who disable each other at once can't both succeed. */
async function assertAnotherOfficer(tx: Sql, tenant: number, id: string): Promise<void> {
  const officers = await tx.query<{ id: string }>('select id from app_user where tenant = $1 and role = \'security-officer\' and not disabled order by id for update', [tenant]);
  if (!officers.some((officer) => officer.id !== id)) throw new PrimumError('auth.last-security-officer');
}

function words(type: string, values: readonly string[] | undefined): AuditEntity[] {
  return values === undefined || values.length === 0 ? [] : [{ type, id: values.toSorted().join(' ') }];
}
