import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseMessage } from '@primum/formats';
import { parseCodeTable, type CodeTable } from '@primum/record';
import { readMessage } from '../reading/read-message.ts';
import type { ResultReading } from '../reading/message-reading.ts';
import { loadMappings, type Mappings } from './load-mappings.ts';
import { mapResult, type MappedResult } from './map-result.ts';
import { parseMappingTable } from './mapping-table.ts';

const codes: CodeTable = parseCodeTable(JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8')));
let mappings: Mappings;
beforeAll(async () => { mappings = await loadMappings(codes); });

function readResult(obx: string): ResultReading {
  const parsed = parseMessage(`MSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5.1\rPID|1||M^^^B\rOBR|1|P1|F1|X|||20260101\r${obx}\r`);
  if (!parsed.ok) throw new Error(parsed.problem.code);
  const outcome = readMessage(parsed.message, { utcOffset: 0, defaultAuthority: 'B' });
  if (!outcome.ok) throw new Error(outcome.problem.code);
  return outcome.reading.results[0]!;
}
const map = (obx: string, mapping = 'ward-simulator'): MappedResult => mapResult(mappings.get(mapping)!, codes, readResult(obx));
const brief = ({ code, value, flag, text }: MappedResult): unknown => ({ code, value, ...(flag === undefined ? {} : { flag }), ...(text === undefined ? {} : { text }) });

describe('mapResult', () => {
  it('takes a local code and unit to LOINC and UCUM, keeping the source\'s digits', () => {
    expect(brief(map('OBX|1|NM|LAC^Lactate^L||1.80|mmol/L|||||F'))).toEqual({ code: '2524-7', value: 1.8, text: '1.80' });
  });
  it('converts, and then holds no text in another unit', () => {
    expect(map('OBX|1|NM|TEMP^T^L||98.6|F|||||F').value).toBeCloseTo(37, 10);
    expect(brief(map('OBX|1|NM|FIO2^F^L||40|%|||||F'))).toEqual({ code: '3150-6', value: 0.4 });
  });
  it('reads LOINC that a sender writes itself, in the first or the alternate place', () => {
    expect(brief(map('OBX|1|NM|2524-7^Lactate^LN||1.8|mmol/L|||||F'))).toMatchObject({ code: '2524-7', value: 1.8 });
    expect(brief(map('OBX|1|NM|XLAC^Lactate^L^2524-7^Lactate^LN||1.8|mmol/L|||||F'))).toMatchObject({ code: '2524-7', value: 1.8 });
  });
  it('flags what it does not know and what cannot be', () => {
    expect(brief(map('OBX|1|NM|PVC^x^L||4|bpm|||||F'))).toEqual({ code: 'local:PVC', value: null, flag: 'unmapped' });
    expect(brief(map('OBX|1|NM|LAC^x^L||4|furlong|||||F'))).toEqual({ code: '2524-7', value: null, flag: 'unit-unknown' });
    expect(brief(map('OBX|1|NM|LAC^x^L||4||||||F'))).toEqual({ code: '2524-7', value: null, flag: 'unit-unknown' });
    expect(brief(map('OBX|1|NM|HR^x^L||0|bpm|||||F'))).toEqual({ code: '8867-4', value: null, flag: 'implausible' });
  });
  it('takes the mapping\'s unit where none was sent, and only where the mapping says one', () => {
    expect(brief(map('OBX|1|NM|PH^x^L||7.38||||||F'))).toEqual({ code: '2744-1', value: 7.38, text: '7.38' });
  });
  it('narrows the range for a source whose columns mix units', () => {
    expect(brief(map('OBX|1|NM|Calcium^x^L||1.2|mg/dL|||||F', 'physionet2019-b'))).toEqual({ code: '17861-6', value: null, flag: 'implausible' });
    expect(map('OBX|1|NM|FiO2^x^L||4000|{fraction}|||||F', 'physionet2019-b')).toMatchObject({ value: null, flag: 'implausible' });
  });
  it('takes no number from a bound, a range or words', () => {
    for (const obx of ['OBX|1|ST|LAC^x^L||<0.3|mmol/L|||||F', 'OBX|1|SN|LAC^x^L||<^0.3|mmol/L|||||F', 'OBX|1|SN|LAC^x^L||^1^-^2|mmol/L|||||F', 'OBX|1|ST|LAC^x^L||haemolysed|mmol/L|||||F']) {
      expect([obx, brief(map(obx))]).toEqual([obx, { code: '2524-7', value: null }]);
    }
    expect(brief(map('OBX|1|SN|LAC^x^L||^1.5|mmol/L|||||F'))).toMatchObject({ value: 1.5 });
    expect(brief(map('OBX|1|ST|LAC^x^L||1.5|mmol/L|||||F'))).toMatchObject({ value: 1.5 });
  });
});

describe('mapping tables', () => {
  it('maps all 34 columns of each hospital, in the code table\'s units', () => {
    for (const name of ['physionet2019-a', 'physionet2019-b']) expect(mappings.get(name)!.codes.size).toBe(34);
  });
  it('names the place of a mistake', () => {
    const base = { id: 'x', version: '1', title: 't', units: {}, locations: {} };
    expect(() => parseMappingTable({ ...base, codes: { A: { code: '1-8' } } }, codes)).toThrow(/codes\.A: 1-8 is not in the code table/);
    expect(() => parseMappingTable({ ...base, codes: { A: { code: '2524-7', unit: 'Hz' } } }, codes)).toThrow(/Hz does not convert/);
    expect(() => parseMappingTable({ ...base, codes: {}, columnsOf: 'nowhere' }, codes)).toThrow(/columnsOf/);
  });
});
