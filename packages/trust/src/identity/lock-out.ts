/** After this many failures in a row a name locks; each further failure doubles how long. */
const failuresBeforeLock = 5;
const firstLockMs = 15 * 60_000;
const longestLockMs = 24 * 3_600_000;

/** How long the nth failure in a row locks a name, in ms; 0 for the first four. */
export function lockMsAfter(failures: number): number {
  if (failures < failuresBeforeLock) return 0;
  return Math.min(longestLockMs, firstLockMs * 2 ** Math.min(20, failures - failuresBeforeLock));
}

const maxNames = 10_000;

/**
 * Failures of names that are no user's, counted as a user's would be, so that locking tells nobody which names exist.
 * In memory, by keyed token, bounded: the name that failed longest ago is forgotten first.
 */
export function createStrangers(): { lockedUntilMs(token: string): number; fail(token: string, nowMs: number): void } {
  const failures = new Map<string, { count: number; lockedUntilMs: number }>();
  return {
    lockedUntilMs: (token) => failures.get(token)?.lockedUntilMs ?? 0,
    fail: (token, nowMs) => {
      const count = (failures.get(token)?.count ?? 0) + 1;
      failures.delete(token);
      failures.set(token, { count, lockedUntilMs: nowMs + lockMsAfter(count) });
      if (failures.size > maxNames) failures.delete(failures.keys().next().value!);
    },
  };
}
