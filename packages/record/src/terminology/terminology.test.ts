import type { ConceptMap } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { createBuiltIn } from './built-in.ts';
import type { ValueSetContent, ValueSetPart } from './concepts.ts';
import { compileFilter } from './filters.ts';
import { listedCodes } from './listed-codes.ts';
import { systemOfResource } from './memory-system.ts';
import { translate } from './translate.ts';
import { createExpansions, expandValueSet, inValueSet, type TerminologySources } from './value-sets.ts';

const wards = systemOfResource({ resourceType: 'CodeSystem', status: 'active', content: 'complete', url: 'urn:wards', concept: [
  { code: 'icu', display: 'Intensive care', concept: [{ code: 'micu', display: 'Medical ICU', property: [{ code: 'beds', valueInteger: 12 }], concept: [{ code: 'micu1' }] }, { code: 'sicu', display: 'Surgical ICU' }] }, { code: 'er', display: 'Emergency' },
] })!; // it has concepts
const part = (more: Partial<ValueSetPart>): ValueSetPart => ({ filters: [], valueSets: [], ...more });
const set = (url: string, include: ValueSetPart[], exclude: ValueSetPart[] = []): ValueSetContent => ({ url, version: null, name: null, include, exclude });
const below = (op: string, value: string, property = 'concept'): ValueSetPart => part({ system: 'urn:wards', filters: [{ property, op, value }] });
const sets = new Map([
  set('urn:all', [part({ system: 'urn:wards' })]), set('urn:icu', [below('is-a', 'icu')], [part({ system: 'urn:wards', codes: [['sicu']] })]), set('urn:under', [below('descendent-of', 'icu')]),
  set('urn:both', [part({ valueSets: ['urn:icu', 'urn:under'] })]), set('urn:loop', [part({ valueSets: ['urn:loop'] })]), ...Array.from({ length: 10 }, (_, n) => set(`urn:fan${n}`, Array.from({ length: 20 }, () => part({ valueSets: [`urn:fan${n + 1}`] })))), set('urn:fan10', [part({ system: 'urn:wards' })]), set('urn:big', [below('=', '12', 'beds')]), set('urn:elsewhere', [part({ system: 'urn:not-loaded' })]),
  set('urn:pattern', [below('regex', 'm.*', 'code')]), set('urn:not', [below('is-not-a', 'icu')]), set('urn:in', [below('in', 'er, micu')]),
].map((one) => [one.url, one]));
const builtIn = createBuiltIn();
const sources: TerminologySources = { codeSystem: async (url) => (url === 'urn:wards' ? wards : builtIn.codeSystem(url)), valueSet: (url) => sets.get(url) ?? builtIn.valueSet(url), conceptMaps: () => [] };
const codesOf = async (url: string, text?: string): Promise<string[]> => (await expandValueSet(sources, sources.valueSet(url)!, text)).map(({ code }) => code);

