import { hash } from 'node:crypto';
import { assert } from '@primum/base';

/**
 * The Merkle tree of RFC 6962 (section 2.1) and RFC 9162, read through tiles of 256 hashes as C2SP tlog-tiles cuts it:
 * tile (0, n) holds leaves 256n …, tile (l, n) the roots of 256 tiles of level l - 1. All hashes are SHA-256, 32 bytes.
 * Sizes and indices are numbers up to 2^53; nothing here shifts bits, which would end at 2^32.
 */
export const tileWidth = 256;
export const hashBytes = 32;
export const emptyRoot: Buffer = hash('sha256', Buffer.alloc(0), 'buffer');

/** The first `width` hashes of a tile, concatenated. Asked only for hashes whose subtrees are complete. */
export type ReadTile = (level: number, n: number, width: number) => Promise<Buffer>;

const nodePrefix = Buffer.from([1]);

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([nodePrefix, left, right]), 'buffer');
}

/** Root of concatenated hashes whose number is a power of two. */
export function foldHashes(hashes: Buffer): Buffer {
  let row: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += hashBytes) row.push(hashes.subarray(at, at + hashBytes));
  while (row.length > 1) row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!));
  return row[0]!;
}

/** How many hashes of a level a tree of this size has complete. */
export function hashesAt(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level);
}

/** Root of the whole subtree over [index · 2^height, (index + 1) · 2^height). */
async function subtree(read: ReadTile, size: number, height: number, index: number): Promise<Buffer> {
  const level = Math.floor(height / 8);
  const count = 2 ** (height % 8);
  const first = index * count;
  const n = Math.floor(first / tileWidth);
  const tile = await read(level, n, Math.min(tileWidth, hashesAt(level, size) - n * tileWidth));
  const at = (first - n * tileWidth) * hashBytes;
  return foldHashes(tile.subarray(at, at + count * hashBytes));
}

/** MTH(D[from:to]) of RFC 6962, where `from` is a multiple of the least power of two ≥ to - from. */
async function rangeHash(read: ReadTile, size: number, from: number, to: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let at = from; at < to;) {
    let width = 1;
    let height = 0;
    while (width * 2 <= to - at) {
      width *= 2;
      height += 1;
    }
    parts.push(await subtree(read, size, height, at / width));
    at += width;
  }
  return parts.reduceRight((right, left) => nodeHash(left, right));
}

export async function rootAt(read: ReadTile, size: number): Promise<Buffer> {
  return size === 0 ? emptyRoot : rangeHash(read, size, 0, size);
}

/** The largest power of two below `n`. */
function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** PATH(index, D[size]) of RFC 6962, section 2.1.1; from the leaf upwards. */
export async function inclusionProof(read: ReadTile, index: number, size: number): Promise<Buffer[]> {
  assert(index >= 0 && index < size, 'the leaf is not in the tree');
  const cached = cachedTiles(read);
  const down = async (from: number, to: number): Promise<Buffer[]> => {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    return index < middle
      ? [...await down(from, middle), await rangeHash(cached, size, middle, to)]
      : [...await down(middle, to), await rangeHash(cached, size, from, middle)];
  };
  return down(0, size);
}

/** PROOF(from, D[size]) of RFC 6962, section 2.1.2: that the tree of `size` begins with the tree of `from`. */
export async function consistencyProof(read: ReadTile, from: number, size: number): Promise<Buffer[]> {
  assert(from > 0 && from <= size, 'no proof between these sizes');
  const cached = cachedTiles(read);
  const sub = async (m: number, lo: number, hi: number, whole: boolean): Promise<Buffer[]> => {
    if (m === hi) return whole ? [] : [await rangeHash(cached, size, lo, hi)];
    const middle = lo + splitOf(hi - lo);
    return m <= middle
      ? [...await sub(m, lo, middle, whole), await rangeHash(cached, size, middle, hi)]
      : [...await sub(m, middle, hi, false), await rangeHash(cached, size, lo, middle)];
  };
  return sub(from, 0, size, true);
}

function cachedTiles(read: ReadTile): ReadTile {
  const known = new Map<string, Promise<Buffer>>();
  return (level, n, width) => {
    const key = `${level}/${n}`;
    const tile = known.get(key) ?? read(level, n, width);
    known.set(key, tile);
    return tile;
  };
}

/** RFC 9162, section 2.1.3.2. */
export function verifyInclusion(leaf: Buffer, index: number, size: number, proof: readonly Buffer[], root: Buffer): boolean {
  if (index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let r = leaf;
  for (const p of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    } else r = nodeHash(r, p);
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 && r.equals(root);
}

/** Leaves in order → the root after each: the right edge of the tree, at most 53 hashes. */
export function createFrontier(): { readonly size: number; push(leaf: Buffer): void; root(): Buffer } {
  const edge: { width: number; hash: Buffer }[] = [];
  let size = 0;
  return {
    get size() { return size; },
    push(leaf) {
      let node = { width: 1, hash: leaf };
      while (edge.at(-1)?.width === node.width) node = { width: node.width * 2, hash: nodeHash(edge.pop()!.hash, node.hash) };
      edge.push(node);
      size += 1;
    },
    root: () => (edge.length === 0 ? emptyRoot : edge.map((node) => node.hash).reduceRight((right, left) => nodeHash(left, right))),
  };
}
