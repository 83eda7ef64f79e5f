/**
 * A key at rest, 61 bytes: version (1) = 1 | nonce (12) | AES-256-GCM of the 32-byte key under the master key | tag (16),
 * with the key's name as associated data, so that one key's file can't stand in for another's.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PrimumError } from '@primum/base';
import type { KeyName } from './key-scope.ts';

export const wrappedKeyBytes = 61;
const wrapVersion = 1;

export function wrapKey(masterKey: Buffer, name: KeyName, key: Uint8Array): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce, { authTagLength: 16 }).setAAD(nameAad(name));
  const ciphertext = cipher.update(key);
  cipher.final();
  return Buffer.concat([Buffer.from([wrapVersion]), nonce, ciphertext, cipher.getAuthTag()]);
}

export function unwrapKey(masterKey: Buffer, name: KeyName, wrapped: Uint8Array): Buffer {
  if (wrapped.length !== wrappedKeyBytes || wrapped[0] !== wrapVersion) {
    throw new PrimumError('trust.key-store-unusable', `${name.kind} key file is not one`);
  }
  const decipher = createDecipheriv('aes-256-gcm', masterKey, wrapped.subarray(1, 13), { authTagLength: 16 }).setAAD(nameAad(name));
  decipher.setAuthTag(wrapped.subarray(45));
  const key = decipher.update(wrapped.subarray(13, 45));
  try {
    decipher.final();
  } catch (cause) {
    throw new PrimumError('trust.key-store-unusable', `a ${name.kind} key does not open under this master key`, { cause });
  }
  return key;
}

function nameAad(name: KeyName): Buffer {
  return Buffer.from(`primum key|${name.tenant}|${name.kind}|${name.id}`);
}
