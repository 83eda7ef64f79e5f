/**
 * All current numeric facts of one code, sorted by (effectiveAt, seq), with an index by hour since an ICU admission.
 *
 * Hour h holds what was effective in (admission + (h − 1) h, admission + h h]; the admission's own instant belongs to
 * hour 1. The value of an hour is the median of its facts, as in the training data (PhysioNet/CinC Challenge 2019:
 * several measurements in an hour are summarised by their median), so that a monitor that sends each minute and one
 * that sends each hour feed the same quantity. What was effective before the ICU admission is not in the index.
 */
export const hourMs = 3_600_000;

/** A stay longer than this many hours (one year) is not scored: the index is bounded. */
export const maxIcuHours = 8_784;

export type CodeSeries = {
  times: number[];
  seqs: number[];
  values: number[];
  keys: string[];
  /** The index, by hour (0 is unused): the hour's median or NaN, its latest effectiveAt or NaN. */
  admittedAt: number;
  medians: number[];
  lastAts: number[];
  /** The latest hour ≤ h that has a value, 0 where none has. */
  lastHours: number[];
  /** Number of hours ≤ h that have a value. */
  measured: number[];
  /** The index is right for hours below this one. */
  dirtyFromHour: number;
};

export function createCodeSeries(): CodeSeries {
  return {
    times: [], seqs: [], values: [], keys: [],
    admittedAt: Number.NaN, medians: [], lastAts: [], lastHours: [], measured: [], dirtyFromHour: 1,
  };
}

export function insertValue(series: CodeSeries, fact: { key: string; effectiveAt: number; seq: number }, value: number): void {
  const { times, seqs } = series;
  let at = times.length;
  while (at > 0 && (times[at - 1]! > fact.effectiveAt || (times[at - 1]! === fact.effectiveAt && seqs[at - 1]! > fact.seq))) at -= 1;
  if (at === times.length) {
    times.push(fact.effectiveAt);
    seqs.push(fact.seq);
    series.values.push(value);
    series.keys.push(fact.key);
  } else {
    times.splice(at, 0, fact.effectiveAt);
    seqs.splice(at, 0, fact.seq);
    series.values.splice(at, 0, value);
    series.keys.splice(at, 0, fact.key);
  }
  markDirty(series, fact.effectiveAt);
}

export function removeValue(series: CodeSeries, fact: { key: string; effectiveAt: number }): void {
  for (let at = firstAfter(series.times, fact.effectiveAt) - 1; at >= 0 && series.times[at] === fact.effectiveAt; at -= 1) {
    if (series.keys[at] !== fact.key) continue;
    series.times.splice(at, 1);
    series.seqs.splice(at, 1);
    series.values.splice(at, 1);
    series.keys.splice(at, 1);
    markDirty(series, fact.effectiveAt);
    return;
  }
}

/** Position of the last fact effective at or before `at`, −1 where there is none. */
export function lastIndexAt(series: CodeSeries, at: number): number {
  return firstAfter(series.times, at) - 1;
}

/** The hour since ICU admission that an instant belongs to; 0 before the admission. */
export function hourOf(admittedAt: number, at: number): number {
  return at < admittedAt ? 0 : Math.max(1, Math.ceil((at - admittedAt) / hourMs));
}

/** Brings the hourly index up to date; costs the hours and facts from the first changed hour on. */
export function indexByHour(series: CodeSeries, admittedAt: number): void {
  if (series.admittedAt !== admittedAt) {
    series.admittedAt = admittedAt;
    series.dirtyFromHour = 1;
  }
  const { times, values, medians, lastAts, lastHours, measured } = series;
  const count = times.length;
  const last = count === 0 ? 0 : Math.min(hourOf(admittedAt, times[count - 1]!), maxIcuHours);
  if (series.dirtyFromHour > last && medians.length === last + 1) return;
  const from = Math.max(1, Math.min(series.dirtyFromHour, medians.length));
  medians.length = lastAts.length = lastHours.length = measured.length = last + 1;
  medians[0] = lastAts[0] = Number.NaN;
  lastHours[0] = measured[0] = 0;
  let next = from === 1 ? firstAtOrAfter(times, admittedAt) : firstAfter(times, admittedAt + (from - 1) * hourMs);
  for (let hour = from; hour <= last; hour += 1) {
    const start = next;
    const end = admittedAt + hour * hourMs;
    while (next < count && times[next]! <= end) next += 1;
    const has = next > start;
    medians[hour] = has ? median(values, start, next) : Number.NaN;
    lastAts[hour] = has ? times[next - 1]! : Number.NaN;
    lastHours[hour] = has ? hour : lastHours[hour - 1]!;
    measured[hour] = measured[hour - 1]! + (has ? 1 : 0);
  }
  series.dirtyFromHour = last + 1;
}

/** Median of values[start, end): the mean of the middle two where their number is even. */
function median(values: readonly number[], start: number, end: number): number {
  if (end - start === 1) return values[start]!;
  const sorted = values.slice(start, end).sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function markDirty(series: CodeSeries, effectiveAt: number): void {
  if (Number.isNaN(series.admittedAt) || effectiveAt < series.admittedAt) return;
  series.dirtyFromHour = Math.min(series.dirtyFromHour, hourOf(series.admittedAt, effectiveAt));
}

function firstAfter(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function firstAtOrAfter(times: readonly number[], at: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
