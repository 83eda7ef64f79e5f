import { hourMs, indexByHour, lastIndexAt, maxIcuHours, type CodeSeries } from '../timeline/code-series.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { hoursMeasured, hoursSince, lastValue, latestHour, windowValue } from './aggregate.ts';
import { encounterCodes } from './encounter-codes.ts';
import type { FeatureSet } from './feature-set.ts';

/** Why a patient is outside the intended use at this moment; the first two are no facts and are said by who scores. */
export type IneligibleReason =
  | 'objected' | 'restricted'
  | 'not-in-icu' | 'no-completed-hour' | 'stay-too-long' | 'age-unknown' | 'under-age' | 'dead' | 'comfort-care';

export type Evaluation = {
  /** Completed hours since ICU admission (0: none yet, or not in the ICU). */
  hour: number;
  /** End of that hour, ms since the epoch by the source's clock; NaN without an ICU admission. */
  at: number;
  /** One per feature, in the set's order; NaN = missing. All NaN where `hour` is 0. */
  values: Float32Array;
  eligible: { ok: true } | { ok: false; reasons: IneligibleReason[] };
  /** Required inputs that are too old (`ageHours`) or absent (null); a score is withheld for them. */
  required: { ok: true } | { ok: false; missing: { label: string; ageHours: number | null; maxAgeHours: number }[] };
};

/**
 * The features of a patient at `asOf` (ms since the epoch, source's clock): those of the last completed hour since
 * ICU admission, from facts effective up to its end and known to the timeline. Eligibility (dead, comfort care, no
 * longer in the ICU) is that of `asOf` itself. The same facts give the same bits, in whatever order they came.
 */
export function evaluateFeatures(featureSet: FeatureSet, timeline: Timeline, asOf: number): Evaluation {
  const stay = icuStayAt(timeline, asOf);
  const hour = stay === null ? 0 : Math.min(Math.floor((asOf - stay.admittedAt) / hourMs), maxIcuHours);
  const values = new Float32Array(featureSet.features.length).fill(Number.NaN);
  const eligible = eligibility(featureSet, timeline, asOf, stay, hour);
  if (stay === null || hour === 0) return { hour: 0, at: stay === null ? Number.NaN : stay.admittedAt, values, eligible, required: requiredInputs(featureSet, timeline, 0) };
  const at = stay.admittedAt + hour * hourMs;
  for (const input of featureSet.required) for (const code of input.anyOf) indexed(timeline, code, stay.admittedAt);
  const series = featureSet.codes.map((code) => indexed(timeline, code, stay.admittedAt));
  const { features, codeIndex, overIndex } = featureSet;
  for (let index = 0; index < features.length; index += 1) {
    const feature = features[index]!;
    const of = series[codeIndex[index]!];
    switch (feature.aggregate) {
      case 'last': values[index] = lastValue(of, hour); break;
      case 'min': case 'max': case 'mean': case 'slope': case 'delta':
        values[index] = windowValue(of, hour, feature.windowHours!, feature.aggregate); // these have a window (parsed)
        break;
      case 'hours-since': values[index] = hoursSince(of, hour); break;
      case 'hours-measured': values[index] = hoursMeasured(of, hour, feature.windowHours!); break; // as above
      case 'ratio': {
        const divisor = lastValue(series[overIndex[index]!], hour);
        values[index] = divisor === 0 ? Number.NaN : lastValue(of, hour) / divisor;
        break;
      }
      case 'difference': values[index] = lastValue(of, hour) - lastValue(series[overIndex[index]!], hour); break;
      case 'admission': values[index] = of === undefined ? Number.NaN : (of.values[lastIndexAt(of, at)] ?? Number.NaN); break;
      case 'hours-in-icu': values[index] = hour; break;
      case 'hours-before-icu': values[index] = stay.hoursBefore; break;
    }
  }
  return { hour, at, values, eligible, required: requiredInputs(featureSet, timeline, hour) };
}

/** The ICU stay that contains `asOf`, if any. */
export function icuStayAt(timeline: Timeline, asOf: number): { admittedAt: number; hoursBefore: number } | null {
  const admittedAt = lastTime(timeline, encounterCodes.icuAdmit, asOf);
  if (Number.isNaN(admittedAt) || lastTime(timeline, encounterCodes.icuDischarge, asOf) > admittedAt) return null;
  const hospitalAt = lastTime(timeline, encounterCodes.hospitalAdmit, admittedAt);
  return { admittedAt, hoursBefore: (admittedAt - hospitalAt) / hourMs };
}

function eligibility(featureSet: FeatureSet, timeline: Timeline, asOf: number, stay: { admittedAt: number } | null, hour: number): Evaluation['eligible'] {
  const reasons: IneligibleReason[] = [];
  if (stay === null) reasons.push('not-in-icu');
  else if (hour === 0) reasons.push('no-completed-hour');
  else if (hour >= maxIcuHours) reasons.push('stay-too-long');
  const age = lastFact(timeline, encounterCodes.ageYears, asOf);
  if (Number.isNaN(age)) reasons.push('age-unknown');
  else if (age < featureSet.eligibility.minAgeYears) reasons.push('under-age');
  if (lastFact(timeline, encounterCodes.death, asOf) === 1) reasons.push('dead');
  if (lastFact(timeline, encounterCodes.comfortCare, asOf) === 1) reasons.push('comfort-care');
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons };
}

function requiredInputs(featureSet: FeatureSet, timeline: Timeline, hour: number): Evaluation['required'] {
  const missing = [];
  for (const { label, anyOf, maxAgeHours } of featureSet.required) {
    let ageHours = Number.POSITIVE_INFINITY;
    for (const code of anyOf) {
      const series = timeline.series.get(code);
      if (hour > 0 && latestHour(series, hour) > 0) ageHours = Math.min(ageHours, hoursSince(series, hour));
    }
    if (ageHours > maxAgeHours) missing.push({ label, ageHours: Number.isFinite(ageHours) ? ageHours : null, maxAgeHours });
  }
  return missing.length === 0 ? { ok: true } : { ok: false, missing };
}

function indexed(timeline: Timeline, code: string, admittedAt: number): CodeSeries | undefined {
  const series = timeline.series.get(code);
  if (series !== undefined) indexByHour(series, admittedAt);
  return series;
}

function lastTime(timeline: Timeline, code: string, asOf: number): number {
  const series = timeline.series.get(code);
  return series === undefined ? Number.NaN : (series.times[lastIndexAt(series, asOf)] ?? Number.NaN);
}

function lastFact(timeline: Timeline, code: string, asOf: number): number {
  const series = timeline.series.get(code);
  return series === undefined ? Number.NaN : (series.values[lastIndexAt(series, asOf)] ?? Number.NaN);
}
