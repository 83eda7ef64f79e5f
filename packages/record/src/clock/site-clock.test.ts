import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advanceSiteClock, siteNow, type SiteClock } from './site-clock.ts';

const fresh: SiteClock = { rate: 60, simulated: true, anchorSourceAt: null, anchorWallAt: null, proposedSourceAt: null };
const dayMs = 86_400_000;

describe('site clock', () => {
  it('goes on at its rate between messages', () => {
    const clock = advanceSiteClock(fresh, 1_000_000, 5_000);
    expect(siteNow(clock, 5_000)).toBe(1_000_000);
    expect(siteNow(clock, 6_000)).toBe(1_060_000);
  });

  it('never goes backwards, whatever comes', () => {
    expect(() => fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 10 * dayMs }), fc.nat(60_000)), { maxLength: 50 }), (messages) => {
      let clock: SiteClock = fresh;
      let wall = 0;
      let last: number | null = null;
      for (const [source, gap] of messages) {
        wall += gap;
        if (last !== null) expect(siteNow(clock, wall)).toBeGreaterThanOrEqual(last);
        clock = advanceSiteClock(clock, source, wall);
        const now = siteNow(clock, wall);
        if (last !== null) expect(now).toBeGreaterThanOrEqual(last);
        last = now;
      }
    }))).not.toThrow();
  });

  it('jumps more than a day only when a second message agrees', () => {
    const clock = advanceSiteClock(fresh, 0, 0);
    const once = advanceSiteClock(clock, 400 * dayMs, 0);
    expect(siteNow(once, 0)).toBe(0);
    expect(siteNow(advanceSiteClock(once, 900 * dayMs, 0), 0)).toBe(0);
    expect(siteNow(advanceSiteClock(once, 400 * dayMs + 5, 0), 0)).toBe(400 * dayMs + 5);
  });

  it('holds a live site to the machine\'s clock plus five minutes', () => {
    const live: SiteClock = { ...fresh, rate: 1, simulated: false };
    expect(siteNow(advanceSiteClock(live, 100 * dayMs, 50 * dayMs), 50 * dayMs)).toBe(50 * dayMs + 300_000);
  });
});
