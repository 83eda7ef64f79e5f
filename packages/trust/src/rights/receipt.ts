import { createHash, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import type { ErasureReceipt } from '@primum/contract';
import { canonicalJson, PrimumError } from '@primum/base';

export const receiptFormat = 'primum-erasure-receipt/1';

/** Signed with Ed25519 (RFC 8032) over the UTF-8 bytes of the content's canonical JSON; the key is named by its SPKI's SHA-256. */
export function signReceipt(key: KeyObject, content: ErasureReceipt['content']): ErasureReceipt {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return { content, signature: { algorithm: 'Ed25519', keyId: keyIdOf(publicKey), publicKey: publicKey.toString('base64'), signature: sign(null, Buffer.from(canonicalJson(content)), key).toString('base64') } };
}

/** Throws rights.receipt-invalid unless the receipt was signed by the key with this id and stands as it was signed. */
export function verifyReceipt(receipt: ErasureReceipt, trustedKeyId: string): void {
  const { content, signature } = receipt;
  const invalid = (detail: string): PrimumError => new PrimumError('rights.receipt-invalid', detail);
  if (content.format !== receiptFormat || signature.algorithm !== 'Ed25519') throw invalid('unknown format');
  const spki = Buffer.from(signature.publicKey, 'base64');
  if (keyIdOf(spki) !== signature.keyId || signature.keyId !== trustedKeyId) throw invalid('signed by another key');
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!verify(null, Buffer.from(canonicalJson(content)), publicKey, Buffer.from(signature.signature, 'base64'))) throw invalid('the signature is of another content');
}

export function receiptKeyId(key: KeyObject): string {
  return keyIdOf(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}

function keyIdOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('hex').slice(0, 32);
}
