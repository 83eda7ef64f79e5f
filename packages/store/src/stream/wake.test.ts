import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { createWake } from './wake.ts';

it('waits for a call, a time or an end, remembers a call that came early, and leaves no listener behind', async () => {
  const stop = new AbortController();
  const wake = createWake();
  const waited = async (ms: number): Promise<boolean> => {
    const before = performance.now();
    await wake.wait(ms, stop.signal);
    return performance.now() - before >= ms - 2;
  };
  for (let n = 0; n < 20; n += 1) expect(await waited(3)).toBe(true);
  wake.wake();
  expect(await waited(1_000)).toBe(false);
  const waiting = waited(1_000);
  wake.wake();
  expect(await waiting).toBe(false);
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  const last = waited(1_000);
  stop.abort();
  expect(await last).toBe(false);
  expect(await waited(1_000)).toBe(false);
});
