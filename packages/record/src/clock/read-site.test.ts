import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Db } from '@primum/store';
import { createTestDatabase } from '@primum/store/testing';
import { readSites, writeSiteClock } from './read-site.ts';
import { advanceSiteClock, siteNow } from './site-clock.ts';

let db: Db;
let drop: () => Promise<void>;
beforeAll(async () => { ({ db, drop } = await createTestDatabase()); });
afterAll(() => drop());

it('keeps a clock, and lets no late writer set it back', async () => {
  await db.query("insert into site (tenant, code, name, clock_rate, simulated) values (1, 'icu', 'ICU', 60, true)", []);
  const [site] = await readSites(db, 1);
  const wall = Date.UTC(2026, 0, 1);
  const early = advanceSiteClock(site!.clock, 1_000_000, wall);
  const late = advanceSiteClock(early, 2_000_000, wall + 1_000);
  await writeSiteClock(db, 1, site!.id, late);
  await writeSiteClock(db, 1, site!.id, early);
  const [stored] = await readSites(db, 1, [site!.id]);
  expect(stored).toEqual({ id: site!.id, code: 'icu', name: 'ICU', clock: late });
  expect(siteNow(stored!.clock, wall + 2_000)).toBe(2_060_000);
});
