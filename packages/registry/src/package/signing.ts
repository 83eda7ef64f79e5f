import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PrimumError, jsonShape } from '@primum/base';

/**
 * Packages are signed with Ed25519 (RFC 8032) over the UTF-8 bytes of the manifest's canonical JSON. A key is named by
 * the SHA-256 of its SubjectPublicKeyInfo (RFC 8410), shortened to 32 hex digits.
 */
export type TrustedKey = { keyId: string; name: string; publicKey: string };

export type PackageSignature = { algorithm: 'Ed25519'; keyId: string; signature: string };

const { object, list, text, oneOf } = jsonShape('model.package-invalid');

/** Reads `trusted-keys.json`: `{ keys: [{ keyId, name, publicKey (SPKI, base64) }] }`. */
export function parseTrustedKeys(json: unknown): TrustedKey[] {
  return list(object(json, 'trusted keys')['keys'], 'keys').map((item, index) => {
    const key = object(item, `keys[${index}]`);
    const trusted = { keyId: text(key['keyId'], `keys[${index}].keyId`), name: text(key['name'], `keys[${index}].name`), publicKey: text(key['publicKey'], `keys[${index}].publicKey`) };
    if (keyIdOf(publicKeyFrom(trusted.publicKey)) !== trusted.keyId) throw new PrimumError('model.package-invalid', `keys[${index}].keyId is not its key's`);
    return trusted;
  });
}

export function parseSignature(json: unknown): PackageSignature {
  const root = object(json, 'signature');
  return {
    algorithm: oneOf(root['algorithm'], ['Ed25519'], 'signature.algorithm'),
    keyId: text(root['keyId'], 'signature.keyId'),
    signature: text(root['signature'], 'signature.signature'),
  };
}

export function signText(key: KeyObject, content: string): PackageSignature {
  return { algorithm: 'Ed25519', keyId: keyIdOf(createPublicKey(key)), signature: sign(null, Buffer.from(content), key).toString('base64') };
}

/** Throws `model.signature-invalid` unless the signature is by one of `trustedKeys` over `content`. */
export function verifyText(trustedKeys: readonly TrustedKey[], content: string, { keyId, signature }: PackageSignature): TrustedKey {
  const trusted = trustedKeys.find((key) => key.keyId === keyId);
  if (trusted === undefined) throw new PrimumError('model.signature-invalid', `key ${keyId.slice(0, 32)} is not trusted`);
  if (!verify(null, Buffer.from(content), publicKeyFrom(trusted.publicKey), Buffer.from(signature, 'base64'))) {
    throw new PrimumError('model.signature-invalid', `by key ${keyId}`);
  }
  return trusted;
}

/** The signing key at `path` (PKCS 8 PEM, mode 0600); made there on the first use. It never enters a package. */
export async function signingKeyAt(path: string): Promise<KeyObject> {
  try {
    return createPrivateKey(await readFile(path));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' });
  return privateKey;
}

/** The public half of a signing key, as it stands in `trusted-keys.json`. */
export function trustedKeyOf(key: KeyObject, name: string): TrustedKey {
  const publicKey = createPublicKey(key);
  return { keyId: keyIdOf(publicKey), name, publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64') };
}

function publicKeyFrom(base64: string): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
  } catch {
    throw new PrimumError('model.package-invalid', 'a trusted key is not a public key');
  }
}

function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex').slice(0, 32);
}
