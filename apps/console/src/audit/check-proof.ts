import type { AuditProof } from '@primum/contract';

/**
 * Recomputes the root of the tree from an entry's leaf and its proof (RFC 9162, section 2.1.3.2) in the browser and compares
 * it with the root in the checkpoint. That the checkpoint is signed is for the verifier with the key noted elsewhere.
 */
export async function isIncluded(proof: AuditProof): Promise<boolean> {
  const [, size, root] = proof.note.split('\n');
  if (Number(size) !== proof.size || proof.seq < 1 || proof.seq > proof.size) return false;
  let fn = proof.seq - 1;
  let sn = proof.size - 1;
  let hash = bytesOf(proof.leaf);
  for (const sibling of proof.hashes.map(bytesOf)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = await node(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else hash = await node(hash, sibling);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && btoa(String.fromCharCode(...hash)) === root;
}

async function node(left: Uint8Array, right: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.of(1, ...left, ...right)));
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
