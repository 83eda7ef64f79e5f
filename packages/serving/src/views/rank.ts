/** What the order of the worklist looks at. `probability` is the last score that was made, withheld or not. */
export type Rankable = {
  stayId: string;
  bed: string;
  /** Instant (ms) since when an alert waits unacknowledged; null where none does. */
  waitingSince: number | null;
  rising: boolean;
  probability: number | null;
};

/**
 * The worklist's order: unacknowledged alerts, the oldest first; then those that are rising; then by risk. A withheld
 * score changes none of the three inputs (all come from the last score made), so that its row keeps its rank.
 * Rows without any score stand last; equal rows by bed, so that the order is total.
 */
export function rankRows(rows: readonly Rankable[]): Map<string, number> {
  const sorted = rows.toSorted((a, b) =>
    band(a) - band(b)
    || (a.waitingSince ?? 0) - (b.waitingSince ?? 0)
    || (b.probability ?? -1) - (a.probability ?? -1)
    || a.bed.localeCompare(b.bed, 'en', { numeric: true })
    || (a.stayId < b.stayId ? -1 : 1));
  return new Map(sorted.map((row, index) => [row.stayId, index]));
}

function band(row: Rankable): number {
  if (row.waitingSince !== null) return 0;
  return row.rising ? 1 : 2;
}
