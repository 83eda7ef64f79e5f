import { hash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consistencyProof, createFrontier, emptyRoot, foldHashes, hashBytes, inclusionProof, rootAt, tileWidth, verifyInclusion, type ReadTile } from './merkle-tree.ts';

const leafOf = (data: Uint8Array): Buffer => hash('sha256', Buffer.concat([Buffer.from([0]), data]), 'buffer');

/** A tree in memory, its tiles cut plainly. */
function treeOf(leaves: readonly Buffer[]): ReadTile {
  const at = (level: number, i: number): Buffer => (level === 0 ? leaves[i]! : foldHashes(Buffer.concat(Array.from({ length: tileWidth }, (_, j) => at(level - 1, i * tileWidth + j)))));
  return async (level, n, width) => Buffer.concat(Array.from({ length: width }, (_, i) => at(level, n * tileWidth + i)));
}

/** RFC 6962, section 2.1, as it is written. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return emptyRoot;
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return hash('sha256', Buffer.concat([Buffer.from([1]), mth(leaves.slice(0, k)), mth(leaves.slice(k))]), 'buffer');
}

// Test vectors of the reference implementation of Certificate Transparency (google/certificate-transparency, merkletree tests).
const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) => Buffer.from(hex, 'hex'));
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d', 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4', '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c', '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

describe('the Merkle tree', () => {
  it('has the roots of the reference implementation', async () => {
    const leaves = inputs.map(leafOf);
    const frontier = createFrontier();
    expect((await rootAt(treeOf(leaves), 0)).toString('hex')).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    for (const [i, root] of roots.entries()) {
      frontier.push(leaves[i]!);
      expect(frontier.root().toString('hex')).toBe(root);
      expect((await rootAt(treeOf(leaves), i + 1)).toString('hex')).toBe(root);
    }
  });

  it('is what RFC 6962 says at any size, and each proof of inclusion holds for its leaf alone', async () => {
    const all = Array.from({ length: 1_400 }, (_, i) => leafOf(Buffer.from(String(i))));
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 1_400 }), fc.nat(), async (size, pick) => {
      const leaves = all.slice(0, size);
      const read = treeOf(leaves);
      const root = await rootAt(read, size);
      expect(root.equals(mth(leaves))).toBe(true);
      const index = pick % size;
      const proof = await inclusionProof(read, index, size);
      expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)) + 1);
      expect(verifyInclusion(leaves[index]!, index, size, proof, root)).toBe(true);
      expect(verifyInclusion(all[(index + 1) % 1_400]!, index, size, proof, root)).toBe(false);
      if (size > 1) expect(verifyInclusion(leaves[index]!, (index + 1) % size, size, proof, root)).toBe(false);
    }), { numRuns: 40 });
  });

  it('gives the proofs of consistency of RFC 6962, section 2.1.3', async () => {
    const read = treeOf(inputs.slice(0, 7).map(leafOf));
    // The tree of the RFC's example: PROOF(3, D[7]) = [c, d, g, l], PROOF(4, D[7]) = [l], PROOF(6, D[7]) = [i, j, k].
    expect(await consistencyProof(read, 3, 7)).toHaveLength(4);
    expect(await consistencyProof(read, 4, 7)).toHaveLength(1);
    expect(await consistencyProof(read, 6, 7)).toHaveLength(3);
    expect(await consistencyProof(read, 7, 7)).toHaveLength(0);
    const [c, d] = await consistencyProof(read, 3, 7);
    expect(c!.equals(leafOf(inputs[2]!)) && d!.equals(leafOf(inputs[3]!))).toBe(true);
    expect(hashBytes).toBe(32);
  });
});
