import { appendFacts, createTimeline, type Timeline } from '@primum/datasets';
import type { Fact } from '@primum/record';
import { addFacts, noFacts, type FactsDigest } from './facts-digest.ts';

/** What is remembered of one patient: all facts of the group (a root and what was merged into it) known at `seq`. */
export type CachedTimeline = {
  timeline: Timeline;
  /** Everything with a seq at or below this one is in the timeline. */
  seq: number;
  /** The ids whose facts it holds, sorted and joined: a merge or its undoing changes it, and then it is read anew. */
  group: string;
  /** Of all rows, brought up to date in place. */
  digest: FactsDigest;
  rows: number;
};

export type TimelineCache = {
  get(rootId: string): CachedTimeline | undefined;
  /** Takes rows newer than the cached ones, or all rows where nothing is cached for the group. */
  put(rootId: string, read: { group: string; seq: number; rows: readonly Fact[]; whole: boolean }): CachedTimeline;
  forget(rootId: string): void;
};

/**
 * Timelines by root patient, least recently used out first, bounded by rows. `digests`: keep that of the rows
 * too, which a reader that makes no predictions can do without. Facts are append-only and a timeline
 * depends on its set of rows only, so that one brought up to date equals one read from scratch.
 */
export function createTimelineCache(options: { maxRows: number; digests: boolean }): TimelineCache {
  const byRoot = new Map<string, CachedTimeline>();
  let total = 0;

  const forget = (rootId: string): void => {
    total -= byRoot.get(rootId)?.rows ?? 0;
    byRoot.delete(rootId);
  };

  return {
    forget,
    get(rootId) {
      const cached = byRoot.get(rootId);
      if (cached === undefined) return undefined;
      byRoot.delete(rootId);
      byRoot.set(rootId, cached); // a Map keeps the order of insertion: the first is the least recently used
      return cached;
    },
    put(rootId, read) {
      const cached = byRoot.get(rootId);
      const base = cached !== undefined && cached.group === read.group && !read.whole ? cached : undefined;
      forget(rootId);
      const next: CachedTimeline = base ?? { timeline: createTimeline(), seq: 0, group: read.group, digest: noFacts(), rows: 0 };
      appendFacts(next.timeline, read.rows);
      if (options.digests) addFacts(next.digest, read.rows);
      next.seq = Math.max(next.seq, read.seq);
      next.rows += read.rows.length;
      byRoot.set(rootId, next);
      total += next.rows;
      for (const oldest of byRoot.keys()) {
        if (total <= options.maxRows || oldest === rootId) break;
        forget(oldest);
      }
      return next;
    },
  };
}
