import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFactCheck } from './check-fact.ts';
import { loadQualityRules } from './load-rules.ts';
import { emptyMemory, lookBack, remember, type PatientMemory, type WrittenFact } from './look-back.ts';
import { parseRules } from './parse-rules.ts';

const rules = await loadQualityRules();
const at = Date.UTC(2026, 0, 5, 12);
const minute = 60_000;
const day = 24 * 60 * minute;
let keys = 0;
const fact = (more: Partial<WrittenFact> = {}): WrittenFact => {
  const effectiveAt = more.effectiveAt ?? at;
  keys += 1;
  return { source: 'MON|ICU', sourceId: 1, code: '8867-4', key: `k${keys}`, value: 80, worded: true, effectiveAt, sentAt: effectiveAt, status: 'final', flag: null, ...more };
};
const after = (...facts: readonly WrittenFact[]): PatientMemory => facts.reduce(remember, emptyMemory);
const found = (facts: readonly WrittenFact[], last: WrittenFact, use = rules): string[] => lookBack(use, after(...facts), last).map(({ id }) => id).sort();
const admission = (years: number | null): WrittenFact[] => [
  ...(years === null ? [] : [fact({ code: '30525-0', value: years, effectiveAt: at - day })]), fact({ code: 'primum:hospital-admit', value: 1, effectiveAt: at - day }),
];

describe('a planted mistake', () => {
  const minutes = (n: number, value: number, more: Partial<WrittenFact> = {}): WrittenFact => fact({ effectiveAt: at + n * minute, value, ...more });
  it.each([
    ['an implausible value', [], fact({ value: null, flag: 'implausible', worded: false }), 'implausible'],
    ['an unknown unit', [], fact({ value: null, flag: 'unit-unknown', worded: false }), 'unit-unknown'],
    ['a code without a mapping', [], fact({ code: 'local:X', value: null, flag: 'unmapped', worded: false }), 'code-unmapped'],
    ['a time ahead of its message', [], fact({ value: null, flag: 'implausible', sentAt: at - 90 * minute }), 'time-future'],
    ['a time before birth', admission(0), fact({ effectiveAt: at - 3 * 366 * day, sentAt: null }), 'time-before-birth'],
    ['a time after death', [fact({ code: 'primum:death', value: 1, effectiveAt: at - day })], fact(), 'time-after-death'],
    ['a vital sign that came late', [], fact({ sentAt: at + 61 * minute }), 'late-vital-signs'],
    ['a result that came late', [], fact({ code: '1963-8', sentAt: at + 25 * 60 * minute }), 'late-laboratory'],
    ['a jump', [minutes(0, 60)], minutes(2, 190), 'jump-heart-rate'],
    ['a value that is stuck', Array.from({ length: 59 }, (_, n) => minutes(n, 77)), minutes(59, 77), 'stuck-vital-signs'],
    ['a second source with the same', [minutes(0, 77, { sourceId: 2 })], minutes(0, 77), 'duplicate-source'],
    ['an admission without an age', [], admission(null)[0]!, 'no-age'],
    ['a vital sign without a number', [], fact({ value: null, worded: false }), 'no-value'],
  ] as const)('is found, and nothing beside it: %s', (_name, before, last, rule) => expect(found(before, last)).toEqual([rule]));

  it('is not found in a clean course', () => {
    let memory = after(...admission(60));
    for (let n = 0; n < 500; n += 1) {
      for (const each of [minutes(n, 80 + n % 7), minutes(n, 37 + (n % 5) / 10, { code: '8310-5' }), minutes(n, 85 + n % 3, { code: '8478-0', sentAt: at + (n + 5) * minute })]) {
        expect(lookBack(rules, memory, each)).toEqual([]);
        memory = remember(memory, each);
      }
    }
  });

  it('is found once where a value stays stuck, and again after it moved', () => {
    const facts = [...Array.from({ length: 100 }, (_, n) => minutes(n, 77)), minutes(100, 78), ...Array.from({ length: 60 }, (_, n) => minutes(101 + n, 77))];
    let memory = emptyMemory;
    let times = 0;
    for (const each of facts) {
      times += lookBack(rules, memory, each).filter(({ id }) => id === 'stuck-vital-signs').length;
      memory = remember(memory, each);
    }
    expect(times).toBe(2);
  });

  it('is no mistake where the reading before is long ago, of the same result corrected, or withdrawn', () => {
    expect(found([minutes(0, 60)], minutes(20, 190))).toEqual([]);
    expect(found([minutes(0, 60, { key: 'same' })], minutes(1, 190, { key: 'same' }))).toEqual([]);
    expect(found([minutes(0, 60)], minutes(2, 190, { status: 'retracted' }))).toEqual([]);
  });

  it('of an age is found by a rule for that age only', () => {
    const own = parseRules({ rules: [{ id: 'adult-heart-rate', kind: 'range', codes: ['8867-4'], ages: [18, 200], low: 20, high: 150, severity: 'notice', action: 'pass', text: 't', fix: 'f' }] }, 'own.json');
    expect([found(admission(60), fact({ value: 180 }), own), found(admission(1), fact({ value: 180 }), own), found([], fact({ value: 180 }), own)]).toEqual([['adult-heart-rate'], [], []]);
  });
});

