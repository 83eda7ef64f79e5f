import type { FeedState } from '@primum/contract';

/** One source of a site, by the site's clock (ms). */
export type FeedInput = { application: string; lastMessageAt: number | null };

type Kind = { name: string; silentAfterMinutes: number; feedsScores: boolean };

/**
 * After how long without a message a feed counts as silent, by the source's clock. Admissions are rare; monitors and
 * the laboratory of a full unit are not. The kind is read from the application's name (MSH-3), the field's custom.
 */
const kinds: readonly (Kind & { match: RegExp })[] = [
  { match: /mon|vital|device/i, name: 'monitors', silentAfterMinutes: 15, feedsScores: true },
  { match: /lab|lis/i, name: 'labs', silentAfterMinutes: 20, feedsScores: true },
  { match: /adt|ward|pas|his|ehr/i, name: 'admissions', silentAfterMinutes: 24 * 60, feedsScores: false },
];

export function feedState(feed: FeedInput, now: number, withheld: number): FeedState {
  const kind = kinds.find(({ match }) => match.test(feed.application)) ?? { name: feed.application, silentAfterMinutes: 60, feedsScores: true };
  if (feed.lastMessageAt === null) {
    return { source: feed.application, state: 'never', lastMessageAt: null, silentMinutes: null, text: `${kind.name}: no message yet` };
  }
  const silentMinutes = Math.max(0, Math.floor((now - feed.lastMessageAt) / 60_000));
  const silent = silentMinutes >= kind.silentAfterMinutes;
  const consequence = silent && kind.feedsScores && withheld > 0 ? `: ${withheld} ${withheld === 1 ? 'score' : 'scores'} withheld` : '';
  return {
    source: feed.application,
    state: silent ? 'silent' : 'live',
    lastMessageAt: new Date(feed.lastMessageAt).toISOString(),
    silentMinutes: silent ? silentMinutes : null,
    text: silent ? `${kind.name} silent ${duration(silentMinutes)}${consequence}` : `${kind.name} live`,
  };
}

function duration(minutes: number): string {
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} days`;
}
