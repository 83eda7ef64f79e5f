import { describe, expect, it } from 'vitest';
import { cancellable, reduceStay } from './reduce-stay.ts';
import { stayFactChanges, stayFacts } from './stay-facts.ts';
import type { StayEvent, StayLocation } from './stay-event.ts';

const icu: StayLocation = { ward: 'ICU', bed: '7', icu: true, unit: 'MICU' };
const ward: StayLocation = { ward: '3B', bed: '12', icu: false };
const admit: StayEvent = { seq: 1, n: 0, kind: 'admit', effectiveAt: 1000, location: ward, hospitalAdmittedAt: 400 };
const toIcu: StayEvent = { seq: 2, n: 0, kind: 'transfer', effectiveAt: 2000, location: icu };
const toWard: StayEvent = { seq: 3, n: 0, kind: 'transfer', effectiveAt: 3000, location: ward };
const discharge: StayEvent = { seq: 4, n: 0, kind: 'discharge', effectiveAt: 4000, died: true };

describe('reduceStay', () => {
  it('adds up admission, ICU and discharge', () => {
    expect(reduceStay([admit])).toMatchObject({ status: 'in-progress', location: ward, icuFrom: null, admittedAt: 400, icuPeriods: [] });
    expect(reduceStay([admit, toIcu])).toMatchObject({ location: icu, icuFrom: 2000, icuPeriods: [{ from: 2000, to: null }] });
    expect(reduceStay([admit, toIcu, toWard])).toMatchObject({ location: ward, icuFrom: null, icuPeriods: [{ from: 2000, to: 3000 }] });
    expect(reduceStay([admit, toIcu, discharge])).toMatchObject({
      status: 'finished', endedAt: 4000, died: { at: 4000 }, icuPeriods: [{ from: 2000, to: 4000 }],
    });
  });

  it('does not depend on the order of knowing', () => {
    const late = { ...toIcu, seq: 9 };
    expect(reduceStay([admit, toWard, late]).icuPeriods).toEqual([{ name: '9.0', from: 2000, endName: '3.0', to: 3000 }]);
    expect(reduceStay([admit, toWard, late]).location).toEqual(ward);
  });

  it('takes an ICU period as one when only the bed changes, and tells each unit', () => {
    const surgical: StayEvent = { seq: 3, n: 0, kind: 'transfer', effectiveAt: 3000, location: { ...icu, bed: '9', unit: 'SICU' } };
    const stay = reduceStay([admit, toIcu, surgical]);
    expect(stay.icuPeriods).toHaveLength(1);
    expect(stay.icuFrom).toBe(2000);
    expect(stay.units.map((item) => item.unit)).toEqual(['MICU', 'SICU']);
  });

  it('leaves a cancelled event out', () => {
    const cancelTransfer: StayEvent = { seq: 5, n: 0, kind: 'cancel-transfer', effectiveAt: 5000, cancels: { seq: 2, n: 0 } };
    expect(reduceStay([admit, toIcu, cancelTransfer])).toMatchObject({ location: ward, icuPeriods: [] });
    const cancelAdmit: StayEvent = { seq: 5, n: 0, kind: 'cancel-admit', effectiveAt: 5000, cancels: { seq: 1, n: 0 } };
    expect(reduceStay([admit, toIcu, cancelAdmit])).toMatchObject({ status: 'cancelled', admittedAt: null, icuFrom: null });
    expect(stayFacts(reduceStay([admit, toIcu, cancelAdmit]), { birthDate: '1950-01-01', sex: 'male' })).toEqual([]);
  });

  it('cancels the last event of the kind that still stands', () => {
    const cancelled: StayEvent = { seq: 5, n: 0, kind: 'cancel-transfer', effectiveAt: 5000, cancels: { seq: 3, n: 0 } };
    expect(cancellable([admit, toIcu, toWard], 'transfer')).toBe(toWard);
    expect(cancellable([admit, toIcu, toWard, cancelled], 'transfer')).toBe(toIcu);
    expect(cancellable([admit], 'discharge')).toBeUndefined();
  });
});

describe('stayFactChanges', () => {
  const people = { birthDate: '1970-01-01', sex: 'female' } as const;

  it('appends only what changed', () => {
    const before = stayFacts(reduceStay([admit]), people);
    const after = stayFacts(reduceStay([admit, toIcu]), people);
    expect(stayFactChanges(before, after).map(({ code, status }) => [code, status])).toEqual([
      ['primum:icu-admit', 'final'], ['primum:unit', 'final'],
    ]);
    expect(stayFactChanges(after, before).map(({ code, status, value }) => [code, status, value])).toEqual([
      ['primum:icu-admit', 'retracted', null], ['primum:unit', 'retracted', null],
    ]);
  });

  it('corrects the age when the birth date was wrong', () => {
    const stay = reduceStay([{ ...admit, hospitalAdmittedAt: Date.UTC(2026, 0, 1) }]);
    const changes = stayFactChanges(stayFacts(stay, people), stayFacts(stay, { ...people, birthDate: '1980-01-01' }));
    expect(changes).toMatchObject([{ code: '30525-0', status: 'corrected', value: 46 }]);
  });
});
