import { canonicalJson } from '@primum/base';
import { blindToken } from '../keys/blind-token.ts';
import type { Keys } from '../keys/keys.ts';

/**
 * A keyed pseudonym, the same for the same thing within a project and another in every other: HMAC-SHA256 under an index
 * key of its own kind, written as a UUID (RFC 9562, version 8). Without the key nobody finds the way back or sees that
 * two projects speak of one person.
 */
export function pseudonymOf(keys: Keys, tenant: number, project: string, type: string, id: string): string {
  const bytes = Buffer.from(blindToken(keys, tenant, 'pseudonym', canonicalJson([project, type, id])).subarray(0, 16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x80; // 16 bytes
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** By how many whole days a project sees one patient's dates moved: back by 1 to 365. */
export function dateShiftOf(keys: Keys, tenant: number, project: string, patientId: string): number {
  return -(1 + (blindToken(keys, tenant, 'pseudonym', canonicalJson([project, 'days', patientId])).readUInt32BE(0) % 365));
}
