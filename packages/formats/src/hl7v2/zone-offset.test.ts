import { describe, expect, it } from 'vitest';
import { parseTs } from './timestamp.ts';
import { zoneOffset } from './zone-offset.ts';

describe('zoneOffset', () => {
  const vienna = zoneOffset('Europe/Vienna');
  const read = (text: string, zone = vienna): string => {
    const parsed = parseTs(text, { defaultOffsetMinutes: zone });
    if (!parsed.ok) throw new Error(parsed.detail);
    return parsed.instant.toISOString();
  };

  it('is that of the season', () => {
    expect(read('20260115120000')).toBe('2026-01-15T11:00:00.000Z');
    expect(read('20260715120000')).toBe('2026-07-15T10:00:00.000Z');
    expect(read('202607151200+0000')).toBe('2026-07-15T12:00:00.000Z');
  });

  it('takes the first of an hour that comes twice, and one that is left out as though the clock had not been moved', () => {
    expect(read('20261025015959')).toBe('2026-10-24T23:59:59.000Z');
    expect(read('20261025023000')).toBe('2026-10-25T00:30:00.000Z');
    expect(read('20261025030000')).toBe('2026-10-25T02:00:00.000Z');
    expect(read('20260329015959')).toBe('2026-03-29T00:59:59.000Z');
    expect(read('20260329023000')).toBe('2026-03-29T01:30:00.000Z');
    expect(read('20260329030000')).toBe('2026-03-29T01:00:00.000Z');
  });

  it('goes by half hours where the zone does, and refuses what is no zone', () => {
    expect(read('20260115120000', zoneOffset('Australia/Lord_Howe'))).toBe('2026-01-15T01:00:00.000Z');
    expect(read('20260715120000', zoneOffset('Australia/Lord_Howe'))).toBe('2026-07-15T01:30:00.000Z');
    expect(read('20260115120000', zoneOffset('Asia/Kathmandu'))).toBe('2026-01-15T06:15:00.000Z');
    expect(() => zoneOffset('Europe/Atlantis')).toThrow('no such time zone');
  });
});
