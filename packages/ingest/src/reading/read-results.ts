import { component, field, hl7Null, locationOf, wholeText, type Hl7Message, type Hl7Segment } from '@primum/formats';
import type { ReadingSource, ResultReading, ResultStatus } from './message-reading.ts';
import { readTime, ReadingFault } from './read-fields.ts';

/**
 * OBX-11 (HL7 table 0085). Null: no result is said (I specimen in laboratory, O order detail, N not asked, and U
 * without a value: "now final", which changes nothing that we hold).
 */
const statuses: Readonly<Record<string, ResultStatus | null>> = {
  '': 'final', F: 'final', U: 'final', P: 'preliminary', R: 'preliminary', S: 'preliminary', B: 'preliminary', V: 'final',
  C: 'corrected', A: 'corrected', D: 'deleted', W: 'wrong-patient', X: 'cannot-be-obtained', I: null, N: null, O: null,
};

const maxResults = 2_000;

/** Every OBX that says a result, with the OBR that stands before it (HL7 2.5.1, sections 7.4.1 and 7.4.2). */
export function readResults(message: Hl7Message, messageAt: number, source: ReadingSource): ResultReading[] {
  const results: ResultReading[] = [];
  let obr: Hl7Segment | undefined;
  let obrAt: number | undefined;
  for (const segment of message.segments) {
    if (segment.name === 'OBR') {
      obr = segment;
      obrAt = readTime(segment, 7, source);
    } else if (segment.name === 'OBX') {
      const result = readResult(segment, obr, obrAt, messageAt, source);
      if (result !== undefined) results.push(result);
      if (results.length > maxResults) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(segment), detail: `more than ${maxResults} results` });
    }
  }
  return results;
}

function readResult(obx: Hl7Segment, obr: Hl7Segment | undefined, obrAt: number | undefined, messageAt: number, source: ReadingSource): ResultReading | undefined {
  const status = statuses[component(obx, 11).toUpperCase()];
  if (status === undefined) throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(obx, 11), detail: 'not in table 0085' });
  if (status === null) return undefined;
  const valueType = component(obx, 2).toUpperCase();
  const { text, comparator, number } = readValue(obx, valueType);
  if (text === '' && component(obx, 11).toUpperCase() === 'U') return undefined;
  const id = component(obx, 3, { comp: 1 });
  const alternateId = component(obx, 3, { comp: 4 });
  if (id === '' && alternateId === '') throw new ReadingFault({ code: 'hl7.field-missing', location: locationOf(obx, 3) });
  const ownAt = readTime(obx, 14, source);
  return {
    sequence: obx.sequence,
    obrSequence: obr?.sequence ?? 0,
    code: {
      id: id || alternateId,
      text: component(obx, 3, { comp: 2 }),
      system: component(obx, 3, { comp: 3 }),
      alternateId,
      alternateText: component(obx, 3, { comp: 5 }),
      alternateSystem: component(obx, 3, { comp: 6 }),
    },
    subId: field(obx, 4),
    valueType,
    text,
    comparator,
    number,
    unit: component(obx, 6),
    referenceRange: component(obx, 7),
    interpretation: component(obx, 8),
    status,
    effectiveAt: ownAt ?? obrAt ?? messageAt,
    effectiveFrom: ownAt !== undefined ? 'OBX-14' : obrAt !== undefined ? 'OBR-7' : 'MSH-7',
    order: obr === undefined ? '' : component(obr, 3) || component(obr, 2),
  };
}

type Value = Pick<ResultReading, 'text' | 'comparator' | 'number'>;
const numeral = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$/;
const compared = /^(<=|>=|<|>)\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))$/;

/**
 * OBX-5 by its type (OBX-2). NM must be a number. SN is comparator^number (a range or ratio stays text). Text types may
 * hold a number, as many laboratories send them. Coded types give their identifier, else their text.
 */
function readValue(obx: Hl7Segment, valueType: string): Value {
  const raw = field(obx, 5);
  if (raw === '' || raw === hl7Null) return { text: '', comparator: undefined, number: null };
  if (valueType === 'SN') return readStructured(obx);
  const coded = valueType === 'CE' || valueType === 'CWE' || valueType === 'CNE' || valueType === 'IS' || valueType === 'ID';
  const text = coded
    ? component(obx, 5, { comp: 1 }) || component(obx, 5, { comp: 2 })
    : (valueType === 'NM' ? component(obx, 5) : wholeText(obx, 5)).trim();
  if (coded) return { text, comparator: undefined, number: null };
  if (numeral.test(text)) return { text, comparator: undefined, number: Number(text) };
  if (valueType === 'NM') throw new ReadingFault({ code: 'hl7.field-invalid', location: locationOf(obx, 5), detail: 'not a number where OBX-2 says NM' });
  const match = compared.exec(text);
  return match === null
    ? { text, comparator: undefined, number: null }
    : { text, comparator: match[1] as Value['comparator'], number: null }; // the pattern allows these four only
}

function readStructured(obx: Hl7Segment): Value {
  const sign = component(obx, 5, { comp: 1 });
  const first = component(obx, 5, { comp: 2 });
  const second = component(obx, 5, { comp: 4 });
  const plain = (sign === '' || sign === '=') && second === '' && numeral.test(first);
  if (plain) return { text: first, comparator: undefined, number: Number(first) };
  const text = [sign, first, component(obx, 5, { comp: 3 }), second].join('');
  const match = compared.exec(text);
  return { text, comparator: match === null ? undefined : match[1] as Value['comparator'], number: null }; // the pattern allows these four only
}
