import type { Sql } from '@primum/store';

/** The intake epochs on which messages still rest: waiting, in quarantine or discarded. For `retireIntakeEpochs`. */
export async function intakeEpochsInUse(sql: Sql, tenant: number): Promise<ReadonlySet<string>> {
  const rows = await sql.query<{ epoch: string }>(`
    select distinct encode(substring(sealed from 3 for 16), 'hex')::uuid as epoch
    from message where tenant = $1 and status in ('received', 'quarantined', 'discarded') and get_byte(sealed, 1) = 3`, [tenant]);
  return new Set(rows.map(({ epoch }) => epoch));
}
