import { PrimumError } from '@primum/base';
import type { UtcOffset } from './timestamp.ts';

const quarterMs = 900_000;
const dayMs = 86_400_000;
const mostRemembered = 10_000;

/**
 * The offset of an IANA zone (`Europe/Vienna`) by its local time. An hour that comes twice when summer time ends is the
 * first of the two; one that is left out when it begins is read as though it had not begun. Throws `config.invalid`.
 */
export function zoneOffset(zone: string): UtcOffset {
  const format = formatOf(zone);
  const offsetAt = (ms: number): number => {
    const part = (name: string): number => Number(parts.find(({ type }) => type === name)?.value ?? 0);
    const parts = format.formatToParts(ms);
    return Math.round((Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - Math.floor(ms / 1_000) * 1_000) / 60_000);
  };
  const remembered = new Map<number, number>();
  return (localMs) => {
    const quarter = Math.floor(localMs / quarterMs);
    const known = remembered.get(quarter);
    if (known !== undefined) return known;
    const [before, after] = [offsetAt(localMs - dayMs), offsetAt(localMs + dayMs)];
    const offset = before === after || offsetAt(localMs - before * 60_000) === before ? before : offsetAt(localMs - after * 60_000) === after ? after : before;
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(quarter, offset);
    return offset;
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
  } catch {
    throw new PrimumError('config.invalid', 'no such time zone');
  }
}
