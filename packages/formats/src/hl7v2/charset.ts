import { isAscii, isUtf8 } from 'node:buffer';
import { PrimumError } from '@primum/base';
import type { Hl7Problem } from './problem.ts';
import { decodeSingleByte, encodeSingleByte, isSingleByte, type SingleByteCharset } from './single-byte.ts';

/** The character sets of HL7 table 0211 that we read. */
export type Hl7Charset = 'ASCII' | '8859/1' | SingleByteCharset | 'UNICODE UTF-8';

const byName: Readonly<Record<string, Hl7Charset>> = {
  'ASCII': 'ASCII', '8859/1': '8859/1', 'UNICODE UTF-8': 'UNICODE UTF-8', 'UTF-8': 'UNICODE UTF-8',
};
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf]);
const headerBytes = 4096;

export type DecodedMessage =
  | { ok: true; text: string; charset: Hl7Charset }
  | { ok: false; problem: Hl7Problem };

/**
 * Turns a frame's bytes into text by the character set that MSH-18 names (HL7 2.5.1, section 2.15.9.18), strictly: a
 * byte outside the set is an error, never a replacement character. A UTF-8 byte order mark is taken off; with an empty
 * MSH-18 it says UTF-8. Without either the standard's default holds, ASCII, unless the source's `defaultCharset` says
 * otherwise. 8859/1 maps each byte to the code point of the same number; the other parts of 8859 go by their tables. NUL is refused in every set: no HL7 type
 * allows it, and no database text holds it.
 */
export function decodeMessage(bytes: Buffer, options: { defaultCharset?: Hl7Charset } = {}): DecodedMessage {
  const marked = startsWithMark(bytes);
  const content = marked ? bytes.subarray(byteOrderMark.length) : bytes;
  const declared = declaredCharset(content);
  if (declared === undefined) return fail('hl7.charset-unsupported', 'MSH-18 is not ASCII, 8859/1 to 8859/9, 8859/15 or UNICODE UTF-8');
  const charset = declared === '' ? (marked ? 'UNICODE UTF-8' : options.defaultCharset ?? 'ASCII') : declared;
  if (content.includes(0)) return fail('hl7.charset-invalid', 'a NUL byte');
  if (marked && charset !== 'UNICODE UTF-8' && charset !== 'ASCII') return fail('hl7.charset-invalid', `a UTF-8 byte order mark in ${charset}`);
  if (isAscii(content)) return { ok: true, text: content.toString('latin1'), charset };
  if (charset === '8859/1') return { ok: true, text: content.toString('latin1'), charset };
  if (charset === 'UNICODE UTF-8' && isUtf8(content)) return { ok: true, text: content.toString('utf8'), charset };
  const text = isSingleByte(charset) ? decodeSingleByte(content, charset) : undefined;
  return text === undefined ? fail('hl7.charset-invalid', `bytes that are not ${charset}`) : { ok: true, text, charset };
}

/** Encodes a message that we wrote; its MSH-18 must name the set. Characters outside it are a bug of the caller. */
export function encodeMessage(text: string, charset: Hl7Charset): Buffer {
  if (isSingleByte(charset)) {
    const bytes = encodeSingleByte(text, charset);
    if (bytes === undefined) throw new PrimumError('hl7.charset-invalid', `a character that ${charset} lacks`);
    return bytes;
  }
  return Buffer.from(text, charset === 'UNICODE UTF-8' ? 'utf8' : 'latin1');
}

/** `''` when MSH-18 is empty or absent, undefined when it names a set that we do not read. */
export function charsetNamed(msh18: string, repetition = '~'): Hl7Charset | '' | undefined {
  const names = msh18.split(repetition).map((name) => name.trim().toUpperCase());
  if (names.some((name) => name !== '' && named(name) === undefined)) return undefined;
  return named(names[0] ?? '') ?? '';
}

function named(name: string): Hl7Charset | undefined {
  return byName[name] ?? (isSingleByte(name) ? name : undefined);
}

function declaredCharset(content: Buffer): Hl7Charset | '' | undefined {
  const header = content.subarray(0, headerBytes).toString('latin1').trimStart();
  if (!header.startsWith('MSH')) return '';
  const line = header.slice(0, header.search(/[\r\n]|$/));
  return charsetNamed(line.split(line.charAt(3) || '|')[17] ?? '', line.charAt(5) || '~');
}

function startsWithMark(bytes: Buffer): boolean {
  return bytes.length >= 3 && bytes.subarray(0, 3).equals(byteOrderMark);
}

function fail(code: 'hl7.charset-unsupported' | 'hl7.charset-invalid', detail: string): DecodedMessage {
  return { ok: false, problem: { code, location: 'MSH^1^18', detail } };
}
