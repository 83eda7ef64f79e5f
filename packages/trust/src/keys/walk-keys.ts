import type { Clock } from '@primum/base';
import type { KeyName } from './key-scope.ts';
import { maxBatch, type KeyStore } from './key-store.ts';
import type { MasterKeys } from './master-keys.ts';
import { generationOf, type MasterKey } from './wrapped-key.ts';

/** What a walk over all keys found and did. Times are of the clock; counts are of keys that are not destroyed. */
export type KeyWalk = {
  startedAt: Date;
  endedAt: Date;
  keys: Record<'patient' | 'tenant' | 'index' | 'intake', number>;
  /** Keys by the generation of the master key that they rested on when the walk had passed. */
  byGeneration: Record<number, number>;
  rewrapped: number;
  /** Keys that could not be read; while there are any, no generation is dropped. */
  unreadable: number;
  dropped: number[];
};

export type WalkOptions = { signal?: AbortSignal; onProgress?: (walk: { walked: number; rewrapped: number }) => void; graceMs?: number };

export type WalkDeps = { store: KeyStore; masters: MasterKeys; clock: Clock; rewrap(name: KeyName, master: MasterKey): Promise<boolean> };

/**
 * A process that wrapped a key under an old generation looks for a newer one once the key is stored, and wraps it again
 * itself. One that is killed in between leaves it to the next walk, which therefore starts this long after the newest
 * generation was made before it may drop an older one.
 */
export const defaultGraceMs = 600_000;

/**
 * Walks over all keys and wraps again those that rest on an older master key than the newest; then drops the older
 * ones on which nothing rests. It may be stopped at any point, run again, and run beside others: a key that is on the
 * newest generation is left alone, and `replace` never brings back what was destroyed.
 */
export async function walkKeys(deps: WalkDeps, options: WalkOptions = {}): Promise<KeyWalk> {
  const { store, masters, clock } = deps;
  const newest = await masters.newest();
  const walk: KeyWalk = {
    startedAt: clock.now(), endedAt: clock.now(), keys: { patient: 0, tenant: 0, index: 0, intake: 0 }, byGeneration: {}, rewrapped: 0, unreadable: 0, dropped: [],
  };
  const visit = async (name: KeyName & { kind: keyof KeyWalk['keys'] }): Promise<void> => {
    try {
      const stored = await store.read(name);
      if (stored.state !== 'present') return;
      let generation = generationOf(name, stored.wrapped);
      if (generation < newest.generation) {
        if (!(await deps.rewrap(name, newest))) return;
        generation = newest.generation;
        walk.rewrapped += 1;
      }
      walk.keys[name.kind] += 1;
      walk.byGeneration[generation] = (walk.byGeneration[generation] ?? 0) + 1;
    } catch {
      walk.unreadable += 1;
    }
  };

  for (const tenant of await store.tenants()) {
    for (const kind of ['tenant', 'index', 'intake', 'patient'] as const) {
      for await (const ids of store.list(tenant, kind)) {
        for (let at = 0; at < ids.length; at += maxBatch) {
          options.signal?.throwIfAborted();
          await Promise.all(ids.slice(at, at + maxBatch).map((id) => visit({ tenant, kind, id })));
          options.onProgress?.({ walked: Object.values(walk.keys).reduce((a, b) => a + b), rewrapped: walk.rewrapped });
        }
      }
    }
  }

  const settled = walk.startedAt.getTime() - newest.since.getTime() >= (options.graceMs ?? defaultGraceMs);
  if (walk.unreadable === 0 && settled && masters.from !== 'file') {
    for (const { generation } of await masters.all()) {
      if (generation >= newest.generation || (walk.byGeneration[generation] ?? 0) > 0) continue;
      await masters.drop(generation);
      walk.dropped.push(generation);
    }
  }
  walk.endedAt = clock.now();
  return walk;
}
