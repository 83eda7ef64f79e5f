import { hourMs, lastIndexAt, type CodeSeries } from '../timeline/code-series.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { latestHour } from './aggregate.ts';
import type { Evaluation } from './evaluate-features.ts';
import type { Feature, FeatureGroup, FeatureSet } from './feature-set.ts';

/** What a person is shown of one input: a missing one is a group of its own, whatever the feature is about. */
export type FeatureDescription = {
  name: string;
  label: string;
  unit: string;
  precision: number;
  group: FeatureGroup | 'missing';
  value: number | null;
  /** When the latest fact behind the value was effective; null where there is none. */
  effectiveAt: number | null;
  ageHours: number | null;
  /** Keys of the facts that the value rests on, the latest first; at most `maxKeys`. */
  keys: string[];
};

const maxKeys = 64;

/** For each feature of an evaluation: the value, its age and the facts behind it. Call right after the evaluation, on the same timeline. */
export function describeFeatures(featureSet: FeatureSet, timeline: Timeline, evaluation: Evaluation): FeatureDescription[] {
  return featureSet.features.map((feature, index) => {
    const value = evaluation.values[index]!;
    const source = sourceFacts(feature, timeline, evaluation);
    return {
      name: feature.name,
      label: feature.label,
      unit: feature.unit,
      precision: feature.precision,
      group: Number.isNaN(value) ? 'missing' : feature.group,
      value: Number.isNaN(value) ? null : value,
      effectiveAt: source.effectiveAt,
      ageHours: source.effectiveAt === null ? null : (evaluation.at - source.effectiveAt) / hourMs,
      keys: source.keys,
    };
  });
}

function sourceFacts(feature: Feature, timeline: Timeline, { hour, at }: Evaluation): { effectiveAt: number | null; keys: string[] } {
  const found: { effectiveAt: number | null; keys: string[] } = { effectiveAt: null, keys: [] };
  if (hour === 0) return found;
  for (const code of [feature.code, feature.over]) {
    const series = code === undefined ? undefined : timeline.series.get(code);
    if (series === undefined) continue;
    const from = feature.aggregate === 'admission' ? Number.NEGATIVE_INFINITY : firstInstant(feature, series, hour);
    for (let index = lastIndexAt(series, at); index >= 0 && found.keys.length < maxKeys; index -= 1) {
      const effectiveAt = series.times[index]!;
      if (effectiveAt < from) break;
      found.effectiveAt = Math.max(found.effectiveAt ?? Number.NEGATIVE_INFINITY, effectiveAt);
      found.keys.push(series.keys[index]!);
      if (feature.aggregate === 'admission') break;
    }
  }
  return found;
}

/** Start (just after, in whole ms) of the earliest hour that the feature read. */
function firstInstant(feature: Feature, series: CodeSeries, hour: number): number {
  const latest = latestHour(series, hour);
  if (latest === 0) return Number.POSITIVE_INFINITY;
  const first = feature.windowHours === undefined ? latest : Math.max(1, hour - feature.windowHours + 1);
  return series.admittedAt + (first - 1) * hourMs + (first === 1 ? 0 : 1);
}
