/**
 * The wire format of sealed content, version 1:
 *
 *     version (1) = 1 | scope (1): 1 patient, 2 tenant, 3 intake | key id (16) | salt (16) | chunk …
 *     chunk = AES-256-GCM ciphertext (at most 65,536 bytes) | tag (16)
 *
 * Each value has a key of its own, HKDF-SHA256(key, salt, info = label ‖ version ‖ scope ‖ key id ‖ aad) (RFC 5869), so
 * nonces never meet another value's, and a value that was moved to another row, type or patient does not open: the
 * associated data and the header are bound by the derived key (as in Tink's AES-GCM-HKDF streaming AEAD). Chunk i has
 * the nonce 0⁷ ‖ i (4 bytes, big-endian) ‖ last (1 byte), the STREAM construction (Hoang, Reyhanitabar, Rogaway and
 * Vizár, "Online authenticated-encryption and its nonce-reuse misuse-resistance", CRYPTO 2015, section 7): chunks can be
 * neither reordered, nor dropped, nor cut off. All chunks but the last are full; only an empty value has an empty chunk.
 */
import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, createSecretKey } from 'node:crypto';
import { assert, PrimumError } from '@primum/base';
import { bytesToUuid, scopeBytes, uuidToBytes, type SealedKind } from './key-scope.ts';

const formatVersion = 1;
const keyIdStart = 2;
const saltStart = 18;
const headerBytes = 34;
const tagBytes = 16;
const chunkBytes = 65_536;
const label = Buffer.from('primum sealed v1\0');
/** OpenSSL's HKDF takes at most 1,024 bytes of info. */
const maxAadBytes = 900;

/** Bytes that sealing adds to a value of `plainBytes`. */
export function sealedOverheadBytes(plainBytes: number): number {
  return headerBytes + tagBytes * Math.max(1, Math.ceil(plainBytes / chunkBytes));
}

/** What a sealed value says of its key, in clear; proven only when it opens. */
export function sealedKeyOf(sealed: Uint8Array): { kind: SealedKind; keyId: string } {
  if (sealed.length < headerBytes + tagBytes || sealed[0] !== formatVersion) throw corrupt('not a sealed value of version 1');
  const kind = kindOfByte[sealed[1]!];
  if (kind === undefined) throw corrupt('unknown key scope');
  return { kind, keyId: bytesToUuid(sealed.subarray(keyIdStart, saltStart)) };
}

export function sealWith(key: KeyObject, kind: SealedKind, keyId: string, salt: Uint8Array, plain: Uint8Array, aad: string): Buffer {
  const sealed = Buffer.allocUnsafe(plain.length + sealedOverheadBytes(plain.length));
  sealed[0] = formatVersion;
  sealed[1] = scopeBytes[kind];
  uuidToBytes(keyId).copy(sealed, keyIdStart);
  sealed.set(salt, saltStart);
  const valueKey = deriveKey(key, sealed, aad);
  const chunks = Math.max(1, Math.ceil(plain.length / chunkBytes));
  let at = headerBytes;
  for (let i = 0; i < chunks; i += 1) {
    const cipher = createCipheriv('aes-256-gcm', valueKey, nonceOf(i, i === chunks - 1), { authTagLength: tagBytes });
    at += cipher.update(plain.subarray(i * chunkBytes, (i + 1) * chunkBytes)).copy(sealed, at);
    cipher.final();
    at += cipher.getAuthTag().copy(sealed, at);
  }
  return sealed;
}

export function openWith(key: KeyObject, sealed: Uint8Array, aad: string): Buffer {
  const valueKey = deriveKey(key, sealed, aad);
  const chunks = Math.max(1, Math.ceil((sealed.length - headerBytes) / (chunkBytes + tagBytes)));
  const opened: Buffer[] = [];
  for (let i = 0; i < chunks; i += 1) {
    const chunk = sealed.subarray(headerBytes + i * (chunkBytes + tagBytes), headerBytes + (i + 1) * (chunkBytes + tagBytes));
    if (chunk.length < tagBytes || (chunk.length === tagBytes && i > 0)) throw corrupt('a chunk is cut short');
    const decipher = createDecipheriv('aes-256-gcm', valueKey, nonceOf(i, i === chunks - 1), { authTagLength: tagBytes });
    decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes));
    opened.push(decipher.update(chunk.subarray(0, chunk.length - tagBytes)));
    try {
      decipher.final();
    } catch (cause) {
      throw new PrimumError('trust.sealed-corrupt', `chunk ${i} of ${chunks} does not authenticate`, { cause });
    }
  }
  return opened.length === 1 ? opened[0]! : Buffer.concat(opened);
}

/** As a KeyObject: handing raw bytes to a cipher costs as much again as deriving them. */
function deriveKey(key: KeyObject, sealed: Uint8Array, aad: string): KeyObject {
  const aadBytes = Buffer.from(aad);
  assert(aadBytes.length <= maxAadBytes, 'associated data is too long');
  const info = Buffer.concat([label, sealed.subarray(0, saltStart), aadBytes]);
  return createSecretKey(new Uint8Array(hkdfSync('sha256', key, sealed.subarray(saltStart, headerBytes), info, 32)));
}

function nonceOf(chunk: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(chunk, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

const kindOfByte: Readonly<Record<number, SealedKind | undefined>> = { 1: 'patient', 2: 'tenant', 3: 'intake' };

function corrupt(detail: string): PrimumError {
  return new PrimumError('trust.sealed-corrupt', detail);
}
