import { zoneOffset } from '@primum/formats';
import type { ValidationPolicy } from '@primum/record';
import type { Db } from '@primum/store';

export type SourceRegistration = {
  tenant: number;
  /** MSH-3 and MSH-4. */
  application: string;
  facility: string;
  siteCode: string;
  siteName: string;
  /** Id of a mapping table. */
  mapping: string;
  /** Of the site's clock to the machine's: 1 live, 60 for a ward at 60×, 0 for a clock that only messages move. */
  clockRate?: number;
  simulated?: boolean;
  utcOffsetMinutes?: number;
  /** IANA zone (`Europe/Vienna`) of times that name no offset; goes before the offset. Throws config.invalid. */
  timeZone?: string;
  /** What becomes of messages that make resources which are not valid FHIR; as it was where absent, at first 'accept'. */
  validation?: ValidationPolicy;
};

/** Registers a sender and its site, or changes what is registered. The site's clock keeps its anchor. */
export async function registerSource(db: Db, registration: SourceRegistration): Promise<{ sourceId: number; siteId: number }> {
  const { tenant, application, facility, siteCode, siteName, mapping, clockRate = 1, simulated = false, utcOffsetMinutes = 0, timeZone, validation } = registration;
  if (timeZone !== undefined) zoneOffset(timeZone);
  return db.transaction(async (tx) => {
    const [site] = await tx.query<{ id: number }>(`
      insert into site (tenant, code, name, clock_rate, simulated) values ($1, $2, $3, $4, $5)
      on conflict (tenant, code) do update set name = excluded.name, clock_rate = excluded.clock_rate, simulated = excluded.simulated
      returning id`, [tenant, siteCode, siteName, clockRate, simulated]);
    const [source] = await tx.query<{ id: number }>(`
      insert into source (tenant, site_id, application, facility, mapping, utc_offset_minutes, time_zone, validation) values ($1, $2, $3, $4, $5, $6, $7, coalesce($8, 'accept'))
      on conflict (tenant, application, facility) do update
        set site_id = excluded.site_id, mapping = excluded.mapping, utc_offset_minutes = excluded.utc_offset_minutes, time_zone = excluded.time_zone, validation = coalesce($8, source.validation)
      returning id`, [tenant, site?.id, application, facility, mapping, utcOffsetMinutes, timeZone ?? null, validation ?? null]);
    return { sourceId: source?.id ?? 0, siteId: site?.id ?? 0 };
  });
}
