import { createHash } from 'node:crypto';

const saltLength = 32;

/**
 * The leaf of an event: SHA-256(0x00 ‖ SHA-256(salt ‖ event)), RFC 6962 section 2.1 over a salted commitment. The tree
 * never sees an event; once an event is erased with its salt, its leaf commits to nothing that can be guessed.
 */
export function auditLeaf(salt: Uint8Array, event: string): Buffer {
  const commitment = createHash('sha256').update(salt).update(event).digest();
  return createHash('sha256').update(Uint8Array.of(0)).update(commitment).digest();
}

/** What is sealed: salt (32 bytes) ‖ event as JSON. */
export function packEvent(salt: Uint8Array, event: string): Buffer {
  return Buffer.concat([salt, Buffer.from(event, 'utf8')]);
}

export function unpackEvent(packed: Buffer): { salt: Buffer; event: string } {
  return { salt: packed.subarray(0, saltLength), event: packed.subarray(saltLength).toString('utf8') };
}
