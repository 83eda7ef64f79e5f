import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../testing/test-trust.ts';
import { openStream, sealStream } from './sealed-stream.ts';

const key = createSecretKey(randomBytes(32));
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const all = async (source: AsyncIterable<Buffer>): Promise<Buffer> => Buffer.concat(await Array.fromAsync(source));
const sealed = (plain: Buffer, name = 'part', by = 100_000): Promise<Buffer> => all(sealStream(key, name, pieces(plain, by)));
const opened = (bytes: Buffer, name = 'part', by = 70_001, under = key): Promise<Buffer> => all(openStream(under, name, pieces(bytes, by)));

describe('a sealed stream', () => {
  it('gives back what was sealed, at every length around a chunk and however it is cut', async () => {
    for (const length of [0, 1, 262_143, 262_144, 262_145, 524_288, 700_000]) {
      const plain = randomBytes(length);
      const bytes = await sealed(plain);
      expect((await opened(bytes)).equals(plain)).toBe(true);
      expect((await opened(bytes, 'part', 7_919)).equals(plain)).toBe(true);
    }
  });

  it('opens under no other name and no other key', async () => {
    const bytes = await sealed(Buffer.from('content'));
    expect(await codeOf(() => opened(bytes, 'other'))).toBe('backup.damaged');
    expect(await codeOf(() => opened(bytes, 'part', 100, createSecretKey(randomBytes(32))))).toBe('backup.damaged');
    expect(await codeOf(() => opened(Buffer.alloc(0)))).toBe('backup.damaged');
    expect(await codeOf(() => opened(bytes.subarray(0, 20)))).toBe('backup.damaged');
  });

  it('notices each flipped bit and each cut, and chunks that changed places', async () => {
    const bytes = await sealed(randomBytes(600_000));
    await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: bytes.length - 1 }), fc.integer({ min: 0, max: 7 }), async (at, bit) => {
      const altered = Buffer.from(bytes);
      altered[at]! ^= 1 << bit;
      expect(await codeOf(() => opened(altered))).toBe('backup.damaged');
      expect(await codeOf(() => opened(bytes.subarray(0, at)))).toBe('backup.damaged');
    }), { numRuns: 20 });
    const size = 262_144 + 16;
    const swapped = Buffer.concat([bytes.subarray(0, 24), bytes.subarray(24 + size, 24 + 2 * size), bytes.subarray(24, 24 + size), bytes.subarray(24 + 2 * size)]);
    expect(await codeOf(() => opened(swapped))).toBe('backup.damaged');
    expect(await codeOf(() => opened(bytes.subarray(0, 24 + size)))).toBe('backup.damaged');
  });
});
