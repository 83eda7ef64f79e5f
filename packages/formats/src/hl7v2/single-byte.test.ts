import { describe, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from './charset.ts';
import { parseMessage } from './parse-message.ts';
import { component, segmentNamed } from './read-segment.ts';

/** From the tables of ISO/IEC 8859: set, byte, character. */
const letters: readonly [charset: '8859/2' | '8859/3' | '8859/4' | '8859/5' | '8859/7' | '8859/8' | '8859/9' | '8859/15', byte: number, letter: string][] = [
  ['8859/2', 0xb9, 'š'], ['8859/2', 0xf8, 'ř'], ['8859/3', 0xe6, 'ĉ'], ['8859/4', 0xba, 'ē'], ['8859/5', 0xd0, 'а'],
  ['8859/7', 0xe1, 'α'], ['8859/8', 0xe0, 'א'], ['8859/9', 0xfe, 'ş'], ['8859/15', 0xa4, '€'],
];

const frame = (charset: string, name: Buffer): Buffer => Buffer.concat([Buffer.from(`MSH|^~\\&|A|F|P|P|20260101||ADT^A01|1|P|2.5.1||||||${charset}\rPID|1||1||`), name, Buffer.from('\r')]);

describe('the parts of ISO/IEC 8859', () => {
  it.each(letters)('%s: byte %i is %s, both ways, and as an escape', (charset, byte, letter) => {
    const decoded = decodeMessage(frame(charset, Buffer.from([byte])));
    if (!decoded.ok) throw new Error(decoded.problem.code);
    expect(decoded.text).toContain(`|${letter}\r`);
    expect(encodeMessage(decoded.text, charset).includes(byte)).toBe(true);
    const parsed = parseMessage(`MSH|^~\\&|A|F|P|P|20260101||ADT^A01|1|P|2.5.1||||||${charset}\rPID|1||1||\\X${byte.toString(16)}\\\r`);
    if (!parsed.ok) throw new Error('not read');
    expect(component(segmentNamed(parsed.message, 'PID')!, 5)).toBe(letter);
  });

  it('refuses bytes that stand for nothing there, characters that it lacks, and a byte order mark', () => {
    expect(decodeMessage(frame('8859/2', Buffer.from([0x8a])))).toMatchObject({ ok: false, problem: { code: 'hl7.charset-invalid' } });
    expect(decodeMessage(frame('8859/7', Buffer.from([0xff])))).toMatchObject({ ok: false, problem: { code: 'hl7.charset-invalid' } });
    expect(decodeMessage(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), frame('8859/2', Buffer.from('A'))]))).toMatchObject({ ok: false });
    expect(() => encodeMessage('ß€', '8859/2')).toThrow('a character that 8859/2 lacks');
    expect(decodeMessage(frame('8859/12', Buffer.from('A')))).toMatchObject({ ok: false, problem: { code: 'hl7.charset-unsupported' } });
  });
});
