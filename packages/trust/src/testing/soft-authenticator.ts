import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { WebAuthnAnswer } from '@primum/contract';

const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();

/** The few items of CBOR (RFC 8949) that a credential needs: small integers, byte and text strings, maps. */
function cbor(value: number | string | Uint8Array | Map<number | string, unknown>): Buffer {
  const head = (major: number, length: number): Buffer =>
    (length < 24 ? Buffer.from([(major << 5) | length]) : length < 256 ? Buffer.from([(major << 5) | 24, length]) : Buffer.from([(major << 5) | 25, length >> 8, length & 255]));
  if (typeof value === 'number') return value >= 0 ? head(0, value) : head(1, -1 - value);
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Map) return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item as Parameters<typeof cbor>[0])])]);
  return Buffer.concat([head(2, value.length), value]);
}

export type Ceremony = { challenge: string; origin: string; rpId: string };

/** An authenticator of one ES256 key, for tests: it answers as the platform would, or with what a test puts in its place. */
export function softAuthenticator(): {
  register(ceremony: Ceremony): WebAuthnAnswer;
  assert(ceremony: Ceremony, change?: { counter?: number; verified?: boolean }): WebAuthnAnswer;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const credentialId = randomBytes(32);
  let counter = 0;
  const id = credentialId.toString('base64url');
  const clientData = (type: string, { challenge, origin }: Ceremony): Buffer => Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
  /** Flags: user present 1, user verified 4, attested data 0x40 (WebAuthn level 3, section 6.1). */
  const authenticatorData = (rpId: string, flags: number, count: number, attested: Buffer = Buffer.alloc(0)): Buffer => {
    const counted = Buffer.alloc(4);
    counted.writeUInt32BE(count);
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counted, attested]);
  };
  const answer = (response: Record<string, string>): WebAuthnAnswer => ({ id, rawId: id, type: 'public-key', response, clientExtensionResults: {} });
  return {
    register(ceremony) {
      const key = cbor(new Map<number, unknown>([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(x, 'base64url')], [-3, Buffer.from(y, 'base64url')]]));
      const attested = Buffer.concat([Buffer.alloc(16), Buffer.from([0, credentialId.length]), credentialId, key]);
      const attestation = cbor(new Map<string, unknown>([['fmt', 'none'], ['attStmt', new Map()], ['authData', authenticatorData(ceremony.rpId, 0x45, counter, attested)]]));
      return answer({ clientDataJSON: clientData('webauthn.create', ceremony).toString('base64url'), attestationObject: attestation.toString('base64url') });
    },
    assert(ceremony, change = {}) {
      counter += 1;
      const client = clientData('webauthn.get', ceremony);
      const data = authenticatorData(ceremony.rpId, change.verified === false ? 1 : 5, change.counter ?? counter);
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), privateKey);
      return answer({ clientDataJSON: client.toString('base64url'), authenticatorData: data.toString('base64url'), signature: signature.toString('base64url') });
    },
  };
}
