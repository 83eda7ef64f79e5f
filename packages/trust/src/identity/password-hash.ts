import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { PrimumError } from '@primum/base';
import { normalisePassword } from './password-rules.ts';

const argon2Async = promisify(argon2);

/** OWASP's password storage cheat sheet (2023): argon2id, 19 MiB, two passes, one lane. About 30 ms off the loop. */
const cost = { memory: 19_456, passes: 2, parallelism: 1 } as const;
const tagLength = 32;
const phcPattern = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,86})$/;

/** argon2id (RFC 9106) in the PHC string format, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16);
  const tag = await argon2Async('argon2id', { ...cost, message: Buffer.from(normalisePassword(password)), nonce, tagLength });
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${unpadded(nonce)}$${unpadded(tag)}`;
}

/** At the cost that the string names, so that a stronger cost may come later. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const match = phcPattern.exec(phc);
  if (match === null) throw new PrimumError('internal.bug', 'a password hash is not a PHC string of argon2id');
  const expected = Buffer.from(match[5]!, 'base64');
  const tag = await argon2Async('argon2id', {
    memory: Number(match[1]), passes: Number(match[2]), parallelism: Number(match[3]),
    message: Buffer.from(normalisePassword(password)), nonce: Buffer.from(match[4]!, 'base64'), tagLength: expected.length,
  });
  return timingSafeEqual(tag, expected);
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
