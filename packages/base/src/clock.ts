/** Time comes in through `deps`, so that a test or the simulator can hold it. */
export type Clock = { now(): Date };

export const systemClock: Clock = { now: () => new Date() };

/** A clock that a test moves by hand. */
export function manualClock(start: Date): Clock & { set(to: Date): void; advanceMs(ms: number): void } {
  let current = start.getTime();
  return {
    now: () => new Date(current),
    set: (to) => { current = to.getTime(); },
    advanceMs: (ms) => { current += ms; },
  };
}
