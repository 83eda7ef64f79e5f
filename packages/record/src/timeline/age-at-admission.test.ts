import { describe, expect, it } from 'vitest';
import { ageAtAdmission } from './age-at-admission.ts';

const admitted = Date.UTC(2026, 5, 15, 23, 30);

describe('ageAtAdmission', () => {
  it('counts Julian years from the birth date\'s midnight', () => {
    expect(ageAtAdmission('1966-06-15', admitted)).toBe(60);
    expect(ageAtAdmission('1996-03-01', admitted)).toBe(30.29);
    expect(ageAtAdmission('2026-06-15', admitted)).toBe(0);
  });

  it('has no answer for a birth after the admission or for what is no date', () => {
    expect(ageAtAdmission('2026-06-16', admitted)).toBeNull();
    expect(ageAtAdmission('15.06.1966', admitted)).toBeNull();
  });

  it('takes the youngest age that a partial date allows', () => {
    expect(ageAtAdmission('2008', admitted)).toBeLessThan(18);
    expect(ageAtAdmission('2008-06', admitted)).toBeLessThan(18);
    expect(ageAtAdmission('2008-05', admitted)).toBeGreaterThan(18);
  });
});
