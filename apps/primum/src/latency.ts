/** The last `size` latencies in ms, and their quantiles. */
export type Latencies = { add(ms: number): void; quantile(part: number): number | null; clear(): void };

export function createLatencies(size = 2_000): Latencies {
  const ring = new Float64Array(size);
  let count = 0;
  return {
    clear() { count = 0; },
    add(ms) {
      ring[count % size] = ms;
      count += 1;
    },
    quantile(part) {
      if (count === 0) return null;
      const sorted = ring.slice(0, Math.min(count, size)).sort();
      return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? null;
    },
  };
}
