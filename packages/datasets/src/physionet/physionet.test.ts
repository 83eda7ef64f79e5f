import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { parseCodeTable } from '@primum/record';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFeatureSet } from '../features/feature-set.ts';
import { evaluateFeatures } from '../features/evaluate-features.ts';
import { featureMatrix } from '../matrix/feature-matrix.ts';
import { createTimeline } from '../timeline/timeline.ts';
import { ageAtAdmission, dateOfBirthFor, hospitalAdmitAt, physionetColumns, rowEffectiveAt, rowKnownAt } from './physionet-conventions.ts';
import { physionetStays, type PhysionetStay } from './physionet-stays.ts';
import { stayToFacts } from './stay-to-facts.ts';

const pack = (name: string): unknown => JSON.parse(readFileSync(new URL(`../../../../packs/sepsis/${name}`, import.meta.url), 'utf8'));
const codes = parseCodeTable(pack('codes.json'));
const featureSet = parseFeatureSet(pack('features.json'));
const header = ['patient_id', ...physionetColumns, 'Age', 'Gender', 'Unit1', 'Unit2', 'HospAdmTime', 'ICULOS', 'SepsisLabel'];
const line = (cells: Record<string, string | number>): string => header.map((name) => cells[name] ?? '').join(',');
const fixed = { patient_id: 'p000001', Age: 83.14, Gender: 0, Unit1: 1, Unit2: 0, HospAdmTime: -0.03 };
const csv = [
  header.join(','),
  line({ ...fixed, ICULOS: 2, SepsisLabel: 0, HR: 97, Lactate: 1.8 }),
  line({ ...fixed, ICULOS: 3, SepsisLabel: 1, HR: 400, FiO2: 0.4 }),
  line({ ...fixed, patient_id: 'p100002', Age: 16, ICULOS: 1, SepsisLabel: 0, Calcium: 1.1 }),
].join('\n');
const t0 = Date.UTC(2026, 4, 1);

const read = async (input: string | Buffer): Promise<PhysionetStay[]> => {
  const stays: PhysionetStay[] = [];
  for await (const stay of physionetStays(Readable.from([Buffer.from(input)]))) stays.push(stay);
  return stays;
};

describe('physionetStays', () => {
  it('reads plain and gzip alike, with and without a last newline and a byte order mark', async () => {
    const stays = await read(csv);
    expect(stays.map((stay) => [stay.id, stay.rows.length])).toEqual([['p000001', 2], ['p100002', 1]]);
    expect(stays[0]).toMatchObject({ ageYears: 83.14, male: 0, unit: 'MICU', hospAdmHours: -0.03 });
    expect(stays[0]!.rows.map((row) => [row.hour, row.label, row.values[0]])).toEqual([[2, 0, 97], [3, 1, 400]]);
    expect(await read(gzipSync(csv))).toEqual(stays);
    expect(await read(`\ufeff${csv.replaceAll('\n', '\r\n')}\r\n`)).toEqual(stays);
  });

  it('reads a stream however it is cut', async () => {
    const bytes = Buffer.from(csv);
    const cut = Readable.from(Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) => bytes.subarray(index * 7, index * 7 + 7)));
    const stays: PhysionetStay[] = [];
    for await (const stay of physionetStays(cut)) stays.push(stay);
    expect(stays).toEqual(await read(csv));
  });

  it.each([
    ['import.column-missing', csv.replace('Lactate', 'Lactat')],
    ['import.column-missing', ''],
    ['import.row-invalid', `${csv}\n1,2,3`],
    ['import.row-invalid', csv.replace('97', 'abc')],
    ['import.row-invalid', `${csv}\n${csv.split('\n')[1]}`],
    ['import.row-invalid', csv.replace(',2,0\n', ',3,0\n')],
    ['import.row-invalid', csv.replace(',3,1\n', ',3,2\n')],
  ])('refuses with %s and never quotes a value', async (code, text) => {
    await expect(read(text)).rejects.toMatchObject({ code, message: expect.not.stringContaining('abc') });
  });

  it('says when a file cannot be read or its gzip is cut', async () => {
    await expect(physionetStays('/no/such/file.csv').next()).rejects.toMatchObject({ code: 'import.file-unreadable' });
    await expect(read(gzipSync(csv).subarray(0, 60))).rejects.toMatchObject({ code: 'import.file-unreadable' });
  });
});

describe('conventions', () => {
  it('lets age survive a date of birth', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 11_000 }), fc.integer({ min: 0, max: 4e12 }), (hundredths, admittedAt) => {
      expect(ageAtAdmission(dateOfBirthFor(hundredths / 100, admittedAt), admittedAt)).toBe(hundredths / 100);
    }));
  });

  it('never admits to the hospital after the ICU', () => {
    expect(hospitalAdmitAt(t0, -1.5)).toBe(t0 - 5_400_000);
    expect(hospitalAdmitAt(t0, 22.04)).toBe(t0);
    expect(hospitalAdmitAt(t0, null)).toBe(t0);
  });
});

describe('stayToFacts', () => {
  it('places a row in the middle of its hour, known at its end, and flags what is implausible', async () => {
    const [stay] = await read(csv);
    const { facts, pins } = stayToFacts(stay!, { icuAdmitAt: t0, codes });
    const lactate = facts.find((fact) => fact.code === '2524-7');
    expect(lactate).toMatchObject({ value: 1.8, effectiveAt: rowEffectiveAt(t0, 2) });
    expect(facts.find((fact) => fact.flag === 'implausible')).toMatchObject({ code: '8867-4', value: null });
    expect(pins[0]).toBe(5);
    expect(pins[1]).toBe(5);
    expect(pins[2]).toBe(7);
    const then = evaluateFeatures(featureSet, createTimeline(facts, pins[2]), rowKnownAt(t0, 2));
    expect(evaluateFeatures(featureSet, createTimeline(facts), rowKnownAt(t0, 2))).toEqual(then);
    expect(evaluateFeatures(featureSet, createTimeline(facts), rowKnownAt(t0, 3)).eligible).toEqual({ ok: true });
    expect(evaluateFeatures(featureSet, createTimeline(facts), rowKnownAt(t0, 4)).eligible).toEqual({ ok: false, reasons: ['not-in-icu'] });
  });

  it('keeps ionised calcium of hospital B out of total calcium', async () => {
    const [, stay] = await read(csv);
    expect(stayToFacts(stay!, { icuAdmitAt: t0, codes }).facts.find((fact) => fact.code === '17861-6')).toMatchObject({ value: null, flag: 'implausible' });
  });
});

describe('featureMatrix', () => {
  it('has one row per eligible hour and leaves minors out', async () => {
    const matrix = await featureMatrix({ featureSet, codes }, await read(csv));
    expect(matrix).toMatchObject({ rowCount: 2, excludedStays: 1, stays: [{ id: 'p000001', start: 0, end: 2, septic: true }] });
    expect([...matrix.labels]).toEqual([0, 1]);
    expect([...matrix.withheld]).toEqual([1, 1]);
    expect(matrix.features).toHaveLength(2 * featureSet.features.length);
  });
});
