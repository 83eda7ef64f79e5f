import type { Reading, Series } from '@primum/contract';
import type { CodeTable, Fact } from '@primum/record';
import type { RefreshedTimeline } from '../scoring/read-timelines.ts';
import { displayUnit } from './display-unit.ts';
import type { BoundedMap } from './bounded-map.ts';

const hourMs = 3_600_000;
/** A vital sign is old after two hours, a laboratory value after a day, by the site's clock. */
const staleAfterMs = { 'vital-signs': 2 * hourMs, laboratory: 24 * hourMs, demographic: Number.POSITIVE_INFINITY, encounter: Number.POSITIVE_INFINITY } as const;

/** The last word on each code of one patient, missing and flagged ones included; `of` is the timeline it was read from. */
export type LatestFacts = { of: RefreshedTimeline['timeline']; byCode: Map<string, Fact> };

/** Brought up to date from what came new; a correction makes the code be looked at anew. */
export function latestFacts(cache: BoundedMap<LatestFacts>, rootId: string, { timeline, news }: RefreshedTimeline): Map<string, Fact> {
  const cached = cache.get(rootId);
  const known = cached?.of === timeline ? cached : undefined;
  const byCode = known?.byCode ?? new Map<string, Fact>();
  if (known === undefined) {
    for (const fact of timeline.current.values()) consider(byCode, fact);
    cache.set(rootId, { of: timeline, byCode });
    return byCode;
  }
  const again = new Set<string>();
  for (const fact of news) {
    const latest = byCode.get(fact.code);
    if (fact.status === 'retracted' || fact.status === 'corrected' || latest?.key === fact.key) again.add(fact.code);
    else consider(byCode, timeline.current.get(fact.key) ?? fact);
  }
  if (again.size > 0) {
    for (const code of again) byCode.delete(code);
    for (const fact of timeline.current.values()) if (again.has(fact.code)) consider(byCode, fact);
  }
  return byCode;
}

function consider(byCode: Map<string, Fact>, fact: Fact): void {
  if (fact.status === 'retracted') return;
  const latest = byCode.get(fact.code);
  if (latest === undefined || fact.effectiveAt > latest.effectiveAt || (fact.effectiveAt === latest.effectiveAt && fact.seq > latest.seq)) byCode.set(fact.code, fact);
}

/** As the source sent it: its own precision, its age on the source's clock. null where the code was never measured. */
export function readingOf(codes: CodeTable, fact: Fact | undefined, now: number): Reading | null {
  const entry = fact === undefined ? undefined : codes.byCode.get(fact.code);
  if (fact === undefined || entry === undefined) return null;
  const ageMs = Math.max(0, now - fact.effectiveAt);
  return {
    code: fact.code,
    label: entry.short,
    unit: displayUnit(entry.unit),
    text: fact.value === null ? null : fact.text ?? fact.value.toFixed(entry.precision),
    value: fact.value,
    at: new Date(fact.effectiveAt).toISOString(),
    ageMinutes: Math.floor(ageMs / 60_000),
    stale: ageMs > staleAfterMs[entry.category],
    corrected: fact.status === 'corrected',
    flag: fact.flag ?? null,
  };
}

const maxPoints = 600;

/** One code over a span, flagged and corrected points kept; a dense series keeps the last point of each of 600 parts. */
export function seriesOf(codes: CodeTable, code: string, facts: readonly Fact[], from: number, to: number): Series | null {
  const entry = codes.byCode.get(code);
  if (entry === undefined) return null;
  const inside = facts.filter((fact) => fact.code === code && fact.status !== 'retracted' && fact.effectiveAt >= from && fact.effectiveAt <= to)
    .toSorted((a, b) => a.effectiveAt - b.effectiveAt || a.seq - b.seq);
  const part = (fact: Fact): number => Math.floor(((fact.effectiveAt - from) / Math.max(1, to - from)) * maxPoints);
  const kept = inside.length <= maxPoints ? inside
    : inside.filter((fact, index) => fact.flag !== undefined || fact.status === 'corrected' || index === inside.length - 1 || part(fact) !== part(inside[index + 1]!));
  return {
    code,
    label: entry.short,
    unit: displayUnit(entry.unit),
    kind: entry.category === 'laboratory' ? 'laboratory' : 'vital',
    points: kept.map((fact) => ({ at: new Date(fact.effectiveAt).toISOString(), value: fact.value, corrected: fact.status === 'corrected', flag: fact.flag ?? null })),
  };
}
