import { hash } from 'node:crypto';

/** How a bearer secret is kept: it is random (at least 128 bits), so a plain digest can't be guessed back. */
export function secretDigest(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
