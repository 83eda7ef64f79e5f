import type { Clock } from '@primum/base';
import type { Db } from '@primum/store';
import { findSession, isToken, markSeen, type Session, type SessionLimits } from './sessions.ts';

/** What another process revokes is noticed within this time; what this one revokes, at once. */
const keepMs = 400;
const maxKept = 10_000;
/** "Last seen" is written at most this often. */
const seenEveryMs = 60_000;

export type SessionCache = {
  /** `use`: the person did something; else it is only looked at, and goes on growing idle. */
  find(tenant: number, token: string, use: boolean): Promise<Session | null>;
  /** Called after the commit of anything that ends or changes a session. */
  forget(): void;
};

/**
 * Sessions by token, kept for less than half a second: a page's burst of requests costs one look-up. Ends by time are
 * checked on every find.
 */
export function createSessionCache(deps: { db: Db; clock: Clock }, limits: SessionLimits): SessionCache {
  const { db, clock } = deps;
  const kept = new Map<string, { session: Session; lastSeenMs: number; atMs: number }>();
  let generation = 0;

  const look = async (tenant: number, token: string, now: Date): Promise<{ session: Session; lastSeenMs: number; atMs: number } | null> => {
    const key = `${tenant} ${token}`;
    const known = kept.get(key);
    const nowMs = now.getTime();
    if (known !== undefined && performance.now() - known.atMs < keepMs && known.session.expiresAt.getTime() > nowMs && known.lastSeenMs > nowMs - limits.idleMs) return known;
    const startedIn = generation;
    const atMs = performance.now();
    const found = await findSession(db, tenant, token, limits, now);
    if (found === null) {
      kept.delete(key);
      return null;
    }
    const entry = { ...found, atMs };
    if (kept.size >= maxKept) kept.clear();
    if (startedIn === generation) kept.set(key, entry); // else something was revoked while the answer was on its way
    return entry;
  };

  return {
    find: async (tenant, token, use) => {
      if (!isToken(token)) return null;
      const now = clock.now();
      const entry = await look(tenant, token, now);
      if (entry === null) return null;
      if (use && now.getTime() - entry.lastSeenMs >= seenEveryMs) {
        entry.lastSeenMs = now.getTime();
        await markSeen(db, tenant, token, now);
      }
      return entry.session;
    },
    forget: () => {
      generation += 1;
      kept.clear();
    },
  };
}
