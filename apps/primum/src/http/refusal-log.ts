import type { Log } from '@primum/base';
import type { ErrorCode } from '@primum/contract';

const windowMs = 60_000;
const maxKinds = 1_000;

/**
 * What is refused before anybody is known (another site's page, a shape that does not fit, a path that is none) and so
 * stands on no audit log: a line for the first of an address and code in a minute, and how many came, so that trying
 * shows and can't fill the disk. Never what was sent.
 */
export function createRefusalLog(log: Log, nowMs: () => number = () => performance.now()): (code: ErrorCode, address: string) => void {
  const seen = new Map<string, { since: number; count: number }>();
  return (code, address) => {
    const key = `${code} ${address}`;
    const now = nowMs();
    const known = seen.get(key);
    if (known !== undefined && now - known.since < windowMs) {
      known.count += 1;
      return;
    }
    if (known === undefined && seen.size >= maxKinds) seen.clear();
    seen.set(key, { since: now, count: 0 });
    log.warn('request.refused', { code, address, count: 1 + (known?.count ?? 0) });
  };
}
