/**
 * When a feed is silent for too long. A feed has a rhythm: few messages at night, none at the weekend, or one an hour on
 * the dot. Silence is therefore measured in messages that were expected within it (time rescaled by the rate of each hour of the
 * week, as for a Poisson process), and compared with the longest gaps of the last days on the same scale: a night
 * without messages expects none and never alarms, a busy noon does within minutes. All pure; times in milliseconds, UTC.
 */
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;
const hoursOfWeek = 168;
const weeksToTrustWeekdays = 2;
const daysToLearn = 2;
const gapsKept = 28;
/** With fewer days, silence is at least this many expected messages: a gap of a Poisson process is longer once in 20,000. */
const daysToBeSure = 7;
const leastExpected = 10;
/** Of the days' longest gaps, how many are taken for outages: one in ten. */
const outageShare = 0.1;
const longestWalkHours = 24 * 21;

/** Messages per hour that are usual in each hour of the week. */
export type Rhythm = { rates: readonly number[]; /** Whole days that were seen. */ days: number };

/**
 * Learns rates from counts of hours (`hour` the start of each, hours without messages may be left out) seen since
 * `sinceMs`. With less than two weeks a day is like any other. A burst (a reload) counts as no more than four times the hour's median.
 */
export function learnRhythm(counts: readonly { hour: number; messages: number }[], sinceMs: number, nowMs: number): Rhythm {
  const days = Math.floor((nowMs - sinceMs) / dayMs);
  const first = Math.ceil(sinceMs / hourMs);
  const end = Math.floor(nowMs / hourMs);
  const byHour = new Map(counts.map(({ hour, messages }) => [Math.floor(hour / hourMs), messages]));
  const period = days >= 7 * weeksToTrustWeekdays ? hoursOfWeek : 24;
  const slots: number[][] = Array.from({ length: period }, () => []);
  for (let hour = Math.max(first, end - hoursOfWeek * 8); hour < end; hour += 1) slots[hour % period]?.push(byHour.get(hour) ?? 0);
  const rates = slots.map((seen) => {
    if (seen.length === 0) return 0;
    const most = 4 * median(seen) + 4;
    return seen.reduce((sum, n) => sum + Math.min(n, most), 0) / seen.length;
  });
  return { rates, days };
}

/** Messages that were expected between two moments. */
export function expectedBetween({ rates }: Rhythm, fromMs: number, toMs: number): number {
  let sum = 0;
  let at = Math.max(fromMs, toMs - longestWalkHours * hourMs);
  while (at < toMs) {
    const next = Math.min(toMs, (Math.floor(at / hourMs) + 1) * hourMs);
    sum += (rates[Math.floor(at / hourMs) % rates.length] ?? 0) * (next - at) / hourMs;
    at = next;
  }
  return sum;
}

/**
 * The longest gaps of the days after one more day; empty while rates are not known well. When weekdays become known, the gaps that
 * were measured as if a Sunday were a Monday are forgotten.
 */
export function gapsAfterDay(rhythm: Rhythm, worst: readonly number[], longest: number): number[] {
  if (rhythm.days < daysToLearn) return [];
  const comparable = rhythm.days >= 7 * weeksToTrustWeekdays ? rhythm.days - 7 * weeksToTrustWeekdays : gapsKept;
  return [...worst.slice(-gapsKept + 1), longest].slice(-Math.min(gapsKept, Math.max(1, comparable)));
}

export type SilenceOptions = { times: number; coldStartMinutes: number; leastMinutes: number };

/**
 * From when a feed that was heard last at `lastMs` is silent for too long; null where it can't be said within three weeks.
 * Learned: `times` the longest usual gap, which leaves out the longest tenth of the days, so that an outage teaches nothing.
 * Before gaps of two days are known: the cold start's fixed time.
 */
export function alarmAt(rhythm: Rhythm, worst: readonly number[], lastMs: number, { times, coldStartMinutes, leastMinutes }: SilenceOptions): number | null {
  if (worst.length < daysToLearn) return lastMs + coldStartMinutes * 60_000;
  const usual = [...worst].sort((a, b) => b - a)[Math.ceil((worst.length - 2) * outageShare)] ?? 0;
  const allowed = Math.max(usual * times, worst.length < daysToBeSure ? leastExpected : times);
  let left = allowed;
  let at = lastMs;
  for (let hours = 0; hours < longestWalkHours; hours += 1) {
    const next = (Math.floor(at / hourMs) + 1) * hourMs;
    const rate = (rhythm.rates[Math.floor(at / hourMs) % rhythm.rates.length] ?? 0) / hourMs;
    if (rate * (next - at) >= left) return Math.max(at + left / rate, lastMs + leastMinutes * 60_000);
    left -= rate * (next - at);
    at = next;
  }
  return null;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
