import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { linesOf } from './lines.ts';

const read = (chunks: Iterable<Uint8Array>, longest = 100): Promise<(string | null)[]> => Array.fromAsync(linesOf(Readable.from(chunks), longest));

describe('lines of a stream', () => {
  it('are the same wherever it is cut', async () => {
    const text = Buffer.from('{"a":"Müller"}\r\n\n{"b":"日本"}\nlast');
    for (let size = 1; size <= text.length; size += 1) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, n) => text.subarray(n * size, (n + 1) * size));
      expect(await read(chunks)).toEqual(['{"a":"Müller"}', '', '{"b":"日本"}', 'last']);
    }
  });

  it('that are too long are left out and never held, and what follows is read', async () => {
    const block = Buffer.alloc(1024 * 1024, 'x');
    const before = process.memoryUsage();
    const lines = await read((function* () {
      yield Buffer.from('first\n');
      for (let n = 0; n < 512; n += 1) yield block;
      yield Buffer.from('\nnext\n');
    })());
    expect(lines).toEqual(['first', null, 'next']);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(256 * 1024 * 1024);
  });

  it('end with the error of what they are read from', async () => {
    await expect(read((function* () {
      yield Buffer.from('one\ntw');
      throw new Error('cut off');
    })())).rejects.toThrow('cut off');
  });
});
