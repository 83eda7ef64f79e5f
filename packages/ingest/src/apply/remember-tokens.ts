import type { Keys } from '@primum/trust';

const mostTokens = 20_000;
const longestText = 160;

/**
 * Tokens that were made lately: statuses, codes and units come again with every message, and a look costs a twentieth of
 * an HMAC. Texts are short and few; the oldest go first.
 */
export function rememberTokens(keys: Pick<Keys, 'token'>): Pick<Keys, 'token'> {
  const made = new Map<string, Buffer>();
  return {
    token: (tenant, kind, message) => {
      if (kind !== 'search' || message.length > longestText) return keys.token(tenant, kind, message);
      const text = `${tenant} ${message}`;
      const known = made.get(text);
      if (known !== undefined) return known;
      const token = keys.token(tenant, kind, message);
      if (made.size >= mostTokens) made.delete(made.keys().next().value ?? '');
      made.set(text, token);
      return token;
    },
  };
}
