import { assert } from '@primum/base';

/**
 * Whose key seals a value. `patient`: the patient's own, random, destroyed on erasure. `tenant`: what belongs to no
 * patient or to several. `intake`: raw messages whose patient is not known yet; they are sealed again once it is.
 */
export type KeyScope = { kind: 'patient'; patientId: string } | { kind: 'tenant' } | { kind: 'intake' };

export const scopeBytes = { patient: 1, tenant: 2, intake: 3 } as const;
export type SealedKind = keyof typeof scopeBytes;

/** Blind tokens have keys of their own, so that a token can't be turned into anything that was sealed. */
export const indexKinds = ['identifier', 'visit', 'commitment', 'username', 'household', 'pseudonym', 'search'] as const;
export type IndexKind = (typeof indexKinds)[number];

/**
 * A key in the key store. `id` is a UUID, or for an index key its kind. `master`: a master key that the transit engine
 * of OpenBao/Vault has encrypted (tenant 0).
 */
export type KeyName = { tenant: number; kind: SealedKind | 'index' | 'master'; id: string };

/** Tenants' keys and master keys have generations, which their ids count. */
export function generationId(generation: number): string {
  return `00000000-0000-0000-0000-${generation.toString(16).padStart(12, '0')}`;
}

export function generationOfId(id: string): number {
  return Number.parseInt(id.slice(-12), 16);
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A key's id becomes a file's name and 16 bytes of a header: nothing but a lower-case UUID may pass. */
export function uuidToBytes(id: string): Buffer {
  assert(uuidPattern.test(id), 'a key id is not a lower-case UUID');
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

export function bytesToUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
