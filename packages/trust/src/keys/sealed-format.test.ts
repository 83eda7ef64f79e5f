import { createSecretKey, randomBytes } from 'node:crypto';
import { PrimumError, uuidv7 } from '@primum/base';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openWith, sealedKeyOf, sealedOverheadBytes, sealWith } from './sealed-format.ts';

const key = createSecretKey(randomBytes(32));
const id = uuidv7();
const chunk = 65_536;
const seal = (plain: Uint8Array, aad = 'Observation|1'): Buffer => sealWith(key, 'patient', id, randomBytes(16), plain, aad);
const opens = (sealed: Uint8Array, aad = 'Observation|1'): 'opens' | string => {
  try {
    sealedKeyOf(sealed);
    openWith(key, sealed, aad);
    return 'opens';
  } catch (error) {
    return error instanceof PrimumError ? error.code : 'another error';
  }
};

describe('sealed format', () => {
  it('opens to what was sealed, at every size around a chunk', () => {
    for (const bytes of [0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 5]) {
      const plain = randomBytes(bytes);
      const sealed = seal(plain);
      expect(openWith(key, sealed, 'Observation|1').equals(plain), `${bytes} bytes`).toBe(true);
      expect(sealed.length - bytes).toBe(sealedOverheadBytes(bytes));
    }
  });

  it('opens to what was sealed, whatever value and associated data', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.string({ maxLength: 100 }), (plain, aad) => {
      expect(Buffer.from(plain).equals(openWith(key, seal(plain, aad), aad))).toBe(true);
    }));
  });

  it('is refused after any one flipped bit', () => {
    const sealed = seal(Buffer.from('a potassium of …'));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const altered = Buffer.from(sealed);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(opens(altered), `bit ${bit}`).toBe('trust.sealed-corrupt');
    }
    expect(opens(sealed)).toBe('opens');
  });

  it('is refused under other associated data or another key', () => {
    const sealed = seal(Buffer.from('x'));
    expect(opens(sealed, 'Observation|2')).toBe('trust.sealed-corrupt');
    expect(() => openWith(createSecretKey(randomBytes(32)), sealed, 'Observation|1')).toThrow('does not authenticate');
  });

  it('is refused when cut off anywhere, chunk borders included', () => {
    const sealed = seal(randomBytes(2 * chunk + 100));
    const borders = [34, 34 + chunk + 16, 34 + 2 * (chunk + 16)];
    for (const length of [0, 1, 33, ...borders.flatMap((border) => [border - 1, border, border + 1, border + 16, border + 17]), sealed.length - 1]) {
      expect(opens(sealed.subarray(0, length)), `${length} bytes`).toBe('trust.sealed-corrupt');
    }
    const small = seal(randomBytes(40));
    for (let length = 0; length < small.length; length += 1) expect(opens(small.subarray(0, length))).toBe('trust.sealed-corrupt');
  });

  it('is refused when chunks are swapped, repeated, dropped or added', () => {
    const sealed = seal(randomBytes(3 * chunk));
    const header = sealed.subarray(0, 34);
    const [a, b, c] = [0, 1, 2].map((i) => sealed.subarray(34 + i * (chunk + 16), 34 + (i + 1) * (chunk + 16)));
    for (const chunks of [[b!, a!, c!], [a!, a!, c!], [a!, c!], [b!, c!], [a!, b!, c!, c!], [a!, b!]]) {
      expect(opens(Buffer.concat([header, ...chunks]))).toBe('trust.sealed-corrupt');
    }
    expect(opens(Buffer.concat([header, a!, b!, c!]))).toBe('opens');
    expect(opens(Buffer.concat([sealed, Buffer.from([0])]))).toBe('trust.sealed-corrupt');
  });

  it('seals equal values unequally', () => {
    expect(seal(Buffer.from('x')).equals(seal(Buffer.from('x')))).toBe(false);
  });
});
