import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createFinder, inflated } from './find-planted.ts';
import { plantedPersons } from './persons.ts';

const persons = plantedPersons(40, 7);
const values = persons.flatMap((person) => Object.values(person));
const finder = createFinder(values);
const around = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from('\0\x01abc'), bytes, Buffer.from('xyz\0')]);

describe('the finder', () => {
  it('plants values that are unlike each other', () => {
    expect(new Set(values).size).toBe(values.length);
    for (const [n, value] of values.entries()) expect(values.some((other, m) => m !== n && other.includes(value))).toBe(false);
  });

  it('finds each value in each form, alone and with anything beside it', () => {
    for (const value of values) {
      const utf8 = Buffer.from(value);
      const forms = [
        utf8, Buffer.from(value.toUpperCase()), Buffer.from(value, 'utf16le'), Buffer.from(value, 'utf16le').swap16(), Buffer.from(utf8.toString('hex')),
        Buffer.from(encodeURIComponent(value)),
        ...['', 'a', 'ab', 'abc'].map((before) => Buffer.from(Buffer.from(`${before}${value}!!`).toString('base64'))),
      ];
      for (const bytes of forms) expect(finder.search(around(bytes)).map((hit) => hit.value)).toContain(value);
    }
  });

  it('finds what is compressed, and nothing in noise', () => {
    const text = Buffer.from(values[0]!);
    for (const bytes of [gzipSync(text), zstdCompressSync(text)]) expect([...inflated(around(bytes))].flatMap((content) => finder.search(content)).length).toBeGreaterThan(0);
    const header = Buffer.alloc(30);
    header.write('PK\x03\x04', 'latin1');
    expect([...inflated(Buffer.concat([header, deflateRawSync(text)]))].flatMap((content) => finder.search(content)).length).toBeGreaterThan(0);
    expect(finder.search(Buffer.from(plantedPersons(40, 8).flatMap((person) => Object.values(person)).join(' ')))).toEqual([]);
  });
});
