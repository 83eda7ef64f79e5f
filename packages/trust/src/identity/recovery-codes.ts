import type { Sql } from '@primum/store';
import { blindToken } from '../keys/blind-token.ts';
import type { Keys } from '../keys/keys.ts';
import { readablePassword } from './readable-password.ts';

const codesPerPerson = 10;

/** As a keyed token: codes are random and of 64 bits, so a slow hash would add nothing. */
function tokenOf(keys: Keys, tenant: number, userId: string, code: string): Buffer {
  return blindToken(keys, tenant, 'username', JSON.stringify(['recovery-code', userId, code.toLowerCase().replace(/[^a-z]/g, '')]));
}

/** Ten new codes in the place of all before, shown this once. */
export async function makeRecoveryCodes(tx: Sql, keys: Keys, user: { tenant: number; userId: string }): Promise<string[]> {
  const codes = Array.from({ length: codesPerPerson }, () => readablePassword());
  await tx.query('delete from recovery_code where tenant = $1 and user_id = $2', [user.tenant, user.userId]);
  await tx.query('insert into recovery_code (tenant, user_id, token) select $1, $2, unnest($3::bytea[])', [user.tenant, user.userId, codes.map((code) => tokenOf(keys, user.tenant, user.userId, code))]);
  return codes;
}

export async function takeRecoveryCode(tx: Sql, keys: Keys, user: { tenant: number; userId: string }, code: string, now: Date): Promise<boolean> {
  const rows = await tx.query(
    'update recovery_code set used_at = $4 where tenant = $1 and user_id = $2 and token = $3 and used_at is null returning 1 as taken',
    [user.tenant, user.userId, tokenOf(keys, user.tenant, user.userId, code), now],
  );
  return rows.length > 0;
}
