import { expect, it, vi } from 'vitest';
import { gatherLoads } from './gather-loads.ts';

it('turns a burst into one load now and one after it', async () => {
  vi.useFakeTimers();
  const loads: string[] = [];
  const ask = gatherLoads(async (key) => { loads.push(key); }, 500);
  for (let i = 0; i < 20; i += 1) ask('worklist');
  expect(loads).toEqual(['worklist']);
  await vi.advanceTimersByTimeAsync(500);
  expect(loads).toEqual(['worklist', 'worklist']);
  await vi.advanceTimersByTimeAsync(5000);
  expect(loads).toHaveLength(2);
  vi.useRealTimers();
});

it('keeps going after a load that failed, and keys apart', async () => {
  vi.useFakeTimers();
  const loads: string[] = [];
  const ask = gatherLoads(async (key) => {
    loads.push(key);
    if (key === 'a') throw new Error('down');
  }, 500);
  ask('a');
  ask('b');
  await vi.advanceTimersByTimeAsync(600);
  ask('a');
  expect(loads).toEqual(['a', 'b', 'a']);
  vi.useRealTimers();
});
