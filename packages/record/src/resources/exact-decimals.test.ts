import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepWritten, parseFhir, stringifyFhir } from './exact-decimals.ts';

describe('FHIR decimals', () => {
  it.each(['1.80', '0.010', '1E3', '-2.50e-10', '100.00', '3.14159265358979323846264338327950288', '0.1', '12', '-0.0'])('%s is stored and answered as it was written', (digits) => {
    const text = `{"resourceType":"Observation","valueQuantity":{"value":${digits},"unit":"mmol/L"},"component":[{"valueSampledData":{"factor":${digits}}}]}`;
    const parsed = parseFhir(text) as { valueQuantity: { value: number } };
    expect(parsed.valueQuantity.value).toBe(Number(digits));
    expect(stringifyFhir({ ...parsed, valueQuantity: { ...parsed.valueQuantity } })).toBe(text);
  });

  it('writes what a number has become, where it was changed', () => {
    const parsed = parseFhir('{"valueQuantity":{"value":1.80}}') as { valueQuantity: { value: number } };
    parsed.valueQuantity.value = 2;
    expect(stringifyFhir(parsed)).toBe('{"valueQuantity":{"value":2}}');
  });

  it('shows nobody but itself how numbers were written, and lets copies take it along', () => {
    const parsed = parseFhir('{"value":1.80}') as object;
    expect(Object.keys(parsed)).toEqual(['value']);
    expect(JSON.stringify(parsed)).toBe('{"value":1.8}');
    expect(stringifyFhir(keepWritten(parsed, { value: 1.8 }))).toBe('{"value":1.80}');
  });

  it('reads and writes any JSON as JSON does', () => {
    fc.assert(fc.property(fc.json(), (text) => {
      expect(parseFhir(text)).toEqual(JSON.parse(text));
      expect(JSON.parse(stringifyFhir(parseFhir(text)))).toEqual(JSON.parse(text));
    }));
  });
});
