import { constants, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';

/** A planted value found: in which form. */
export type Hit = { value: string; form: string };
export type Finder = { search(bytes: Buffer): Hit[]; forms: number };

/**
 * Looks for many values at once, each in every form that a program may leave it in: UTF-8, Latin-1, upper and lower
 * case, UTF-16 in both orders, hexadecimal, base64 at its three alignments, percent-encoded, escaped as JSON. A table of
 * bits over four bytes says at nearly every place of a file that nothing begins there; the rest is looked up and compared.
 */
export function createFinder(values: readonly string[]): Finder {
  const needles = new Map<number, { bytes: Buffer; value: string; form: string }[]>();
  const bits = new Uint8Array(1 << 21);
  let forms = 0;
  const known = new Set<string>();
  const add = (value: string, form: string, bytes: Buffer): void => {
    const label = bytes.toString('latin1');
    if (bytes.length < 8 || known.has(label)) return;
    known.add(label);
    forms += 1;
    const start = bytes.readUInt32LE(0);
    needles.set(start, [...needles.get(start) ?? [], { bytes, value, form }]);
    const at = slotOf(start);
    bits[at >>> 3]! |= 1 << (at & 7);
  };
  for (const value of values) for (const [form, bytes] of formsOf(value)) add(value, form, bytes);
  return {
    forms,
    search: (bytes) => {
      const hits: Hit[] = [];
      for (let at = 0; at + 8 <= bytes.length; at += 1) {
        const start = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
        const slot = slotOf(start);
        if ((bits[slot >>> 3]! & (1 << (slot & 7))) === 0) continue;
        for (const needle of needles.get(start) ?? []) {
          if (bytes.subarray(at, at + needle.bytes.length).equals(needle.bytes)) hits.push({ value: needle.value, form: needle.form });
        }
      }
      return hits;
    },
  };
}

function slotOf(start: number): number {
  return (Math.imul(start, 0x9e37_79b1) >>> 8) & 0xff_ffff;
}

function* formsOf(value: string): Generator<[string, Buffer]> {
  for (const [name, text] of [['', value], [', upper case', value.toUpperCase()], [', lower case', value.toLowerCase()]] as const) {
    const utf8 = Buffer.from(text);
    yield [`utf-8${name}`, utf8];
    // Only where Latin-1 has every letter: elsewhere other texts would look the same.
    if ([...text].every((letter) => letter.codePointAt(0)! < 256)) yield [`latin-1${name}`, Buffer.from(text, 'latin1')];
    yield [`utf-16le${name}`, Buffer.from(text, 'utf16le')];
    yield [`utf-16be${name}`, Buffer.from(text, 'utf16le').swap16()];
    yield [`hexadecimal${name}`, Buffer.from(utf8.toString('hex'))];
    yield [`hexadecimal digits in upper case${name}`, Buffer.from(utf8.toString('hex').toUpperCase())];
    yield [`percent-encoded${name}`, Buffer.from(encodeURIComponent(text))];
    yield [`form-encoded${name}`, Buffer.from(encodeURIComponent(text).replaceAll('%20', '+'))];
    yield [`json${name}`, Buffer.from([...text].map((letter) => (letter.codePointAt(0)! < 128 ? letter : [...Array(letter.length).keys()].map((i) => `\\u${letter.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''))).join(''))];
    for (const shift of [0, 1, 2]) {
      // Of the middle only: the first and last letters depend on what stands beside.
      const inner = Buffer.concat([Buffer.alloc(shift), utf8]).toString('base64').replace(/=+$/, '');
      const from = shift === 0 ? 0 : shift + 1;
      const to = (utf8.length + shift) % 3 === 0 ? inner.length : inner.length - 1;
      yield [`base64${name}`, Buffer.from(inner.slice(from, to))];
      yield [`base64url${name}`, Buffer.from(inner.slice(from, to).replaceAll('+', '-').replaceAll('/', '_'))];
    }
  }
}

const maxInflated = 256 * 1024 * 1024;
const maxStreams = 2_000;

/** What lies compressed in some bytes, at the beginning or further in (gzip, zlib at the beginning, zstd, entries of a zip). */
export function* inflated(bytes: Buffer): Generator<Buffer> {
  let tried = 0;
  const at = (magic: Buffer, inflate: (from: number) => Buffer): Buffer[] => {
    const found: Buffer[] = [];
    for (let from = bytes.indexOf(magic); from !== -1 && tried < maxStreams; from = bytes.indexOf(magic, from + 1)) {
      tried += 1;
      try {
        found.push(inflate(from));
      } catch { /* four bytes that only look like a beginning */ }
    }
    return found;
  };
  // What was cut short is read as far as it goes.
  const options = { maxOutputLength: maxInflated, finishFlush: constants.Z_SYNC_FLUSH };
  yield* at(Buffer.from([0x1f, 0x8b, 0x08]), (from) => inflateRawSync(bytes.subarray(gzipBody(bytes, from)), options));
  yield* at(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), (from) => zstdDecompressSync(bytes.subarray(from), { maxOutputLength: maxInflated }));
  yield* at(Buffer.from('PK\x03\x04', 'latin1'), (from) => inflateRawSync(bytes.subarray(from + 30 + bytes.readUInt16LE(from + 26) + bytes.readUInt16LE(from + 28)), options));
  if (bytes.length > 2 && bytes[0] === 0x78 && bytes.readUInt16BE(0) % 31 === 0) {
    try {
      yield inflateSync(bytes, options);
    } catch { /* not zlib */ }
  }
}

/** Behind the header of a gzip member (RFC 1952, section 2.3), whose trailer and whatever follows it do not matter here. */
function gzipBody(bytes: Buffer, from: number): number {
  const flags = bytes[from + 3]!;
  let at = from + 10;
  if ((flags & 4) !== 0) at += 2 + bytes.readUInt16LE(at);
  for (const flag of [8, 16]) if ((flags & flag) !== 0) at = bytes.indexOf(0, at) + 1;
  return at + ((flags & 2) === 0 ? 0 : 2);
}
