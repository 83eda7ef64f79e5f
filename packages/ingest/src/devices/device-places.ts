import type { Sql } from '@primum/store';

export type DevicePlaces = ReadonlyMap<string, { keepEveryS: number; /** Whose it was at that time; undefined where nobody's. */ patientAt(at: number): string | undefined }>;

type Row = { id: string; keep_every_s: number; from_at: Date | null; until_at: Date | null; patient_id: string | null };

/** Of these devices those that are registered, and on whom each was when. */
export async function readPlaces(sql: Sql, tenant: number, deviceIds: readonly string[]): Promise<DevicePlaces> {
  const rows = await sql.query<Row>(`
    select d.id, d.keep_every_s, a.from_at, a.until_at, a.patient_id
    from device d left join device_association a on a.tenant = d.tenant and a.device_id = d.id
    where d.tenant = $1 and d.id = any($2::uuid[])`, [tenant, deviceIds]);
  return new Map([...Map.groupBy(rows, ({ id }) => id)].map(([id, periods]) => [id, {
    keepEveryS: periods[0]?.keep_every_s ?? 0,
    patientAt: (at) => periods.find(({ from_at, until_at }) => from_at !== null && at >= from_at.getTime() && (until_at === null || at < until_at.getTime()))?.patient_id ?? undefined,
  }]));
}