describe('value sets', () => {
  it.each([
    ['urn:all', ['icu', 'micu', 'micu1', 'sicu', 'er']], ['urn:icu', ['icu', 'micu', 'micu1']], ['urn:under', ['micu', 'micu1', 'sicu']], ['urn:both', ['micu', 'micu1']], ['urn:big', ['micu']], ['urn:pattern', ['micu', 'micu1']],
    ['urn:not', ['er']], ['urn:in', ['micu', 'er']],
  ])('%s is listed, and asked for a code without listing, alike', async (url, codes) => {
    expect(await codesOf(url)).toEqual(codes);
    for (const code of ['icu', 'micu', 'micu1', 'sicu', 'er', 'none']) expect({ code, member: (await inValueSet(sources, sets.get(url)!, { code })).member }).toEqual({ code, member: codes.includes(code) });
  });

  it('are bounded, and say what is missing', async () => {
    expect(await codesOf('urn:all', 'MEDICAL')).toEqual(['micu']);
    await expect(codesOf('urn:loop')).rejects.toMatchObject({ code: 'terminology.too-costly' });
    await expect(inValueSet(sources, sets.get('urn:loop')!, { code: 'a' })).rejects.toMatchObject({ code: 'terminology.too-costly' });
    // 20 to the power of 10 ways down.
    await expect(codesOf('urn:fan0')).rejects.toMatchObject({ code: 'terminology.too-costly' });
    expect(listedCodes({ codeSystem: () => wards, valueSet: sources.valueSet }, 'urn:fan0')).toBeUndefined();
    await expect(codesOf('urn:elsewhere')).rejects.toMatchObject({ code: 'terminology.system-missing' });
    for (const value of ['(a+)+', '(a|a*)*b', '(?=a)', '(a)\\1', 'a'.repeat(201), '[']) expect(() => compileFilter({ property: 'code', op: 'regex', value }, { ancestors: () => new Set() })).toThrow(expect.objectContaining({ code: 'terminology.filter-unknown' }));
  });

  it('of HL7 are there, as far as their codes are HL7\'s', async () => {
    expect(await codesOf('http://hl7.org/fhir/ValueSet/administrative-gender')).toEqual(['male', 'female', 'other', 'unknown']);
    expect(await codesOf('http://terminology.hl7.org/ValueSet/v3-ActEncounterCode')).toEqual(expect.arrayContaining(['AMB', 'IMP', 'ACUTE', 'NONAC']));
    await expect(codesOf('http://hl7.org/fhir/ValueSet/observation-codes')).rejects.toMatchObject({ code: 'terminology.system-missing' });
    expect((await builtIn.codeSystem('http://terminology.hl7.org/CodeSystem/v3-ActCode')!.list({ filters: [], text: 'inpatient acute', limit: 5 })).map(({ code }) => code)).toEqual(['ACUTE']);
  });

  it('are kept as they were listed until something changes, and never for a definition of the same address', async () => {
    let now = 0;
    const expansions = createExpansions(sources, () => now);
    const first = await expansions.expand(sets.get('urn:icu')!);
    expect(await expansions.expand(sets.get('urn:icu')!)).toBe(first);
    expect((await expansions.expand(set('urn:icu', [below('=', 'er')]))).map(({ code }) => code)).toEqual(['er']);
    now = 61_000;
    expect(await expansions.expand(sets.get('urn:icu')!)).not.toBe(first);
  });

  it('are listed for bindings where they are in memory', () => {
    const held = { codeSystem: (url: string) => (url === 'urn:wards' ? wards : builtIn.codeSystem(url)), valueSet: sources.valueSet };
    expect(listedCodes(held, 'http://hl7.org/fhir/ValueSet/observation-status|4.0.1')?.has('http://hl7.org/fhir/observation-status|final')).toBe(true);
    expect(listedCodes(held, 'urn:all')?.size).toBe(10);
    for (const url of ['urn:icu', 'urn:elsewhere', 'urn:loop', 'urn:none']) expect({ url, listed: listedCodes(held, url) }).toEqual({ url, listed: undefined });
  });
});

it('translates both ways, and what is not mapped as the map says', () => {
  const map: ConceptMap = { resourceType: 'ConceptMap', status: 'active', url: 'urn:map', sourceUri: 'urn:from', targetUri: 'urn:to', group: [{ source: 'urn:a', target: 'urn:b', element: [{ code: '1', display: 'One', target: [{ code: 'x', equivalence: 'wider' }, { code: 'y', equivalence: 'equal' }] }], unmapped: { mode: 'fixed', code: 'z' } }] };
  expect(translate([map], { system: 'urn:a', code: '1' }).map(({ code, equivalence }) => [code, equivalence])).toEqual([['x', 'wider'], ['y', 'equal']]);
  expect(translate([map], { system: 'urn:b', code: 'x', reverse: true })).toEqual([{ equivalence: 'narrower', system: 'urn:a', code: '1', display: 'One', source: 'urn:map' }]);
  expect(translate([map], { system: 'urn:a', code: '2' })).toMatchObject([{ code: 'z', equivalence: 'inexact' }]);
  expect([translate([map], { system: 'urn:b', code: '1' }), translate([map], { code: '1', source: 'urn:other' }), translate([map], { code: '1', targetSystem: 'urn:c' })]).toEqual([[], [], []]);
});
