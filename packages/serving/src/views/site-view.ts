import type { SiteView } from '@primum/contract';
import { readSites, siteNow, type Site } from '@primum/record';
import { feedState, type FeedInput } from './feed-state.ts';
import type { ViewDeps } from './view-deps.ts';

/** A site as the pages look at it. `now` in whole ms by its clock. */
export type SiteAtHand = { site: Site; now: number; feeds: FeedInput[] };

export async function readSite(deps: ViewDeps, which: { code?: string | undefined; id?: number }): Promise<{ at: SiteAtHand | null; sites: Site[] }> {
  const { db, tenant, clock } = deps;
  const sites = await readSites(db, tenant);
  const site = which.id !== undefined ? sites.find(({ id }) => id === which.id)
    : which.code === undefined ? sites[0] : sites.find(({ code }) => code === which.code);
  if (site === undefined) return { at: null, sites };
  const feeds = await db.query<{ application: string; last_message_at: Date | null }>(
    'select application, last_message_at from source where tenant = $1 and site_id = $2 order by id', [tenant, site.id],
  );
  return {
    at: {
      site,
      now: Math.floor(siteNow(site.clock, clock.now().getTime())),
      feeds: feeds.map(({ application, last_message_at }) => ({ application, lastMessageAt: last_message_at?.getTime() ?? null })),
    },
    sites,
  };
}

export function siteView({ site, now, feeds }: SiteAtHand, withheld: number): SiteView {
  return {
    code: site.code, name: site.name, now: new Date(now).toISOString(), clockRate: site.clock.rate, simulated: site.clock.simulated,
    feeds: feeds.map((feed) => feedState(feed, now, withheld)),
  };
}

/** Before any site is known. */
export function noSite(wall: Date): SiteView {
  return { code: '', name: 'No site yet', now: wall.toISOString(), clockRate: 1, simulated: false, feeds: [] };
}
