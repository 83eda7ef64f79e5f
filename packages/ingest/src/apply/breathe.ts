/** Awaited between two pieces of work: lets the event loop turn when it has been held for long enough. */
export type Breathe = () => Promise<void> | undefined;

/**
 * A batch is much computing in one go; sockets, acknowledgements and scores of the same process must not wait for all of
 * it. Costs a clock reading where the loop was not held for `maxMs`.
 */
export function createBreather(maxMs = 2): Breathe {
  let since = performance.now();
  return () => {
    if (performance.now() - since < maxMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        since = performance.now();
        resolve();
      });
    });
  };
}
