import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { normaliseValue, parseCodeTable } from './code-table.ts';

const json: unknown = JSON.parse(readFileSync(new URL('../../../../packs/sepsis/codes.json', import.meta.url), 'utf8'));
const table = parseCodeTable(json);

describe('normaliseValue', () => {
  it('passes a canonical, plausible value unchanged', () => {
    expect(normaliseValue(table, { source: 'physionet2019-a', code: '2524-7', value: 1.8, unit: 'mmol/L' })).toEqual({ value: 1.8 });
  });

  it('converts a known unit', () => {
    const celsius = normaliseValue(table, { source: 'x', code: '8310-5', value: 98.6, unit: '[degF]' });
    expect(celsius.value).toBeCloseTo(37, 10);
    expect(normaliseValue(table, { source: 'x', code: '3150-6', value: 40, unit: '%' }).value).toBeCloseTo(0.4, 12);
  });

  it('makes an implausible value missing and flagged', () => {
    expect(normaliseValue(table, { source: 'physionet2019-b', code: '3150-6', value: 4000, unit: '{fraction}' })).toEqual({ value: null, flag: 'implausible' });
    expect(normaliseValue(table, { source: 'x', code: '8867-4', value: Number.NaN, unit: '/min' })).toEqual({ value: null, flag: 'implausible' });
  });

  it('takes the range of the source where it is narrower', () => {
    const ionised = { code: '17861-6', value: 2.9, unit: 'mg/dL' };
    expect(normaliseValue(table, { ...ionised, source: 'physionet2019-b' })).toEqual({ value: null, flag: 'implausible' });
    expect(normaliseValue(table, { ...ionised, source: 'physionet2019-a' })).toEqual({ value: 2.9 });
  });

  it('flags an unknown unit and an unknown code', () => {
    expect(normaliseValue(table, { source: 'x', code: '8867-4', value: 80, unit: 'Hz' })).toEqual({ value: null, flag: 'unit-unknown' });
    expect(normaliseValue(table, { source: 'x', code: '1-8', value: 80, unit: '/min' })).toEqual({ value: null, flag: 'unmapped' });
  });
});

describe('parseCodeTable', () => {
  it('maps the 34 measured columns of both hospitals to codes that exist', () => {
    for (const source of ['physionet2019-a', 'physionet2019-b']) {
      expect(Object.keys(table.sources.get(source)?.columns ?? {})).toHaveLength(34);
    }
  });

  it('names the place of a mistake', () => {
    expect(() => parseCodeTable({ id: 'x', version: '1', codes: [{ code: '1' }], sources: {} })).toThrow(/codes\[0\]/);
    expect(() => parseCodeTable({ id: 'x', version: '1', codes: [], sources: { s: { title: 't', columns: { a: { code: '9', unit: 'u' } }, ranges: [] } } })).toThrow(/not in codes/);
  });
});
