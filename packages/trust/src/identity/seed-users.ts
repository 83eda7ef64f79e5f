import { uuidv7 } from '@primum/base';
import type { Role } from '@primum/contract';
import { sqlState } from '@primum/store';
import { mintSystemPrincipal } from '../access/principal.ts';
import type { IdentityContext } from './context.ts';
import { hashPassword } from './password-hash.ts';
import { readablePassword } from './readable-password.ts';

export type SeededUser = { username: string; displayName: string; role: Role; password: string };

const seeds: readonly { username: string; displayName: string; role: Role }[] = [
  { username: 'clinician', displayName: 'Clinician', role: 'clinician' },
  { username: 'integration', displayName: 'Integration engineer', role: 'integration-engineer' },
  { username: 'data', displayName: 'Data scientist', role: 'data-scientist' },
  { username: 'ml', displayName: 'ML engineer', role: 'ml-engineer' },
  { username: 'privacy', displayName: 'Privacy officer', role: 'privacy-officer' },
  { username: 'security', displayName: 'Security officer', role: 'security-officer' },
  { username: 'auditor', displayName: 'Auditor', role: 'auditor' },
];

/**
 * Where there are no users: in a demonstration one of each role, the clinician working on every unit; in production a
 * security officer alone, whose password is to be changed at its first use. Gives the passwords, this once.
 */
export async function seedUsers(context: IdentityContext, tenant: number): Promise<SeededUser[]> {
  const { db, audit, clock, mode } = context;
  if ((await db.query('select 1 from app_user where tenant = $1 limit 1', [tenant])).length > 0) return [];
  const users = seeds.filter(({ role }) => mode === 'demonstration' || role === 'security-officer').map((seed) => ({ ...seed, id: uuidv7(), password: readablePassword() }));
  const hashes = await Promise.all(users.map(({ password }) => hashPassword(password)));
  try {
    await db.transaction(async (tx) => {
      await tx.query(
        `insert into app_user (tenant, id, username, display_name, role, password_hash, must_change_password)
         select $1, u.*, $7::boolean from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[]) u`,
        [tenant, users.map(({ id }) => id), users.map(({ username }) => username), users.map(({ displayName }) => displayName), users.map(({ role }) => role), hashes, mode === 'production'],
      );
      const clinicians = users.filter(({ role }) => role === 'clinician').map(({ id }) => `user:${id}`);
      await tx.query('insert into care_assignment (tenant, subject, unit) select $1, unnest($2::text[]), \'*\'', [tenant, clinicians]);
      const principal = mintSystemPrincipal('trust');
      await audit.write(tx, users.map(({ id, username, role }) => ({
        tenant, action: 'user.created', outcome: 'success', principal, purpose: 'HSYSADMIN', at: clock.now(),
        entities: [{ type: 'user', id }, { type: 'username', id: username }, { type: 'role-after', id: role }],
      })));
    });
  } catch (error) {
    // Another process seeded at the same moment, and printed its passwords.
    if (sqlState(error) === '23505') return [];
    throw error;
  }
  return users.map(({ username, displayName, role, password }) => ({ username, displayName, role, password }));
}
