/**
 * A sealed stream of any length, for parts of a backup:
 *
 *     magic (8) "PRIMBKP1" | salt (16) | chunk …
 *     chunk = AES-256-GCM ciphertext (at most 262,144 bytes) | tag (16)
 *
 * As in the format of sealed values: the stream's key is HKDF-SHA256(backup key, salt, info = label ‖ name) (RFC 5869),
 * so a part does not open as another part or in another backup; chunk i has the nonce 0⁷ ‖ i ‖ last, the STREAM
 * construction (Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015, section 7): nothing can be reordered, dropped or cut off.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';
import { assert, PrimumError } from '@primum/base';

const magic = Buffer.from('PRIMBKP1');
const saltBytes = 16;
const chunkBytes = 262_144;
const tagBytes = 16;
const label = 'primum backup v1\0';

/** Bounded: one chunk is held at a time. */
export async function* sealStream(backupKey: KeyObject, name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const salt = randomBytes(saltBytes);
  const key = streamKey(backupKey, salt, name);
  yield Buffer.concat([magic, salt]);
  let chunk = 0;
  for await (const { bytes, last } of inPieces(source, chunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(chunk, last), { authTagLength: tagBytes });
    const body = cipher.update(bytes);
    cipher.final();
    yield Buffer.concat([body, cipher.getAuthTag()]);
    chunk += 1;
  }
}

/** Throws backup.damaged at the first chunk that is not what was sealed under this name; what it yielded before is genuine. */
export async function* openStream(backupKey: KeyObject, name: string, source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let key: KeyObject | undefined;
  let chunk = 0;
  for await (const { bytes, last } of inPieces(afterHeader(source, (salt) => { key = streamKey(backupKey, salt, name); }), chunkBytes + tagBytes)) {
    if (key === undefined || bytes.length < tagBytes) throw damaged('a part is cut short');
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(chunk, last), { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const body = decipher.update(bytes.subarray(0, bytes.length - tagBytes));
    try {
      decipher.final();
    } catch (cause) {
      throw new PrimumError('backup.damaged', `chunk ${chunk} of a part does not authenticate`, { cause });
    }
    yield body;
    chunk += 1;
  }
}

/** Checks the header, hands its salt out, passes the rest on. */
async function* afterHeader(source: AsyncIterable<Uint8Array>, begin: (salt: Buffer) => void): AsyncGenerator<Uint8Array> {
  let header: Buffer | undefined = Buffer.alloc(0);
  for await (const bytes of source) {
    if (header === undefined) {
      yield bytes;
      continue;
    }
    header = Buffer.concat([header, bytes]);
    if (header.length < magic.length + saltBytes) continue;
    if (!header.subarray(0, magic.length).equals(magic)) throw damaged('a part is not one');
    begin(header.subarray(magic.length, magic.length + saltBytes));
    yield header.subarray(magic.length + saltBytes);
    header = undefined;
  }
  if (header !== undefined) throw damaged('a part is cut short');
}

/** Cuts a stream into pieces of `size`; the last is marked and may be shorter, and is empty only of an empty stream. */
async function* inPieces(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<{ bytes: Buffer; last: boolean }> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const bytes of source) {
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes <= size) continue;
    const all = Buffer.concat(held, heldBytes);
    let at = 0;
    // A full piece is kept back until something follows it: it may be the last.
    for (; all.length - at > size; at += size) yield { bytes: all.subarray(at, at + size), last: false };
    held = [all.subarray(at)];
    heldBytes = all.length - at;
  }
  yield { bytes: Buffer.concat(held, heldBytes), last: true };
}

function streamKey(backupKey: KeyObject, salt: Uint8Array, name: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', backupKey, salt, `${label}${name}`, 32)));
}

function nonceOf(chunk: number, last: boolean): Buffer {
  assert(chunk < 2 ** 32, 'a sealed stream is too long');
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(chunk, 7);
  nonce[11] = last ? 1 : 0;
  return nonce;
}

function damaged(detail: string): PrimumError {
  return new PrimumError('backup.damaged', detail);
}
