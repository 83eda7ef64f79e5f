import { describe, expect, it } from 'vitest';
import { acceptBatches } from './accept-batch.ts';
import { splitBatch } from './split-batch.ts';

const message = (id: string): string => `MSH|^~\\&|LAB|N|EHR|N|20260101||ADT^A01|${id}|P|2.5\rPID|1||${id}\r`;
const batch = (...lines: string[]): Buffer => Buffer.from(lines.join(''));

describe('a batch', () => {
  it('is cut into its messages, with headers, trailers or without', () => {
    const whole = batch('FHS|^~\\&|A\r', 'BHS|^~\\&|A\r', message('1'), message('2'), 'BTS|2\r', 'BHS|^~\\&|A\r', message('3'), 'BTS|1\r', 'FTS|2\r');
    expect(splitBatch(whole).messages.map(String)).toEqual([message('1'), message('2'), message('3')]);
    expect(splitBatch(whole).mismatches).toEqual([]);
    expect(splitBatch(batch(message('1'), '\r\n', message('2').replaceAll('\r', '\r\n'))).messages).toHaveLength(2);
    expect(splitBatch(batch('FHS|^~\\&|A\r', 'FTS|0\r'))).toEqual({ messages: [], mismatches: [] });
  });

  it('loses no message to a byte order mark or to frames left in a file', () => {
    expect(splitBatch(batch('\uFEFF', message('1'), message('2'))).messages.map(String)).toEqual([`\uFEFF${message('1')}`, `\uFEFF${message('2')}`]);
    expect(splitBatch(batch('\uFEFFBHS|^~\\&\r', message('1'), 'BTS|1\r')).mismatches).toEqual([]);
    expect(splitBatch(batch('\u000b', message('1'), '\u001c\r\u000b', message('2'), '\u001c\r')).messages.map(String)).toEqual([message('1'), message('2')]);
  });

  it('says where a trailer counts otherwise', () => {
    expect(splitBatch(batch('BHS#^~\\&#A\r', message('1'), 'BTS#3\r', 'FTS#2\r')).mismatches).toEqual([{ trailer: 'BTS', said: 3, found: 1 }, { trailer: 'FTS', said: 2, found: 1 }]);
  });

  it('is answered by one acknowledgement for each message, in order', async () => {
    const seen: string[] = [];
    const accept = acceptBatches(async (frame) => {
      const id = /\|([^|]*)\|P\|/.exec(frame.toString())![1]!;
      seen.push(id);
      return Buffer.from(`MSH|^~\\&|||||||ACK|x|P|2.5\rMSA|${id === '2' ? 'AE' : 'AA'}|${id}\r`);
    });
    const answer = (await accept(batch('BHS|^~\\&|A\r', message('1'), message('2'), 'BTS|5\r'), { remote: 'x' })).toString();
    expect(seen).toEqual(['1', '2']);
    expect(answer.split('\r').filter((line) => line.startsWith('MSA'))).toEqual(['MSA|AA|1', 'MSA|AE|2']);
    expect(answer).toMatch(/^BHS\|\^~\\&\|PRIMUM\|PRIMUM\r/);
    expect(answer).toContain('BTS|2|BTS-1 says 5, there were 2');
    expect((await accept(Buffer.from(message('9')), { remote: 'x' })).toString()).toContain('MSA|AA|9');
  });
});
