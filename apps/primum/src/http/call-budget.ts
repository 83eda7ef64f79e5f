/** Whether a call may be made, and how many more: `burst` at once, `windowS` seconds until an empty bucket is full. */
export type CallsLeft = { allowed: boolean; left: number; burst: number; windowS: number; /** Seconds until it is full again. */ fullInS: number };

/** Tokens that fill up at a rate, a call takes one (RFC 2697's bucket, roughly). */
export type CallBudget = (caller: string) => CallsLeft;

const maxCallers = 10_000;

/**
 * How much one session, app or service account may ask: far above what a ward's console needs, far below what it takes to
 * keep others waiting or to copy a hospital in an afternoon. In memory; of too many callers the one seen longest ago is
 * forgotten, and begins with a full bucket.
 */
export function createCallBudget({ perSecond = 100, burst = 2_000 }: { perSecond?: number; burst?: number } = {}, nowMs: () => number = () => performance.now()): CallBudget {
  const buckets = new Map<string, { left: number; atMs: number }>();
  return (caller) => {
    const now = nowMs();
    const known = buckets.get(caller);
    const left = known === undefined ? burst : Math.min(burst, known.left + (now - known.atMs) / 1_000 * perSecond);
    buckets.delete(caller);
    buckets.set(caller, { left: Math.max(0, left - 1), atMs: now });
    if (buckets.size > maxCallers) buckets.delete(buckets.keys().next().value!);
    const after = Math.max(0, left - 1);
    return { allowed: left >= 1, left: Math.floor(after), burst, windowS: Math.ceil(burst / perSecond), fullInS: Math.ceil((burst - after) / perSecond) };
  };
}

/** A service account moves a hospital's data and may ask twenty times as much as a person; how much is whoever runs it to say. */
export function createCallBudgets({ servicePerSecond = 2_000 }: { servicePerSecond?: number | undefined } = {}): CallBudget {
  const [people, services] = [createCallBudget(), createCallBudget({ perSecond: servicePerSecond, burst: servicePerSecond * 20 })];
  return (caller) => (caller.startsWith('client ') ? services : people)(caller);
}
