import { createHash, createPublicKey, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PrimumError } from '@primum/base';
import { signingKeyAt } from '@primum/registry';
import { pageOf } from './html.ts';
import { assessmentResults } from './oscal.ts';
import type { Pack } from './pack.ts';

/** Beside the other keys of this home, never in its database or a pack. */
const keyOf = (home: string): ReturnType<typeof signingKeyAt> => signingKeyAt(join(home, 'keys', 'evidence-signing.pem'));

export async function assertNewFolder(directory: string): Promise<void> {
  if (existsSync(directory) && (await readdir(directory)).length > 0) throw new PrimumError('config.usage', '--out takes a new or empty folder');
}

/**
 * Writes the pack: pages, OSCAL, a file a proof, a digest of each (`SHA256SUMS`, as sha256sum writes it) and an Ed25519
 * signature over these digests (RFC 8032). Gives the digest of `SHA256SUMS`, which names the pack.
 */
export async function writePack(home: string, directory: string, pack: Pack): Promise<{ digest: string; keyId: string }> {
  const key = await keyOf(home);
  const publicKey = createPublicKey(key);
  const keyId = createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('hex');
  const files: Record<string, string> = {
    'index.html': pageOf(pack, keyId),
    'assessment-results.json': json(assessmentResults(pack)),
    'record-of-processing.json': json({ madeAt: pack.madeAt, activities: pack.processing, flows: pack.flows, stores: pack.residency }),
    ...Object.fromEntries(pack.proofs.map((proof) => [`proofs/${proof.id}.json`, json({ ...proof, environment: pack.environment })])),
    'VERIFY.txt': howToVerify(keyId),
    'verify.mjs': verifier,
    'evidence-key.pem': String(publicKey.export({ type: 'spki', format: 'pem' })),
  };
  const sums = Object.entries(files).map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}\n`).sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('');
  for (const [name, text] of [...Object.entries(files), ['SHA256SUMS', sums] as const]) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  await writeFile(join(directory, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), key));
  return { digest: createHash('sha256').update(sums).digest('hex'), keyId };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const howToVerify = (keyId: string): string => `In this folder, with Node:

  node verify.mjs ${keyId}

or with OpenSSL 3 and coreutils:

  openssl pkeyutl -verify -pubin -inkey evidence-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig
  sha256sum --check --strict SHA256SUMS

The key that signed (SHA-256 of its DER) is ${keyId}.
A signature says which home made this pack and that it is unaltered since. Compare the key with one that you got another way.
`;

const verifier = `// Checks this folder against its digests and their signature. Needs only Node.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
const here = import.meta.dirname;
const read = (name) => readFileSync(join(here, name));
const key = createPublicKey(read('evidence-key.pem'));
const keyId = createHash('sha256').update(key.export({ type: 'spki', format: 'der' })).digest('hex');
const faults = [];
if (process.argv[2] !== undefined && process.argv[2] !== keyId) faults.push('another key');
if (!verify(null, read('SHA256SUMS'), key, read('SHA256SUMS.sig'))) faults.push('the signature is not good');
const listed = new Map(read('SHA256SUMS').toString().trimEnd().split('\\n').map((line) => [line.slice(66), line.slice(0, 64)]));
for (const [name, digest] of listed) {
  try {
    if (createHash('sha256').update(read(name)).digest('hex') !== digest) faults.push(name + ' was altered');
  } catch {
    faults.push(name + ' is missing');
  }
}
for (const entry of readdirSync(here, { recursive: true, withFileTypes: true })) {
  const name = relative(here, join(entry.parentPath, entry.name)).split(sep).join('/');
  if (entry.isFile() && !listed.has(name) && !name.startsWith('SHA256SUMS')) faults.push(name + ' is not listed');
}
console.log(faults.length === 0 ? 'good: ' + listed.size + ' files, signed by ' + keyId : faults.join('\\n'));
process.exitCode = faults.length === 0 ? 0 : 1;
`;
