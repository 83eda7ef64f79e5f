import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatTs, parseTs, toIso8601, type TsPrecision } from './timestamp.ts';

const at = { defaultOffsetMinutes: 0 };

describe('parseTs', () => {
  test.each([
    ['2024', '2024-01-01T00:00:00.000Z', 'year', '2024'],
    ['202402', '2024-02-01T00:00:00.000Z', 'month', '2024-02'],
    ['20240229', '2024-02-29T00:00:00.000Z', 'day', '2024-02-29'],
    ['2024022913', '2024-02-29T13:00:00.000Z', 'hour', '2024-02-29T13:00:00+00:00'],
    ['202402291305', '2024-02-29T13:05:00.000Z', 'minute', '2024-02-29T13:05:00+00:00'],
    ['20240229130507', '2024-02-29T13:05:07.000Z', 'second', '2024-02-29T13:05:07+00:00'],
    ['20240229130507.25', '2024-02-29T13:05:07.250Z', 'fraction', '2024-02-29T13:05:07.250+00:00'],
    ['20240229130507.1239', '2024-02-29T13:05:07.123Z', 'fraction', '2024-02-29T13:05:07.123+00:00'],
    ['20240229130507+0530', '2024-02-29T07:35:07.000Z', 'second', '2024-02-29T13:05:07+05:30'],
    ['20231231233000-0500', '2024-01-01T04:30:00.000Z', 'second', '2023-12-31T23:30:00-05:00'],
    ['18690101', '1869-01-01T00:00:00.000Z', 'day', '1869-01-01'],
    ['00990101', '0099-01-01T00:00:00.000Z', 'day', '0099-01-01'],
  ])('%s', (value, instant, precision, iso) => {
    const parsed = parseTs(value, at);
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(parsed.instant.toISOString()).toBe(instant);
    expect(parsed.precision).toBe(precision);
    expect(toIso8601(parsed)).toBe(iso);
  });

  test.each([
    '', 'x', '24', '20240', '20240230', '20230229', '20241301', '20240001', '20240100', '2024010124', '202401010060', '20240101000060',
    '20240101000000.', '2024-01-01', '20240101 00', '20240101000000+0', '20240101000000+2400', '20240101000000+0160', '20240101000000+1401',
    '202401010000000', '00000000', '""', '20240101000000Z',
  ])('refuses %j', (value) => {
    expect(parseTs(value, at)).toMatchObject({ ok: false, code: 'hl7.field-invalid' });
  });

  test('no offset means the source\'s', () => {
    const parsed = parseTs('20240101', { defaultOffsetMinutes: -300 });
    expect(parsed.ok && parsed.instant.toISOString()).toBe('2024-01-01T05:00:00.000Z');
    expect(parsed.ok && toIso8601(parsed)).toBe('2024-01-01');
  });

  test('format and parse are inverse at every precision', () => {
    const precisions: TsPrecision[] = ['year', 'month', 'day', 'hour', 'minute', 'second', 'fraction'];
    const instants = fc.date({ min: new Date('0002-01-01'), max: new Date('9998-01-01'), noInvalidDate: true });
    fc.assert(fc.property(instants, fc.constantFrom(...precisions), fc.integer({ min: -840, max: 840 }), (instant, precision, offsetMinutes) => {
      const text = formatTs(instant, { precision, offsetMinutes });
      const parsed = parseTs(text, { defaultOffsetMinutes: offsetMinutes });
      expect(parsed).toMatchObject({ ok: true, precision, offsetMinutes });
      expect(parsed.ok && formatTs(parsed.instant, parsed)).toBe(text);
      if (precision === 'fraction') expect(parsed.ok && parsed.instant.getTime()).toBe(instant.getTime());
    }));
  });
});
