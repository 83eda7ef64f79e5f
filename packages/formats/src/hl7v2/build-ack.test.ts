import { errorCatalogue, type ErrorCode } from '@primum/contract';
import { describe, expect, test } from 'vitest';
import { buildAck, type AckInput } from './build-ack.ts';
import { parseMessage } from './parse-message.ts';
import { conditionNames, conditionOf } from './problem.ts';
import { peekHeader } from './read-header.ts';
import { component, segmentNamed } from './read-segment.ts';

const at = new Date('2024-03-01T12:00:00.250Z');
const header = peekHeader(Buffer.from('MSH|^~\\&|LAB^1.2^ISO|GHH|PRIMUM|ICU|20240101||ORU^R01^ORU_R01|C\\T\\7|T|2.5.1\rPID|1||SECRET'));
const read = (ack: string) => {
  const result = parseMessage(ack);
  if (!result.ok) throw new Error(result.problem.code);
  return (name: string, number: number, part = {}) => {
    const segment = segmentNamed(result.message, name);
    return segment === undefined ? undefined : component(segment, number, part);
  };
};
const lines = (input: Partial<AckInput>): string[] => buildAck({ header, controlId: 'ACK1', at, ...input }).split('\r');

describe('buildAck', () => {
  test('answers whatever stands in MSH-9: what could be no event is not said back', () => {
    for (const event of ['A\u0000', 'A01&x', '\u0000\u0000', 'A'.repeat(500)]) {
      const header = peekHeader(Buffer.from(`MSH|^~\\&|LAB|N|EHR|N|20260101||ADT^${event}|C1|P|2.5\r`));
      expect(buildAck({ header, controlId: 'X', at: new Date(0), error: { code: 'hl7.frame-malformed' } })).toContain('MSA|AR|C1');
    }
  });

  test('says no byte back that frames a message', () => {
    const framing = peekHeader(Buffer.from('MSH|^~\\&|LAB\u000b|N\u001c|EHR|N|20260101||ADT^A01|C1\u001c|P|2.5\r'));
    const ack = buildAck({ header: framing, controlId: 'X', at: new Date(0), error: { code: 'hl7.field-missing' } });
    expect(ack).toMatch(/\rMSA\|AE\|C1\rERR\|/);
    expect([ack.includes('\v'), ack.includes('\u001c')]).toEqual([false, false]);
  });

  test('accept', () => {
    expect(lines({})).toEqual([
      'MSH|^~\\&|PRIMUM|ICU|LAB^1.2^ISO|GHH|20240301120000.250+0000||ACK^R01^ACK|ACK1|T|2.5.1', 'MSA|AA|C\\T\\7', '',
    ]);
  });

  test('an error names its place, table 0357\'s condition and our code', () => {
    const [, msa, err] = lines({ error: { code: 'hl7.field-missing', location: 'PID^1^3', detail: 'PID-3 is empty' } });
    expect(msa).toBe('MSA|AE|C\\T\\7');
    expect(err).toBe('ERR||PID^1^3|101^Required field missing^HL70357|E|hl7.field-missing^^L||PID-3 is empty. Fill the field that the detail names.|A required field is empty');
  });

  test('a rejection, and a condition of the caller\'s choice', () => {
    const get = read(buildAck({ header, controlId: '1', at, error: { code: 'hl7.type-unsupported', hl70357: '201' } }));
    expect([get('MSA', 1), get('ERR', 3), get('ERR', 3, { comp: 2 }), get('ERR', 2)]).toEqual(['AR', '201', 'Unsupported event code', '']);
  });

  test('every catalogue code can be said', () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[] /* the catalogue's own keys */) {
      const get = read(buildAck({ header, controlId: '1', at, error: { code } }));
      expect(get('ERR', 5)).toBe(code);
      expect(get('ERR', 8)).toBe(errorCatalogue[code].summary);
      expect(conditionNames[conditionOf(code).hl70357]).toBe(get('ERR', 3, { comp: 2 }));
    }
  });

  test('207, "try again", is said only of what is ours to mend', () => {
    const codes = (Object.keys(errorCatalogue) as ErrorCode[] /* the catalogue's own keys */).filter((code) => code.startsWith('hl7.'));
    expect(codes.filter((code) => conditionOf(code).hl70357 === '207')).toEqual([]);
    expect(conditionOf('store.disk-full')).toEqual({ ackCode: 'AR', hl70357: '207' });
  });

  test('no header: still an acknowledgement, of nothing by name', () => {
    const get = read(buildAck({ header: undefined, controlId: '1', at, error: { code: 'hl7.frame-malformed' } }));
    expect([get('MSH', 9), get('MSH', 11), get('MSH', 12), get('MSA', 1), get('MSA', 2)]).toEqual(['ACK', 'P', '2.5.1', 'AR', '']);
  });

  test('the sender\'s own delimiters', () => {
    const other = peekHeader(Buffer.from('MSH#*!$%#LAB*1#GHH#P#I#2024##ADT*A01#C^7#P#2.4'));
    const ack = buildAck({ header: other, controlId: '1', at, error: { code: 'hl7.patient-unknown', location: 'PID^1^3' } });
    const get = read(ack);
    expect(ack.startsWith('MSH#*!$%#P#I#LAB*1#GHH#')).toBe(true);
    expect([get('MSA', 2), get('ERR', 2, { comp: 3 }), get('ERR', 3)]).toEqual(['C^7', '3', '204']);
    // Before 2.5 ERR had another shape; MSA-3 is what an older sender shows.
    expect(get('MSA', 3)).toContain('hl7.patient-unknown');
  });

  test('a copied name that is not ASCII says its character set', () => {
    const foreign = peekHeader(Buffer.from('MSH|^~\\&|M\xfcnchen|G|P|I|2024||ADT^A01|7|P|2.5.1||||||8859/1', 'latin1'));
    const get = read(buildAck({ header: foreign, controlId: '1', at }));
    expect([get('MSH', 5), get('MSH', 18)]).toEqual(['München', 'UNICODE UTF-8']);
  });

  test('nothing of the message beyond its header is in it', () => {
    expect(buildAck({ header, controlId: '1', at, error: { code: 'hl7.field-invalid', location: 'PID^1^3' } })).not.toContain('SECRET');
  });
});
