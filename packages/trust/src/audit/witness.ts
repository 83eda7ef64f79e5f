import { PrimumError } from '@primum/base';
import { consistencyProof, type ReadTile } from './merkle-tree.ts';
import { isSignedBy, type VerifierKey } from './signed-note.ts';

/** A witness in the sense of c2sp.org/tlog-witness: where to submit to, and its key. */
export type Witness = { url: string; key: VerifierKey };

const timeoutMs = 10_000;
const maxAnswerBytes = 65_536;

/**
 * Asks a witness to cosign a checkpoint, with a proof that it goes on from the one the witness saw last (asked for from
 * `lastSize`; the witness says when it remembers another size). Returns the cosignature's line, verified.
 */
export async function cosign(witness: Witness, note: string, size: number, lastSize: number, read: ReadTile): Promise<string> {
  let answer = await addCheckpoint(witness.url, note, size, lastSize, read);
  if (answer.status === 409 && answer.type.startsWith('text/x.tlog.size')) answer = await addCheckpoint(witness.url, note, size, Number(answer.text), read);
  if (answer.status !== 200) throw new PrimumError('audit.witness-refused', `${new URL(witness.url).host} answered ${answer.status}`);
  const text = note.slice(0, note.lastIndexOf('\n\n') + 1);
  const line = answer.text.split('\n').find((candidate) => isSignedBy(witness.key, text, candidate));
  if (line === undefined) throw new PrimumError('audit.witness-refused', 'its cosignature does not verify');
  return `${line}\n`;
}

async function addCheckpoint(url: string, note: string, size: number, old: number, read: ReadTile): Promise<{ status: number; type: string; text: string }> {
  if (!Number.isSafeInteger(old) || old < 0 || old > size) throw new PrimumError('audit.witness-refused', `it remembers a tree of ${old}`);
  const proof = old === 0 ? [] : await consistencyProof(read, old, size);
  const response = await fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, {
    method: 'POST', redirect: 'error', signal: AbortSignal.timeout(timeoutMs),
    body: `old ${old}\n${proof.map((hash) => `${hash.toString('base64')}\n`).join('')}\n${note}`,
  });
  const text = await response.text();
  if (text.length > maxAnswerBytes) throw new PrimumError('audit.witness-refused', 'its answer is too long');
  return { status: response.status, type: response.headers.get('content-type') ?? '', text };
}
