/**
 * A key at rest, 65 bytes: version (1) = 2 | generation of the master key (4, big-endian) | nonce (12) | AES-256-GCM of
 * the 32-byte key under that master key | tag (16), with the key's name and the generation as associated data, so that
 * one key's file can't stand in for another's. Version 1 (61 bytes, no generation) was written under generation 1.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { PrimumError } from '@primum/base';
import type { KeyName } from './key-scope.ts';

const wrapVersion = 2;
const headerBytes = 5;
const wrappedBytes = headerBytes + 60;
const firstVersionBytes = 61;
/** Also of what a master key's own record may hold (a ciphertext of the transit engine). */
export const maxWrappedBytes = 1_024;

export type MasterKey = { generation: number; key: Buffer };

export function wrapKey(master: MasterKey, name: KeyName, key: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  header[0] = wrapVersion;
  header.writeUInt32BE(master.generation, 1);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', master.key, nonce, { authTagLength: 16 }).setAAD(aadOf(name, master.generation));
  const ciphertext = cipher.update(key);
  cipher.final();
  return Buffer.concat([header, nonce, ciphertext, cipher.getAuthTag()]);
}

/** The generation of the master key that a wrapped key says it rests on; proven only when it opens. */
export function generationOf(name: KeyName, wrapped: Uint8Array): number {
  if (wrapped.length === firstVersionBytes && wrapped[0] === 1) return 1;
  if (wrapped.length === wrappedBytes && wrapped[0] === wrapVersion) return Buffer.from(wrapped).readUInt32BE(1);
  throw new PrimumError('trust.key-store-unusable', `what is stored for a ${name.kind} key is not one`);
}

export function unwrapKey(master: MasterKey, name: KeyName, wrapped: Uint8Array): Buffer {
  const first = wrapped.length === firstVersionBytes;
  const at = first ? 1 : headerBytes;
  const decipher = createDecipheriv('aes-256-gcm', master.key, wrapped.subarray(at, at + 12), { authTagLength: 16 })
    .setAAD(first ? Buffer.from(nameOf(name)) : aadOf(name, master.generation));
  decipher.setAuthTag(wrapped.subarray(at + 44));
  const key = decipher.update(wrapped.subarray(at + 12, at + 44));
  try {
    decipher.final();
  } catch (cause) {
    throw new PrimumError('trust.key-store-unusable', `a ${name.kind} key does not open under this master key`, { cause });
  }
  return key;
}

function nameOf(name: KeyName): string {
  return `primum key|${name.tenant}|${name.kind}|${name.id}`;
}

function aadOf(name: KeyName, generation: number): Buffer {
  return Buffer.from(`${nameOf(name)}|${generation}`);
}
