import { zoneOffset } from '@primum/formats';
import type { ValidationPolicy } from '@primum/record';
import type { Sql } from '@primum/store';
import type { Source } from './source.ts';

type Row = { id: number; site_id: number; application: string; facility: string; mapping: string; utc_offset_minutes: number; time_zone: string | null; validation: ValidationPolicy };

/** The registered sources, kept in memory; a name that is not there is looked for again, at most every `retryMs`, and what was changed is known some seconds later. */
export type SourceDirectory = {
  find(application: string, facility: string): Source | undefined | Promise<Source | undefined>;
  byId(id: number): Source | undefined | Promise<Source | undefined>;
};

export function createSourceDirectory({ db, now }: { db: Sql; now: () => number }, tenant: number, retryMs = 500): SourceDirectory {
  let byName = new Map<string, Source>();
  let byNumber = new Map<number, Source>();
  let loadedAt = -Infinity;
  let loading: Promise<void> | undefined;
  const nameOf = (application: string, facility: string): string => `${application}\u0000${facility}`;

  const load = async (): Promise<void> => {
    const rows = await db.query<Row>('select id, site_id, application, facility, mapping, utc_offset_minutes, time_zone, validation from source where tenant = $1', [tenant]);
    const sources = rows.map((row): Source => ({
      id: row.id, siteId: row.site_id, application: row.application, facility: row.facility, mapping: row.mapping, utcOffset: row.time_zone === null ? row.utc_offset_minutes : zoneOffset(row.time_zone),
      validation: row.validation,
    }));
    byName = new Map(sources.map((source) => [nameOf(source.application, source.facility), source]));
    byNumber = new Map(sources.map((source) => [source.id, source]));
    loadedAt = now();
  };
  const reload = (): Promise<void> => {
    if (loading === undefined && now() - loadedAt < retryMs) return Promise.resolve();
    loading ??= load().finally(() => { loading = undefined; });
    return loading;
  };
  const refresh = (): void => {
    if (now() - loadedAt > 10 * retryMs) reload().catch(() => undefined); // the next call tries again
  };
  return {
    find: (application, facility) => {
      refresh();
      const name = nameOf(application, facility);
      return byName.get(name) ?? reload().then(() => byName.get(name));
    },
    byId: (id) => {
      refresh();
      return byNumber.get(id) ?? reload().then(() => byNumber.get(id));
    },
  };
}