describe('a rule that acts', () => {
  const own = (more: object): ReturnType<typeof createFactCheck> => createFactCheck(parseRules({ rules: [{ id: 'own', severity: 'error', text: 't', fix: 'f', ...more }] }, 'own.json'));
  const sent = { source: 'MON|ICU', code: '8867-4', unit: '/min', value: 80, effectiveAt: at, sentAt: at };

  it('flags, refuses or lets pass what it is about, and nothing else', () => {
    const range = { kind: 'range', codes: ['8867-4'], low: 20, high: 250 };
    expect(own({ ...range, action: 'flag' })({ ...sent, value: 251 })).toEqual({ flag: 'implausible' });
    expect(own({ ...range, action: 'quarantine' })({ ...sent, value: 251 })).toEqual({ refusedBy: 'own' });
    expect(own({ ...range, action: 'pass' })({ ...sent, value: 251 })).toEqual({});
    expect(own({ ...range, action: 'flag', sources: ['LAB|ICU'] })({ ...sent, value: 251 })).toEqual({});
    expect(own({ kind: 'unit', codes: ['8867-4'], units: ['{beats}/min'], action: 'flag' })(sent)).toEqual({ flag: 'unit-unknown' });
    expect(createFactCheck(rules)({ ...sent, effectiveAt: at + 61 * minute })).toEqual({ flag: 'implausible' });
    expect(createFactCheck(rules)(sent)).toEqual({});
  });
});

describe('rules', () => {
  const whole = { id: 'a', kind: 'duplicate', severity: 'error', action: 'pass', text: 't', fix: 'f' };
  it.each([
    [{ rules: {} }, 'own.json: rules is not a list'],
    [{ rules: [{ ...whole, kind: 'magic' }] }, 'rules[0].kind is not one of'],
    [{ rules: [whole, whole] }, 'rules[1].id: a stands twice'],
    [{ rules: [{ ...whole, action: 'flag' }] }, 'rules[0].action: a rule of kind duplicate looks at what is written already'],
    [{ rules: [{ ...whole, kind: 'jump', codes: ['1'], max: 0, withinMinutes: 1 }] }, 'rules[0].max is not above 0'],
    [{ rules: [{ ...whole, kind: 'range', low: 1, high: 2 }] }, 'rules[0].codes is missing'],
    [{ rules: [{ ...whole, fix: '' }] }, 'rules[0].fix is not a text'],
  ])('say where they are wrong: %#', (json, detail) => {
    expect(() => parseRules(json, 'own.json')).toThrow(expect.objectContaining({ code: 'config.invalid', message: expect.stringContaining(detail) }));
  });

  it('of a hospital stand over ours by id, beside the rest; a file that is no JSON is named without its text', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'primum-quality-'));
    writeFileSync(join(folder, 'icu.json'), JSON.stringify({ rules: [{ ...whole, id: 'duplicate-source', severity: 'notice' }, { ...whole, id: 'own' }] }));
    const both = await loadQualityRules(folder);
    expect([both.length, both.find(({ id }) => id === 'duplicate-source')?.severity, both.at(-1)?.id]).toEqual([rules.length + 1, 'notice', 'own']);
    writeFileSync(join(folder, 'z.json'), '{"rules": [secret');
    await expect(loadQualityRules(folder)).rejects.toThrow(expect.objectContaining({ code: 'config.invalid', message: expect.stringMatching(/z\.json is not JSON(?!.*secret)/) }));
    rmSync(folder, { recursive: true });
    expect(await loadQualityRules(folder)).toHaveLength(rules.length);
  });

  it('never throw when they judge, whatever they judge', () => {
    const anyFact = fc.record({
      source: fc.string(), sourceId: fc.integer(), code: fc.constantFrom('8867-4', '8310-5', '30525-0', 'primum:death', 'primum:hospital-admit', 'local:X'), key: fc.constantFrom('a', 'b', 'c'),
      value: fc.option(fc.double()), worded: fc.boolean(), effectiveAt: fc.double(), sentAt: fc.option(fc.double()),
      status: fc.constantFrom('final', 'preliminary', 'corrected', 'retracted'), flag: fc.option(fc.constantFrom('implausible', 'unit-unknown', 'unmapped')),
    });
    const check = createFactCheck(rules);
    fc.assert(fc.property(fc.array(anyFact, { maxLength: 40 }), (facts) => {
      let memory = emptyMemory;
      for (const each of facts as WrittenFact[]) { // the literal words above are those of the type
        check({ ...each, unit: undefined });
        lookBack(rules, memory, each);
        memory = remember(memory, each);
        expect([...memory.readings.values()].every(({ newest }) => newest.length <= 4)).toBe(true);
      }
    }));
  });
});
