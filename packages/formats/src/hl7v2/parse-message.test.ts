import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildMessage, type ComponentInput, type SegmentInput } from './build-message.ts';
import { decodeMessage } from './charset.ts';
import { defaultEncoding, type Hl7Encoding } from './encoding.ts';
import { escapeText, unescapeText } from './escape.ts';
import { parseMessage, type Hl7Message } from './parse-message.ts';
import { isSupportedVersion, peekHeader, readHeader } from './read-header.ts';
import { component, componentOf, field, hl7Null, locationOf, repetitions, segmentNamed, segmentsNamed, wholeText } from './read-segment.ts';

const msh = 'MSH|^~\\&|LAB^1.2.3^ISO|GHH|PRIMUM|ICU|20240101120000||ORU^R01^ORU_R01|C-7|P|2.5.1';
const parsed = (text: string): Hl7Message => {
  const result = parseMessage(text);
  if (!result.ok) throw new Error(result.problem.code);
  return result.message;
};
const only = (text: string, name: string) => {
  const segment = segmentNamed(parsed(text), name);
  if (segment === undefined) throw new Error(`no ${name}`);
  return segment;
};

describe('parseMessage', () => {
  test('MSH is numbered from the separator', () => {
    const header = only(msh, 'MSH');
    expect([1, 2, 3, 9, 10, 12, 13].map((number) => field(header, number))).toEqual(['|', '^~\\&', 'LAB^1.2.3^ISO', 'ORU^R01^ORU_R01', 'C-7', '2.5.1', '']);
    expect(component(header, 2)).toBe('^~\\&');
    expect(repetitions(header, 2)).toEqual(['^~\\&']);
    expect(readHeader(parsed(msh))).toMatchObject({
      sendingApplication: 'LAB', sendingFacility: 'GHH', timestamp: '20240101120000', messageCode: 'ORU', triggerEvent: 'R01',
      messageStructure: 'ORU_R01', controlId: 'C-7', processingId: 'P', version: '2.5.1',
    });
  });

  test.each([['CR', '\r'], ['LF', '\n'], ['CR LF', '\r\n'], ['CR CR', '\r\r'], ['LF LF', '\n\n'], ['CR LF LF', '\r\n\n']])('segments end with %s', (_name, end) => {
    const message = parsed([msh, 'PID|1||77', 'OBX|1', 'OBX|2', ''].join(end));
    expect(message.segments.map((segment) => `${segment.name}${segment.sequence}`)).toEqual(['MSH1', 'PID1', 'OBX1', 'OBX2']);
    expect(field(message.segments[1]!, 3)).toBe('77');
  });

  test('a line feed inside a text stays in its field', () => {
    const message = parsed(`${msh}\rOBX|1|TX|||line one\nline two\n\nOBS none|x\rOBX|2\r`);
    expect(segmentsNamed(message, 'OBX').map((segment) => field(segment, 5))).toEqual(['line one\nline two\n\nOBS none', '']);
  });

  test('a run of line feeds costs linear time', () => {
    const start = performance.now();
    parsed(`${msh}\rOBX|1|TX|||a${'\n'.repeat(300_000)}b\r`);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  test('parts, repetitions, subcomponents, and the first finer part', () => {
    const pid = only(`${msh}\rPID|1||11^^^HOSP&1.2&ISO^MR~22^^^SS||A&B^C`, 'PID');
    expect(repetitions(pid, 3).map((item) => [componentOf(item, pid.encoding), componentOf(item, pid.encoding, { comp: 4, sub: 2 })])).toEqual([['11', '1.2'], ['22', '']]);
    expect(component(pid, 3, { rep: 2 })).toBe('22');
    expect(component(pid, 3, { comp: 4 })).toBe('HOSP');
    expect(component(pid, 3, { comp: 4, sub: 3 })).toBe('ISO');
    expect(component(pid, 5, { comp: 1, sub: 2 })).toBe('B');
    expect([component(pid, 3, { rep: 3 }), component(pid, 3, { comp: 9 }), component(pid, 99), component(pid, 4)]).toEqual(['', '', '', '']);
    expect(repetitions(pid, 4)).toEqual([]);
    expect(wholeText(only(`${msh}\rOBX|1|TX|||50^mg \\T\\ more`, 'OBX'), 5)).toBe('50^mg & more');
  });

  test('null is not empty', () => {
    const pid = only(`${msh}\rPID|1||""|`, 'PID');
    expect([component(pid, 3), component(pid, 4)]).toEqual([hl7Null, '']);
  });

  test('custom encoding characters', () => {
    const message = parsed('MSH#*!$%#A#B\rPID#1##1*2!3%4$T$\rOBX#1#^~\\&|');
    const pid = segmentNamed(message, 'PID')!;
    expect([component(pid, 3, { comp: 2 }), component(pid, 3, { rep: 2 }), component(pid, 3, { rep: 2, sub: 2 })]).toEqual(['2', '3', '4%']);
    expect(component(segmentNamed(message, 'OBX')!, 2)).toBe('^~\\&|');
    expect(component(only('MSH|^~\\&#|A\rPID|1||a\\P\\b', 'PID'), 3)).toBe('a#b');
  });

  test.each(['', 'PID|1', 'EVN|A01\rMSH|^~\\&|', 'FHS|^~\\&|', 'msh|^~\\&|'])('no MSH: %j', (text) => {
    expect(parseMessage(text)).toEqual({ ok: false, problem: { code: 'hl7.msh-missing' } });
  });

  test.each(['MSH', 'MSH|', 'MSH|^~\\|A', 'MSH|^~^&|A', 'MSH||^~\\&|A', 'MSH|^~\\|', 'MSHA^~\\&A', 'MSH|^~\\&#!|A', 'MSH|^~\\"|A', 'MSH|^~\\ |A', 'MSH|^\r~\\&|'])('encoding %j', (text) => {
    expect(parseMessage(text)).toMatchObject({ ok: false, problem: { code: 'hl7.encoding-invalid' } });
  });

  test('two messages in one frame are not read as one', () => {
    expect(parseMessage(`${msh}\rPID|1\r${msh}\rPID|2\r`)).toMatchObject({ ok: false, problem: { code: 'hl7.frame-malformed', location: 'MSH^2' } });
  });

  test('places, as ERL', () => {
    const obx = segmentsNamed(parsed(`${msh}\rOBX|1\rOBX|2`), 'OBX')[1]!;
    expect([locationOf(obx), locationOf(obx, 5), locationOf(obx, 3, { comp: 2 }), locationOf(obx, 3, { rep: 2 }), locationOf(obx, 3, { sub: 4 })])
      .toEqual(['OBX^2', 'OBX^2^5', 'OBX^2^3^1^2', 'OBX^2^3^2', 'OBX^2^3^1^1^4']);
  });

  test('versions', () => {
    expect(['2.1', '2.3', '2.5.1', '2.9'].every(isSupportedVersion)).toBe(true);
    expect(['', '2', '3.0', '2.0', '2.10', '2.5.1x', 'D.6'].some(isSupportedVersion)).toBe(false);
  });
});

describe('escapes', () => {
  test.each([
    ['a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f', 'a|b^c&d~e\\f'],
    ['one\\.br\\two', 'one\ntwo'],
    ['\\H\\high\\N\\ low', 'high low'],
    ['\\X41420D\\c', 'AB\rc'],
    ['\\XE9\\', 'é'],
    ['C:\\Temp\\file', 'C:\\Temp\\file'],
    ['\\Zab\\\\C2842\\\\.sp3\\', '\\Zab\\\\C2842\\\\.sp3\\'],
    ['\\X4\\ \\X\\ \\XGG\\ \\X00\\', '\\X4\\ \\X\\ \\XGG\\ \\X00\\'],
    ['open \\T', 'open \\T'],
    ['\\P\\', '\\P\\'],
    ['\\', '\\'],
  ])('%j', (raw, text) => expect(unescapeText(raw, defaultEncoding)).toBe(text));

  test('hexadecimal bytes are read in the message\'s character set', () => {
    const text = (charset: string, value: string) => component(only(`${msh}||||||${charset}\rOBX|1|ST|||${value}`, 'OBX'), 5);
    expect(text('UNICODE UTF-8', '\\XC3A9\\')).toBe('é');
    expect(text('UNICODE UTF-8', '\\XE9\\')).toBe('\\XE9\\');
    expect(text('8859/1', '\\XE9\\')).toBe('é');
  });

  const texts = fc.string({ unit: fc.oneof(fc.constantFrom(...'|^~\\&#$!*%\r\n\t\x0b\x1cXFSTRE.brHN0'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })) })
    .map((text) => text.replaceAll('\0', ''));
  const encodings = fc.constantFrom<Hl7Encoding>(
    defaultEncoding,
    { field: '#', component: '*', repetition: '!', escape: '$', subcomponent: '%', charset: 'UNICODE UTF-8' },
    { ...defaultEncoding, truncation: '#' },
  );

  test('unescape(escape(x)) = x, and an escaped text holds no delimiter and no control character', () => {
    fc.assert(fc.property(texts, encodings, (text, encoding) => {
      const escaped = escapeText(text, encoding);
      expect(unescapeText(escaped, encoding)).toBe(text);
      const { field: separator, component: hat, repetition, subcomponent } = encoding;
      expect([...escaped].some((character) => character < ' ' || [separator, hat, repetition, subcomponent].includes(character))).toBe(false);
    }), { numRuns: 2000 });
  });

  test('NUL has no place in a message', () => {
    expect(() => escapeText('a\0', defaultEncoding)).toThrow(expect.objectContaining({ code: 'hl7.field-invalid' }));
  });

  test('parse(build(x)) = x', () => {
    const componentInput = fc.oneof(texts, fc.array(texts, { minLength: 1, maxLength: 3 }));
    const repetition = fc.array(componentInput, { minLength: 1, maxLength: 4 });
    const repeated = fc.array(repetition, { minLength: 1, maxLength: 3 }).map((repeat) => ({ repeat }));
    const fieldInputs = fc.array(repeated, { minLength: 1, maxLength: 5 });
    const names = fc.constantFrom('PID', 'OBX', 'ZZ1');
    fc.assert(fc.property(fc.array(fc.tuple(names, fieldInputs), { maxLength: 4 }), encodings, (segments, encoding) => {
      const input: SegmentInput[] = [['MSH', 'A', ['B', 'C']], ...segments.map(([name, fields]): SegmentInput => [name, ...fields])];
      const result = parseMessage(buildMessage(input, encoding));
      if (!result.ok) throw new Error(result.problem.code);
      expect(result.message.segments.map((segment) => segment.name)).toEqual(['MSH', ...segments.map(([name]) => name)]);
      expect(component(result.message.segments[0]!, 4, { comp: 2 })).toBe('C');
      segments.forEach(([, fields], index) => {
        const segment = result.message.segments[index + 1]!;
        fields.forEach(({ repeat }, at) => repeat.forEach((components, repIndex) => components.forEach((value, compIndex) => {
          const subs = Array.isArray(value) ? value : [value];
          subs.forEach((expected, subIndex) => {
            expect(component(segment, at + 1, { rep: repIndex + 1, comp: compIndex + 1, sub: subIndex + 1 })).toBe(expected);
          });
        })));
      });
    }), { numRuns: 300 });
  });

  test('empty ends are left out, empty middles kept', () => {
    const field3: ComponentInput[] = ['1', undefined, '', ['a', ''], undefined];
    expect(buildMessage([['MSH', 'A', '', undefined], ['PID', undefined, hl7Null, field3, { repeat: ['x', ['y', 'z']] }, '']])).toBe('MSH|^~\\&|A\rPID||""|1^^^a&|x~y^z\r');
  });
});

describe('peekHeader', () => {
  test('reads the header of bytes that do not decode', () => {
    const bytes = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(`${msh}\rPID|`), Buffer.from([0xff, 0x00, 0xfe])]);
    expect(peekHeader(bytes)).toMatchObject({ controlId: 'C-7', messageCode: 'ORU' });
    expect(peekHeader(Buffer.from('GET / HTTP/1.1'))).toBeUndefined();
    expect(peekHeader(Buffer.alloc(0))).toBeUndefined();
  });
});

const data = process.env['PRIMUM_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url));
const folder = `${data}/hl7v2-to-fhir/messages`;

describe.skipIf(!existsSync(folder))('the public message collection (skipped without ../shared/data)', () => {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  test('there are messages', () => expect(files.length).toBeGreaterThan(50));

  test.each(files)('%s', (file) => {
    const bytes = readFileSync(`${folder}/${file}`);
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) throw new Error(decoded.problem.detail);
    const message = parsed(decoded.text);
    const header = readHeader(message);
    expect(header.messageCode).toMatch(/^(ADT|ORU|ORM|OML|OMG)$/);
    expect(header.controlId).not.toBe('');
    expect(isSupportedVersion(header.version)).toBe(true);
    expect(message.segments.every((segment) => /^[A-Z][A-Z0-9]{2}$/.test(segment.name))).toBe(true);
    // Nothing of the text is lost: the segments written back are the text, but for its line ends.
    const again = message.segments.map((segment) => segment.name === 'MSH'
      ? `MSH|${segment.fields.slice(2).join('|')}` : segment.fields.join('|'));
    expect(again).toEqual(decoded.text.split(/[\r\n]+/).filter((line) => line !== ''));
  });
});
