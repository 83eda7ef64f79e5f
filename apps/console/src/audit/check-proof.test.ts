import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isIncluded } from './check-proof.ts';

const sha = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

describe('a proof of inclusion', () => {
  it('holds for its leaf at its place in its tree alone', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => sha(Buffer.from([0]), Buffer.from(text))) as [Buffer, Buffer, Buffer];
    const root = sha(Buffer.from([1]), sha(Buffer.from([1]), a, b), c).toString('base64');
    const base = { id: '', size: 3, note: `origin\n3\n${root}\n\n`, verifierKey: '' };
    const second = { ...base, seq: 2, leaf: b.toString('base64'), hashes: [a, c].map((hash) => hash.toString('base64')) };
    const third = { ...base, seq: 3, leaf: c.toString('base64'), hashes: [sha(Buffer.from([1]), a, b).toString('base64')] };
    expect(await isIncluded(second)).toBe(true);
    expect(await isIncluded(third)).toBe(true);
    expect(await isIncluded({ ...second, seq: 1 })).toBe(false);
    expect(await isIncluded({ ...second, leaf: a.toString('base64') })).toBe(false);
    expect(await isIncluded({ ...second, hashes: second.hashes.slice(1) })).toBe(false);
    expect(await isIncluded({ ...second, size: 4 })).toBe(false);
  });
});
