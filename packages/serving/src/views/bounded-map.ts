/** A map that forgets what was used least recently once it is full. */
export type BoundedMap<T> = { get(key: string): T | undefined; set(key: string, value: T): void; forget(key: string): void; clear(): void };

export function createBoundedMap<T>(limit: number): BoundedMap<T> {
  const map = new Map<string, T>();
  return {
    get(key) {
      const value = map.get(key);
      if (value === undefined) return undefined;
      map.delete(key);
      map.set(key, value);
      return value;
    },
    clear: () => map.clear(),
    forget: (key) => { map.delete(key); },
    set(key, value) {
      map.delete(key);
      map.set(key, value);
      if (map.size > limit) map.delete(map.keys().next().value!); // not empty: it is beyond its limit
    },
  };
}
