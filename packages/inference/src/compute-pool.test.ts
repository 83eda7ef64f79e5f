import { describe, expect, it } from 'vitest';
import type { Misbehaviour } from '../fixtures/misbehaving-worker.ts';
import { createComputePool, type ComputePool, type ComputePoolOptions } from './compute-pool.ts';

const poolOf = (options: Omit<ComputePoolOptions, 'entry'> = {}): ComputePool<Misbehaviour, number | string[]> =>
  createComputePool({ ...options, entry: new URL('../fixtures/misbehaving-worker.ts', import.meta.url) });

describe('a compute pool', () => {
  it('answers in order on one thread; on two, a slow call holds no other up', async () => {
    await using one = poolOf();
    expect(await Promise.all([one.call({ do: 'count' }), one.call({ do: 'count' }), one.call({ do: 'count' })])).toEqual([1, 2, 3]);
    await using two = poolOf({ workers: 2 });
    const order: string[] = [];
    await Promise.all([
      two.call({ do: 'wait', ms: 1_500 }).then(() => order.push('slow')),
      two.call({ do: 'wait', ms: 1 }).then(() => order.push('fast')),
    ]);
    expect(order).toEqual(['fast', 'slow']);
  });

  it('hands on the codes of our errors, and of others only their kind', async () => {
    await using pool = poolOf();
    await expect(pool.call({ do: 'refuse' })).rejects.toMatchObject({ code: 'model.not-loaded', detail: 'as asked' });
    const broken = await pool.call({ do: 'break', text: 'lactate 7.1' }).catch((error: unknown) => error);
    expect(broken).toMatchObject({ code: 'internal.bug', detail: 'TypeError' });
    expect(String(broken)).not.toContain('lactate');
  });

  it('fails the call at which a thread dies, starts another, sets it up again, and serves what waited', async () => {
    await using pool = poolOf();
    await pool.setUp('first', { do: 'remember', what: 'first' });
    await pool.setUp('second', { do: 'remember', what: 'second' });
    await pool.setUp('dropped', { do: 'remember', what: 'dropped' });
    await pool.tearDown('dropped', { do: 'count' });
    const dying = pool.call({ do: 'die' });
    const waiting = pool.call({ do: 'recall' });
    await expect(dying).rejects.toMatchObject({ code: 'compute.failed' });
    expect(await waiting).toEqual(['first', 'second']);
  });

  it('survives deaths one after the other', async () => {
    await using pool = poolOf({ workers: 2 });
    for (let round = 0; round < 5; round += 1) {
      await expect(pool.call({ do: 'die' })).rejects.toMatchObject({ code: 'compute.failed' });
    }
    expect(await pool.call({ do: 'wait', ms: 1 })).toBe(1);
  });

  it('does not repeat a set-up that kills the thread or is refused', async () => {
    await using pool = poolOf();
    await expect(pool.setUp('deadly', { do: 'die' })).rejects.toMatchObject({ code: 'compute.failed' });
    await expect(pool.setUp('refused', { do: 'refuse' })).rejects.toMatchObject({ code: 'model.not-loaded' });
    expect(await pool.call({ do: 'recall' })).toEqual([]);
  });

  it('ends a thread that hangs', async () => {
    await using pool = poolOf({ timeoutMs: 1_500 });
    await expect(pool.call({ do: 'hang' })).rejects.toMatchObject({ code: 'compute.failed' });
    expect(await pool.call({ do: 'count' })).toBe(1);
  });

  it('refuses calls past its bound', async () => {
    await using pool = poolOf({ maxQueue: 2 });
    const held = [pool.call({ do: 'wait', ms: 50 }), pool.call({ do: 'count' }), pool.call({ do: 'count' })];
    await expect(pool.call({ do: 'count' })).rejects.toMatchObject({ code: 'compute.overloaded' });
    expect(await Promise.all(held)).toEqual([50, 1, 2]);
  });

  it('fails what is waiting when it is closed, and what comes after', async () => {
    const pool = poolOf();
    const held = [pool.call({ do: 'hang' }), pool.call({ do: 'count' })].map((call) => expect(call).rejects.toMatchObject({ code: 'compute.failed' }));
    await pool.close();
    await Promise.all(held);
    await expect(pool.call({ do: 'count' })).rejects.toMatchObject({ code: 'compute.failed' });
  });
});
