import type { WorklistRow } from '@primum/contract';

export type RowChoice = { order: 'rank' | 'bed'; mine: boolean; text: string };

/** The rows that a reader asked to see, in the order asked for. `me` are the names that an alert's owner may carry. */
export function chooseRows(rows: readonly WorklistRow[], choice: RowChoice, me: readonly string[]): WorklistRow[] {
  const wanted = choice.text.trim().toLowerCase();
  return rows
    .filter((row) => !choice.mine || (row.alert?.owner !== undefined && row.alert.owner !== null && me.includes(row.alert.owner)))
    .filter((row) => wanted === '' || [row.bed, row.identity.name, row.identity.mrn].some((text) => text.toLowerCase().includes(wanted)))
    .sort(choice.order === 'bed' ? byBed : byRank);
}

const byRank = (a: WorklistRow, b: WorklistRow): number => a.rank - b.rank || byBed(a, b);
const beds = new Intl.Collator('en', { numeric: true });
/** "Bed 2" before "Bed 10". */
const byBed = (a: WorklistRow, b: WorklistRow): number => beds.compare(a.ward, b.ward) || beds.compare(a.bed, b.bed);
