import type { Sql } from '@primum/store';
import type { SiteClock } from './site-clock.ts';

export type Site = { id: number; code: string; name: string; clock: SiteClock };

type Row = {
  id: number; code: string; name: string; clock_rate: number; simulated: boolean;
  anchor_source_at: Date | null; anchor_wall_at: Date | null; proposed_source_at: Date | null;
};

/** The sites of a tenant with their clocks; some of them, or all. */
export async function readSites(sql: Sql, tenant: number, ids?: readonly number[]): Promise<Site[]> {
  const rows = await sql.query<Row>(
    `select id, code, name, clock_rate, simulated, anchor_source_at, anchor_wall_at, proposed_source_at
     from site where tenant = $1 and ($2::int[] is null or id = any($2)) order by id`,
    [tenant, ids ?? null],
  );
  const ms = (at: Date | null): number | null => at?.getTime() ?? null;
  return rows.map((row) => ({
    id: row.id,
    code: row.code,
    name: row.name,
    clock: {
      rate: row.clock_rate, simulated: row.simulated,
      anchorSourceAt: ms(row.anchor_source_at), anchorWallAt: ms(row.anchor_wall_at), proposedSourceAt: ms(row.proposed_source_at),
    },
  }));
}

/**
 * Stores a site's clock. Appliers of the same site overtake each other: the row takes an anchor only when the clock is
 * not behind the one that stands there, so that it never goes backwards.
 */
export async function writeSiteClock(tx: Sql, tenant: number, siteId: number, clock: SiteClock): Promise<void> {
  const date = (at: number | null): Date | null => (at === null ? null : new Date(at));
  await tx.query(`
    update site set anchor_source_at = $3, anchor_wall_at = $4, proposed_source_at = $5
    where tenant = $1 and id = $2 and (anchor_source_at is null
      or $3::timestamptz >= anchor_source_at + greatest(interval '0', $4::timestamptz - anchor_wall_at) * clock_rate)`,
  [tenant, siteId, date(clock.anchorSourceAt), date(clock.anchorWallAt), date(clock.proposedSourceAt)]);
}
