import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage } from './charset.ts';

const message = (charset: string, name: Buffer | string): Buffer => Buffer.concat([
  Buffer.from(`MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5.1||||||${charset}\rPID|1||1||`), Buffer.from(name), Buffer.from('\r'),
]);
const mark = Buffer.from([0xef, 0xbb, 0xbf]);
const latin1 = Buffer.from('Müller', 'latin1');
const utf8 = Buffer.from('Müller – 東', 'utf8');

describe('decodeMessage', () => {
  test.each([
    ['', 'Miller', 'ASCII', 'Miller'],
    ['ASCII', 'Miller', 'ASCII', 'Miller'],
    ['8859/1', latin1, '8859/1', 'Müller'],
    ['UNICODE UTF-8', utf8, 'UNICODE UTF-8', 'Müller – 東'],
    ['unicode utf-8', utf8, 'UNICODE UTF-8', 'Müller – 東'],
    ['8859/1~UNICODE UTF-8', latin1, '8859/1', 'Müller'],
  ])('MSH-18 %j', (charset, name, expected, text) => {
    const decoded = decodeMessage(message(charset, name));
    expect(decoded).toMatchObject({ ok: true, charset: expected });
    expect(decoded.ok && decoded.text).toContain(`||${text}\r`);
  });

  test.each([
    ['', latin1], ['', utf8], ['ASCII', utf8], ['UNICODE UTF-8', latin1], ['8859/1', Buffer.from('a\0b')],
    ['UNICODE UTF-8', Buffer.from([0xed, 0xa0, 0x80])], ['UNICODE UTF-8', Buffer.from([0xc0, 0xaf])],
  ])('MSH-18 %j with bytes outside it', (charset, name) => {
    expect(decodeMessage(message(charset, name))).toMatchObject({ ok: false, problem: { code: 'hl7.charset-invalid', location: 'MSH^1^18' } });
  });

  test.each(['8859/12', 'ISO IR87', 'UNICODE UTF-16', 'ASCII~ISO IR87'])('MSH-18 %j is not supported', (charset) => {
    expect(decodeMessage(message(charset, 'x'))).toMatchObject({ ok: false, problem: { code: 'hl7.charset-unsupported' } });
  });

  test('a byte order mark goes, says UTF-8 where MSH-18 is empty, and contradicts 8859/1', () => {
    const decoded = decodeMessage(Buffer.concat([mark, message('', utf8)]));
    expect(decoded).toMatchObject({ ok: true, charset: 'UNICODE UTF-8' });
    expect(decoded.ok && decoded.text.startsWith('MSH|')).toBe(true);
    expect(decodeMessage(Buffer.concat([mark, message('8859/1', latin1)]))).toMatchObject({ ok: false });
  });

  test('a source may have another default', () => {
    expect(decodeMessage(message('', latin1), { defaultCharset: '8859/1' })).toMatchObject({ ok: true, charset: '8859/1' });
  });

  test('other separators', () => {
    const bytes = Buffer.from('MSH#*!$%#A#B#C#D#20240101##ADT*A08#1#P#2.5.1######UNICODE UTF-8!ASCII\rPID#1##é');
    expect(decodeMessage(bytes)).toMatchObject({ ok: true, charset: 'UNICODE UTF-8' });
  });

  test('nothing at all', () => {
    expect(decodeMessage(Buffer.alloc(0))).toMatchObject({ ok: true, text: '' });
  });

  test('encodes what it decodes', () => {
    for (const [charset, name] of [['8859/1', latin1], ['UNICODE UTF-8', utf8]] as const) {
      const decoded = decodeMessage(message(charset, name));
      expect(decoded.ok && encodeMessage(decoded.text, decoded.charset)).toEqual(message(charset, name));
    }
  });
});
