/**
 * A site's clock. Now = anchorSource + (wall − anchorWall) · rate, so that time goes on when a feed falls silent, and a
 * ward at 60× or a replayed year has ages and staleness of its own. Every message's own time (MSH-7) may anchor it anew,
 * under these rules:
 *
 * - It never goes backwards: a message that is behind it changes nothing.
 * - A jump of more than `maxJumpMs` ahead needs a second message that agrees (within the same limit): one sender with a
 *   wrong year must not age every patient's data. The first such message is only remembered (`proposedSourceAt`).
 * - A live site (rate 1, not simulated) is never set more than `maxLiveLeadMs` ahead of the machine's clock.
 *
 * A rate of 0 makes a clock that only messages move, for a replay whose sender may fall behind.
 */
export type SiteClock = {
  rate: number;
  simulated: boolean;
  /** Milliseconds since the epoch; null before the first message. */
  anchorSourceAt: number | null;
  anchorWallAt: number | null;
  proposedSourceAt: number | null;
};

const maxJumpMs = 24 * 3_600_000;
const maxLiveLeadMs = 5 * 60_000;

/** Now by the site's clock (ms since the epoch); by the machine's before any message has come. */
export function siteNow(clock: SiteClock, wallMs: number): number {
  if (clock.anchorSourceAt === null || clock.anchorWallAt === null) return wallMs;
  return clock.anchorSourceAt + Math.max(0, wallMs - clock.anchorWallAt) * clock.rate;
}

/** The clock after a message of `sourceMs` that arrived at `wallMs`; the same object when nothing changes. */
export function advanceSiteClock(clock: SiteClock, sourceMs: number, wallMs: number): SiteClock {
  const live = clock.rate === 1 && !clock.simulated;
  const target = live ? Math.min(sourceMs, wallMs + maxLiveLeadMs) : sourceMs;
  if (clock.anchorSourceAt === null) return anchored(clock, target, wallMs);
  const now = siteNow(clock, wallMs);
  if (target <= now) return clock;
  if (target - now <= maxJumpMs) return anchored(clock, target, wallMs);
  const agrees = clock.proposedSourceAt !== null && Math.abs(target - clock.proposedSourceAt) <= maxJumpMs;
  return agrees ? anchored(clock, target, wallMs) : { ...clock, proposedSourceAt: target };
}

function anchored(clock: SiteClock, sourceMs: number, wallMs: number): SiteClock {
  return { ...clock, anchorSourceAt: sourceMs, anchorWallAt: wallMs, proposedSourceAt: null };
}
