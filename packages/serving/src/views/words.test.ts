import { describe, expect, it } from 'vitest';
import type { Feature } from '@primum/datasets';
import { inputText } from './input-text.ts';
import { feedState } from './feed-state.ts';
import { worklistSummary } from './summary.ts';
import { withheldReasons } from '../scoring/reason-words.ts';

const feature = (change: Partial<Feature>): Feature => ({
  name: 'x', label: 'X', unit: '/min', precision: 0, group: 'physiology', aggregate: 'last', ...change,
});

describe('inputs in words', () => {
  it.each([
    [feature({}), 118, '118 /min'],
    [feature({}), Number.NaN, 'not measured'],
    [feature({ unit: 'mm[Hg]' }), 61, '61 mmHg'],
    [feature({ unit: '{fraction}', precision: 2 }), 0.4, '0.40'],
    [feature({ unit: '/min/h', precision: 2, aggregate: 'slope' }), 2.1, '+2.10 /min per h'],
    [feature({ unit: 'mmol/L', precision: 2, aggregate: 'delta' }), -0.4, '−0.40 mmol/L'],
    [feature({ unit: 'mmol/L', precision: 2, aggregate: 'delta' }), -0.001, '0.00 mmol/L'],
    [feature({ unit: '{count}', aggregate: 'hours-measured', windowHours: 24 }), 5, '5 of 24 h'],
    [feature({ unit: '/min/mm[Hg]', precision: 2, aggregate: 'ratio' }), 0.91, '0.91 /min per mmHg'],
    [feature({ unit: '{code}', aggregate: 'admission' }), 1, 'yes'],
    [feature({ unit: 'a', aggregate: 'admission' }), 71.4, '71 years'],
  ])('%#', (of, value, text) => {
    expect(inputText(of, value)).toBe(text);
  });
});

describe('reasons in words', () => {
  it('says how long a required input is missing', () => {
    expect(withheldReasons({ ok: false, missing: [
      { label: 'Blood pressure', ageHours: 3.4, maxAgeHours: 2 },
      { label: 'Heart rate', ageHours: null, maxAgeHours: 2 },
    ] })).toEqual(['no blood pressure for 3 h', 'no heart rate measured']);
  });
});

describe('feeds in words', () => {
  const now = Date.UTC(2026, 0, 1, 12);
  it('says what is silent, for how long, and what follows', () => {
    expect(feedState({ application: 'WARD-LAB', lastMessageAt: now - 22 * 60_000 }, now, 6).text).toBe('labs silent 22 min: 6 scores withheld');
    expect(feedState({ application: 'WARD-LAB', lastMessageAt: now - 22 * 60_000 }, now, 0).text).toBe('labs silent 22 min');
    expect(feedState({ application: 'WARD-MONITOR', lastMessageAt: now - 60_000 }, now, 6)).toMatchObject({ state: 'live', silentMinutes: null, text: 'monitors live' });
    expect(feedState({ application: 'WARD-ADT', lastMessageAt: now - 5 * 3_600_000 }, now, 6).state).toBe('live');
    expect(feedState({ application: 'X', lastMessageAt: null }, now, 6).state).toBe('never');
  });
});

describe('the worklist in a line', () => {
  const none = { scored: 0, withheld: 0, ineligible: 0, unscored: 0, alerts: 0 };
  it('counts, or says since when there is nobody', () => {
    expect(worklistSummary({ ...none, scored: 22, withheld: 2 }, null)).toBe('22 scored, 2 withheld, no alerts');
    expect(worklistSummary(none, Date.UTC(2026, 0, 1, 6, 12))).toBe('No patients; last ADT 06:12');
  });
});
