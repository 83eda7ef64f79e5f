import { randomBytes } from 'node:crypto';
import type { KeyName } from './key-scope.ts';
import { maxBatch, type KeyStore } from './key-store.ts';
import type { MasterKeys } from './master-keys.ts';
import { wrapKey, type MasterKey } from './wrapped-key.ts';

/**
 * Makes random keys durable. Gathers those that are asked for while others are being written, so that they share one
 * round of fsyncs. A key that exists stays as it is.
 */
export function createKeyMaker(deps: { store: KeyStore; masters: MasterKeys; rewrap(name: KeyName, master: MasterKey): Promise<boolean> }): (name: KeyName) => Promise<void> {
  const { store, masters } = deps;
  type Waiting = { name: KeyName; settle: (error?: unknown) => void };
  const waiting: Waiting[] = [];
  let running = false;

  const make = async (names: readonly KeyName[]): Promise<void> => {
    const master = await masters.newest();
    await store.create(names.map((name) => ({ name, wrapped: wrapKey(master, name, randomBytes(32)) })));
    // Whoever makes a generation walks over the keys after that: either it finds these, or the generation shows here.
    const newest = await masters.newest();
    if (newest.generation > master.generation) for (const name of names) await deps.rewrap(name, newest);
  };
  const run = async (): Promise<void> => {
    running = true;
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxBatch);
      try {
        await make(batch.map(({ name }) => name));
        for (const { settle } of batch) settle();
      } catch (error) {
        for (const { settle } of batch) settle(error);
      }
    }
    running = false;
  };
  return (name) => new Promise((resolve, reject) => {
    waiting.push({ name, settle: (error) => (error === undefined ? resolve() : reject(error)) });
    if (!running) queueMicrotask(() => { if (!running) void run(); });
  });
}
