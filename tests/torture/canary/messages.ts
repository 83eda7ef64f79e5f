import { buildMessage, type SegmentInput } from '@primum/formats';
import type { Planted } from './persons.ts';

export const facility = 'CANARY';
const at = '20260601080000';

/** Every field that a message can hold a person's values in, and a note wherever text may stand. */
function parts(person: Planted, n: number): { header(type: readonly string[], id: string, charset?: string): SegmentInput; pid: SegmentInput; nk1: SegmentInput; pv1: SegmentInput; nte: SegmentInput; obx(value: string, type: string, more?: readonly string[]): SegmentInput } {
  const pv1: (string | readonly string[])[] = Array.from({ length: 45 }, () => '');
  [pv1[0], pv1[1], pv1[2], pv1[6], pv1[18], pv1[43]] = ['1', 'I', ['ICU', 'ICU', String(n)], ['D1', person.family], [`V${person.mrn}`, '', '', facility, 'VN'], at];
  return {
    header: (type, id, charset = 'UNICODE UTF-8') => ['MSH', ['CANARY'], [facility], ['PRIMUM'], ['PRIMUM'], at, '', type, id, 'P', '2.5.1', '', '', '', '', '', charset],
    pid: ['PID', '1', person.mrn, [person.mrn, '', '', facility, 'MR'], `SSN${person.mrn}`, [person.family, person.given], person.family, '19510907', 'F', person.given, '', [person.street, '', person.street], '', person.phone, person.phone],
    nk1: ['NK1', '1', [person.family, person.given], 'SPO', person.street, person.phone],
    pv1: ['PV1', ...pv1],
    nte: ['NTE', '1', 'L', person.note],
    obx: (value, type, [status = 'F', when = at] = []) => ['OBX', '1', type, [type === 'NM' ? 'HR' : 'COMFORT', person.note, 'L'], '', value, type === 'NM' ? 'bpm' : '', '', person.note, '', '', status, '', '', when, '', person.family],
  };
}

/** Messages that are applied: admission, results, a change of the name, a merge. */
export function goodMessages(person: Planted, other: Planted, n: number): string[] {
  const { header, pid, nk1, pv1, nte, obx } = parts(person, n);
  const evn = (event: string): SegmentInput => ['EVN', event, at, '', '', ['D1', person.family], at];
  const messages = [
    buildMessage([header(['ADT', 'A01', 'ADT_A01'], `C${n}-1`), evn('A01'), pid, nk1, pv1]),
    buildMessage([header(['ORU', 'R01', 'ORU_R01'], `C${n}-2`), pid, pv1, ['OBR', '1', person.mrn, person.mrn, ['SET', person.note], '', '', at], obx('88', 'NM'), nte, obx(person.note, 'ST')]),
    buildMessage([header(['ADT', 'A08', 'ADT_A01'], `C${n}-3`), evn('A08'), pid, pv1]),
  ];
  if (n % 10 === 3) messages.push(buildMessage([header(['ADT', 'A40', 'ADT_A39'], `C${n}-4`), evn('A40'), pid, ['MRG', [other.mrn, '', '', facility, 'MR'], '', '', '', '', '', [other.family, other.given]]]));
  return messages;
}

/** Messages that are refused or end in quarantine, each at another place, and bytes that are no message. */
export function badMessages(person: Planted, n: number): (string | Buffer)[] {
  const { header, pid, pv1, nte, obx } = parts(person, n);
  const oru = (id: string, ...more: SegmentInput[]): string => buildMessage([header(['ORU', 'R01', 'ORU_R01'], `X${n}-${id}`), pid, pv1, ['OBR', '1', id, id, ['SET', person.note], '', '', at], ...more]);
  const all: (() => string | Buffer)[] = [
    () => buildMessage([header(['ADT', 'A99', 'ADT_A99'], `X${n}-a`), pid, pv1]),
    () => buildMessage([header(['ADT', 'A01', 'ADT_A01'], `X${n}-b`), pv1, nte]),
    () => oru('c', obx(person.family, 'NM')),
    () => oru('d', obx('1', 'NM', ['F', person.note])),
    () => oru('e', obx('1', 'NM', [person.given])),
    () => oru('f', obx('1', 'NM')).replace('UNICODE UTF-8', 'KLINGON'),
    () => Buffer.concat([Buffer.from(oru('g', nte)), Buffer.from([0xff])]),
    () => oru('h', nte).slice(oru('h', nte).indexOf('PID|')),
    () => `${person.family}^${person.note}`,
    () => oru('i', obx('1', 'NM')).replace('|2.5.1|', `|${person.phone}|`),
    // Every letter that Latin-1 lacks is wrong in it; those that it has are other bytes.
    () => Buffer.from(oru('j', obx('1', 'NM')).replace('UNICODE UTF-8', '8859/1'), 'latin1'),
    () => Buffer.from(oru('k', nte), 'utf16le'),
    () => oru('l', nte).replaceAll(person.mrn, `${person.mrn}0`),
  ];
  return [all[n % all.length]!(), all[(n + 5) % all.length]!()];
}
