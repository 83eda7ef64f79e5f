import type { Sql } from '@primum/store';
import type { TrendPoint } from './trend.ts';

export type StoredPoint = TrendPoint & { predictionId: string; tier: string; trigger: string; modelDigest: string };

type Row = { stay_id: string; id: string; as_of: Date; status: string; probability: number | null; tier: string; trigger: string; model_digest: Buffer };

/** Per stay and hour the last outcome that was made, oldest first, from an instant on (ms, source's clock). */
export async function readTrends(sql: Sql, tenant: number, stays: readonly { stayId: string; from: number }[]): Promise<Map<string, StoredPoint[]>> {
  const rows = await sql.query<Row>(
    `select distinct on (p.stay_id, p.as_of) p.stay_id, p.id, p.as_of, p.status, p.probability, p.tier, p.trigger, p.model_digest
     from unnest($2::uuid[], $3::timestamptz[]) as w (stay_id, since)
     join prediction p on p.tenant = $1 and p.stay_id = w.stay_id and p.as_of >= w.since
     order by p.stay_id, p.as_of, p.id desc`,
    [tenant, stays.map(({ stayId }) => stayId), stays.map(({ from }) => new Date(from))],
  );
  const trends = new Map<string, StoredPoint[]>(stays.map(({ stayId }) => [stayId, []]));
  for (const row of rows) {
    trends.get(row.stay_id)?.push({
      predictionId: row.id, asOf: row.as_of.getTime(), status: row.status, probability: row.probability,
      tier: row.tier, trigger: row.trigger, modelDigest: row.model_digest.toString('hex'),
    });
  }
  return trends;
}
