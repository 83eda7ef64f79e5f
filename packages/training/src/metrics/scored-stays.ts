/**
 * Probabilities of hourly rows with their labels, grouped by stay. All metrics are sums or ranks over rows that a
 * bootstrap replicate weights by how often it drew the row's stay.
 */
export type ScoredStays = {
  /** In [0, 1], one per row. */
  probabilities: Float64Array;
  /** 0 or 1, one per row. */
  labels: Uint8Array;
  /** Rows [start, end) of each stay, ascending and without gaps. */
  stays: readonly StayRows[];
};

export type StayRows = { start: number; end: number };

/** The rows of some stays (indices into `stays`), in the given order. */
export function selectStays(scored: ScoredStays, indices: readonly number[]): ScoredStays {
  const stays: StayRows[] = [];
  let count = 0;
  for (const index of indices) {
    const { start, end } = scored.stays[index]!;
    stays.push({ start: count, end: count + end - start });
    count += end - start;
  }
  const probabilities = new Float64Array(count);
  const labels = new Uint8Array(count);
  indices.forEach((index, at) => {
    const { start, end } = scored.stays[index]!;
    probabilities.set(scored.probabilities.subarray(start, end), stays[at]!.start);
    labels.set(scored.labels.subarray(start, end), stays[at]!.start);
  });
  return { probabilities, labels, stays };
}

/** For each row the index of its stay. */
export function stayOfRows({ stays, labels }: ScoredStays): Uint32Array {
  const stayOf = new Uint32Array(labels.length);
  stays.forEach(({ start, end }, index) => stayOf.fill(index, start, end));
  return stayOf;
}
