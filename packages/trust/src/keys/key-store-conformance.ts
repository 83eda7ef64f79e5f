import { randomBytes } from 'node:crypto';
import { uuidv7 } from '@primum/base';
import { describe, expect, it } from 'vitest';
import type { KeyName } from './key-scope.ts';
import { listAll, type KeyStore } from './key-store.ts';

/** What every side of the keys port promises. `open` opens the same store again, as another process would. */
export function describeKeyStore(title: string, open: () => Promise<() => KeyStore>): void {
  const patient = (): KeyName => ({ tenant: 1, kind: 'patient', id: uuidv7() });
  const stored = async (store: KeyStore, name: KeyName): Promise<string> => {
    const found = await store.read(name);
    return found.state === 'present' ? found.wrapped.toString('hex') : found.state;
  };
  const bytes = (): Buffer => randomBytes(65);

  describe(title, () => {
    it('keeps what was created, and says what is absent', async () => {
      const again = await open();
      const [store, a, wrapped] = [again(), patient(), bytes()];
      expect(await stored(store, a)).toBe('absent');
      await store.create([{ name: a, wrapped }, { name: patient(), wrapped: bytes() }]);
      expect(await stored(again(), a)).toBe(wrapped.toString('hex'));
    });

    it('lets the first writer win, of many at once', async () => {
      const again = await open();
      const stores = Array.from({ length: 4 }, again);
      const names = Array.from({ length: 20 }, patient);
      await Promise.all(stores.map((store) => store.create(names.map((name) => ({ name, wrapped: bytes() })))));
      for (const name of names) {
        const seen = new Set(await Promise.all(stores.map((store) => stored(store, name))));
        expect(seen.size).toBe(1);
        expect([...seen][0]).toHaveLength(130);
      }
    });

    it('replaces a wrapping, and nothing that is not there', async () => {
      const again = await open();
      const [store, a, second] = [again(), patient(), bytes()];
      expect(await store.replace(a, second)).toBe(false);
      expect(await stored(store, a)).toBe('absent');
      await store.create([{ name: a, wrapped: bytes() }]);
      expect(await store.replace(a, second)).toBe(true);
      expect(await stored(again(), a)).toBe(second.toString('hex'));
    });

    it('never gives a destroyed name a key again', async () => {
      const again = await open();
      const [store, a, never] = [again(), patient(), patient()];
      await store.create([{ name: a, wrapped: bytes() }]);
      for (const name of [a, never, a]) await store.destroy(name, { tombstone: true });
      await store.create([{ name: a, wrapped: bytes() }, { name: never, wrapped: bytes() }]);
      expect(await store.replace(a, bytes())).toBe(false);
      for (const name of [a, never]) expect(await stored(again(), name)).toBe('destroyed');
    });

    it('destroys under a replacement that is on its way, whichever comes first', async () => {
      const again = await open();
      const [one, two] = [again(), again()];
      const names = Array.from({ length: 24 }, patient);
      await one.create(names.map((name) => ({ name, wrapped: bytes() })));
      await Promise.all(names.map((name, index) => (index % 2 === 0
        ? Promise.all([one.replace(name, bytes()), two.destroy(name, { tombstone: true })])
        : Promise.all([two.destroy(name, { tombstone: true }), one.replace(name, bytes())]))));
      for (const name of names) expect(await stored(two, name)).toBe('destroyed');
    });

    it('lists kinds apart, and forgets what went without a tombstone', async () => {
      const again = await open();
      const store = again();
      const [epoch, other]: KeyName[] = [{ tenant: 1, kind: 'intake', id: uuidv7() }, { tenant: 2, kind: 'intake', id: uuidv7() }];
      const patients = Array.from({ length: 5 }, patient);
      await store.create([epoch!, other!, ...patients].map((name) => ({ name, wrapped: bytes() })));
      expect(await listAll(again(), 1, 'intake')).toEqual([epoch!.id]);
      expect(await listAll(again(), 1, 'patient')).toEqual(patients.map(({ id }) => id).sort());
      expect(await again().tenants()).toEqual([1, 2]);
      await store.destroy(epoch!, { tombstone: false });
      expect(await listAll(again(), 1, 'intake')).toEqual([]);
      expect(await stored(again(), epoch!)).toBe('absent');
    });
  });
}
