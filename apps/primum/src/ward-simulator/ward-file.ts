import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What makes a home's ward: kept, so that a second start goes on with the same patients. */
export type WardFile = { seed: number; epoch: number };

const hourMs = 3_600_000;

/** Every home shows the same ward. */
export const demonstrationSeed = 20_190_801;

export function wardOf(home: string, now: Date): WardFile {
  const path = join(home, 'ward.json');
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as WardFile; // written below
  // The ward lives in the evening of the day on which it was made, at a full hour.
  const made: WardFile = { seed: demonstrationSeed, epoch: Math.floor(now.getTime() / hourMs) * hourMs };
  writeFileSync(path, JSON.stringify(made));
  return made;
}
