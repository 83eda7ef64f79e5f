import type { IndexKind } from './key-scope.ts';
import type { Keys } from './keys.ts';

/**
 * A keyed blind token: HMAC-SHA256 of a normalised value under the tenant's index key of this kind, for looking up what
 * is sealed (identifiers, visits, message commitments, attempted user names). The caller normalises: equal things must
 * come as equal strings, and parts be told apart (`canonicalJson([system, value])`). Leaks equality, nothing else.
 */
export function blindToken(keys: Keys, tenant: number, kind: IndexKind, normalised: string): Buffer {
  return keys.token(tenant, kind, normalised);
}
