import { createPrivateKey, createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';

/**
 * Signed notes (c2sp.org/signed-note) and checkpoints (c2sp.org/tlog-checkpoint): a text of lines, an empty line, and
 * lines `— NAME base64(key id ‖ signature)`. A checkpoint's text is its log's origin, the size of the tree in decimal
 * and the root hash in base64. Keys are Ed25519; cosignatures of witnesses are `cosignature/v1` (c2sp.org/tlog-cosignature).
 */
export type Checkpoint = { origin: string; size: number; root: Buffer; /** What was signed. */ text: string };
/** As a verifier key line says it: `NAME+hash+base64(type ‖ public key)`. */
export type VerifierKey = { name: string; id: Buffer; type: number; key: KeyObject };
export type Signer = { name: string; verifierKey: string; sign(text: string): string };

const logKeyType = 1;
const witnessKeyType = 4;
// The fixed beginnings of an Ed25519 key in PKCS #8 and SPKI (RFC 8410), before its 32 bytes.
const privatePrefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const publicPrefix = Buffer.from('302a300506032b6570032100', 'hex');

const keyId = (name: string, type: number, publicKey: Uint8Array): Buffer =>
  hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([type]), publicKey]), 'buffer').subarray(0, 4);

/** Signs for `name` with the Ed25519 key of a seed of 32 bytes. */
export function createSigner(name: string, seed: Uint8Array): Signer {
  const key = createPrivateKey({ key: Buffer.concat([privatePrefix, seed]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(publicPrefix.length);
  const id = keyId(name, logKeyType, publicKey);
  return {
    name,
    verifierKey: `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.from([logKeyType]), publicKey]).toString('base64')}`,
    sign: (text) => `${text}\n— ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), key)]).toString('base64')}\n`,
  };
}

/** Undefined for anything that is no verifier key of ours or of a witness. */
export function parseVerifierKey(line: string): VerifierKey | undefined {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(line.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  const type = bytes[0];
  if (name === undefined || bytes.length !== 33 || (type !== logKeyType && type !== witnessKeyType)) return undefined;
  if (keyId(name, type, bytes.subarray(1)).toString('hex') !== id) return undefined;
  return { name, id: Buffer.from(id, 'hex'), type, key: createPublicKey({ key: Buffer.concat([publicPrefix, bytes.subarray(1)]), format: 'der', type: 'spki' }) };
}

export function checkpointText(origin: string, size: number, root: Buffer): string {
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** The checkpoint of a note in which one of the keys has a good signature; undefined where none has, or it is none. */
export function openCheckpoint(note: string, keys: readonly VerifierKey[]): Checkpoint | undefined {
  const end = note.lastIndexOf('\n\n');
  if (end < 0) return undefined;
  const text = note.slice(0, end + 1);
  const [origin = '', size = '', root = ''] = text.split('\n');
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || Buffer.from(root, 'base64').length !== 32) return undefined;
  const signed = keys.some((key) => key.name === origin && isSignedBy(key, text, note.slice(end + 2)));
  return signed ? { origin, size: Number(size), root: Buffer.from(root, 'base64'), text } : undefined;
}

export function isSignedBy({ name, id, type, key }: VerifierKey, text: string, signatures: string): boolean {
  for (const line of signatures.split('\n')) {
    if (!line.startsWith(`— ${name} `)) continue;
    const bytes = Buffer.from(line.slice(name.length + 3), 'base64');
    if (!bytes.subarray(0, 4).equals(id)) continue;
    if (type === logKeyType && verify(null, Buffer.from(text), key, bytes.subarray(4))) return true;
    if (type === witnessKeyType && bytes.length === 76) {
      const said = Buffer.from(`cosignature/v1\ntime ${bytes.readBigUInt64BE(4)}\n${text}`);
      if (verify(null, said, key, bytes.subarray(12))) return true;
    }
  }
  return false;
}
