import { randomFillSync } from 'node:crypto';

const bytesOfId = 16;
/** Random bytes are fetched for many ids at once: a call costs far more than its bytes. */
const pool = Buffer.alloc(bytesOfId * 256);
let used = pool.length;

/** UUID version 7 (RFC 9562, section 5.7): time-ordered, so that keys made together lie together in an index. */
export function uuidv7(nowMs: number = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, used + bytesOfId);
  used += bytesOfId;
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
