import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '@primum/base';
import type { Sql } from '@primum/store';
import { blindToken } from '../keys/blind-token.ts';
import type { Keys } from '../keys/keys.ts';

const lifeMs = 3 * 60_000;
const nonceBytes = 16;
const expiryBytes = 8;

/**
 * Challenges of WebAuthn (level 3, section 13.4.3) that need no store: nonce ‖ expiry ‖ HMAC over both and what it is for.
 * Only one that was answered is remembered, until it would have expired, so nobody can fill a table by asking.
 */
export type Challenges = {
  /** `what`: the ceremony and the session it belongs to; the answer is taken for nothing else. */
  make(tenant: number, what: string): Uint8Array<ArrayBuffer>;
  fits(tenant: number, what: string, challenge: string): boolean;
  /** False where it was answered before. */
  use(tx: Sql, tenant: number, challenge: string): Promise<boolean>;
};

export function createChallenges({ keys, clock }: { keys: Keys; clock: Clock }): Challenges {
  const seal = (tenant: number, what: string, head: Uint8Array): Buffer =>
    blindToken(keys, tenant, 'username', JSON.stringify(['webauthn-challenge', what, Buffer.from(head).toString('hex')]));
  const expiryOf = (bytes: Buffer): number => Number(bytes.readBigUInt64BE(nonceBytes));
  return {
    make: (tenant, what) => {
      const head = Buffer.alloc(nonceBytes + expiryBytes);
      randomBytes(nonceBytes).copy(head);
      head.writeBigUInt64BE(BigInt(clock.now().getTime() + lifeMs), nonceBytes);
      return Uint8Array.from([...head, ...seal(tenant, what, head)]);
    },
    fits: (tenant, what, challenge) => {
      const bytes = Buffer.from(challenge, 'base64url');
      if (bytes.length !== nonceBytes + expiryBytes + 32) return false;
      const head = bytes.subarray(0, nonceBytes + expiryBytes);
      return timingSafeEqual(bytes.subarray(head.length), seal(tenant, what, head)) && expiryOf(bytes) > clock.now().getTime();
    },
    use: async (tx, tenant, challenge) => {
      const bytes = Buffer.from(challenge, 'base64url');
      await tx.query('delete from used_challenge where tenant = $1 and expires_at < $2', [tenant, clock.now()]);
      const rows = await tx.query(
        'insert into used_challenge (tenant, digest, expires_at) values ($1, $2, $3) on conflict do nothing returning 1 as used',
        [tenant, hash('sha256', bytes, 'buffer'), new Date(expiryOf(bytes))],
      );
      return rows.length > 0;
    },
  };
}
