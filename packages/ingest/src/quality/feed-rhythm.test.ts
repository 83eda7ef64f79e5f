import { describe, expect, it } from 'vitest';
import { alarmAt, dayMs, expectedBetween, gapsAfterDay, hourMs, learnRhythm, type Rhythm, type SilenceOptions } from './feed-rhythm.ts';

const options: SilenceOptions = { times: 2, coldStartMinutes: 720, leastMinutes: 5 };
const start = Date.UTC(2026, 0, 5); // a Monday

/** The same numbers in each run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** Arrivals of a Poisson process with this rate by moment (messages an hour), at most `top`. */
function poisson(rateAt: (ms: number) => number, top: number, fromMs: number, toMs: number, next: () => number): number[] {
  const times: number[] = [];
  for (let at = fromMs; ;) {
    at += -Math.log(next()) / top * hourMs;
    if (at >= toMs) return times;
    if (next() * top < rateAt(at)) times.push(at);
  }
}

const hourOf = (ms: number): number => Math.floor(ms / hourMs) % 24;
const weekday = (ms: number): boolean => Math.floor((ms - start) / dayMs) % 7 < 5;
const byDay = (ms: number): boolean => hourOf(ms) >= 6 && hourOf(ms) < 22;

/**
 * Runs the watch over arrivals, minute by minute only where something can happen: at each arrival, and at the alarm that
 * the gap before it would have met. False alarms are those before `until`; then the feed falls silent at `until`.
 */
function watch(arrivals: readonly number[], until: number): { falseAlarms: string[]; delayMinutes: number | null } {
  const counts = new Map<number, number>();
  const falseAlarms: string[] = [];
  let worst: number[] = [];
  let today = { day: 0, longest: 0 };
  let rhythm: Rhythm = { rates: [0], days: 0 };
  let learnedAt = -1;
  let last = start;
  const learn = (now: number): void => {
    const hour = Math.floor(now / hourMs);
    if (hour === learnedAt) return;
    learnedAt = hour;
    rhythm = learnRhythm([...counts].map(([at, messages]) => ({ hour: at * hourMs, messages })), start, now);
  };
  for (const at of arrivals.filter((each) => each < until)) {
    learn(last);
    const due = alarmAt(rhythm, worst, last, options);
    if (due !== null && due < at) falseAlarms.push(`day ${Math.floor((last - start) / dayMs)} ${hourOf(last)} h`);
    today.longest = Math.max(today.longest, expectedBetween(rhythm, last, at));
    const day = Math.floor(at / dayMs);
    if (day !== today.day) {
      worst = gapsAfterDay(rhythm, worst, today.longest);
      today = { day, longest: 0 };
    }
    counts.set(Math.floor(at / hourMs), (counts.get(Math.floor(at / hourMs)) ?? 0) + 1);
    last = at;
  }
  learn(last);
  const due = alarmAt(rhythm, worst, last, options);
  return { falseAlarms, delayMinutes: due === null ? null : (due - last) / 60_000 };
}

const days = 42;
const noon = start + (days - 4) * dayMs + 12 * hourMs; // a Thursday
type Planted = { name: string; arrivals: readonly number[]; until: number; /** Minutes within which silence must be seen. */ within: number; /** In six weeks. */ mayAlarm: number };
const next = random(7);
const planted: readonly Planted[] = [
  { name: 'every hundred seconds, day and night', arrivals: Array.from({ length: days * 8_640 / 10 }, (_, n) => start + n * 100_000), until: noon, within: 10, mayAlarm: 0 },
  { name: 'sixty an hour, at random', arrivals: poisson(() => 60, 60, start, noon, next), until: noon, within: 30, mayAlarm: 0 },
  { name: 'by day sixty an hour, at night none', arrivals: poisson((ms) => (byDay(ms) ? 60 : 0), 60, start, noon, next), until: noon, within: 40, mayAlarm: 0 },
  { name: 'by day sixty an hour, at night two', arrivals: poisson((ms) => (byDay(ms) ? 60 : 2), 60, start, noon, next), until: noon, within: 40, mayAlarm: 0 },
  { name: 'weekdays by day, thirty an hour', arrivals: poisson((ms) => (byDay(ms) && weekday(ms) ? 30 : 0), 30, start, noon, next), until: noon, within: 90, mayAlarm: 2 },
  { name: 'a batch of fifty on each hour', arrivals: Array.from({ length: days * 24 * 50 }, (_, n) => start + Math.floor(n / 50) * hourMs + 60_000 + (n % 50) * 100), until: noon, within: 180, mayAlarm: 0 },
  { name: 'one an hour, at random', arrivals: poisson(() => 1, 1, start, noon, next), until: noon, within: 1_200, mayAlarm: 2 },
];

describe('a silent feed', () => {
  it.each(planted)('is told from a quiet one: $name', ({ name, arrivals, until, within, mayAlarm }) => {
    const { falseAlarms, delayMinutes } = watch(arrivals, until);
    process.stdout.write(`${name}: silence seen after ${delayMinutes?.toFixed(1)} min; ${falseAlarms.length} false alarms in ${days - 4} days ${falseAlarms.slice(0, 9).join(', ')}\n`);
    expect(falseAlarms.length).toBeLessThanOrEqual(mayAlarm);
    expect(delayMinutes).not.toBeNull();
    expect(delayMinutes).toBeLessThanOrEqual(within);
  });

  it('is not said of a feed at an hour at which it never sends', () => {
    const arrivals = poisson((ms) => (byDay(ms) ? 60 : 0), 60, start, noon, random(3));
    const lastOfDay = start + 30 * dayMs + 22 * hourMs - 60_000;
    const { rates, days: seen } = learnRhythm([...Map.groupBy(arrivals, (at) => Math.floor(at / hourMs))].map(([hour, own]) => ({ hour: hour * hourMs, messages: own.length })), start, noon);
    const due = alarmAt({ rates, days: seen }, [8, 8, 8], lastOfDay, options);
    expect(due).toBeGreaterThan(start + 31 * dayMs + 6 * hourMs); // in the morning, when it should have begun again
    expect(due).toBeLessThan(start + 31 * dayMs + 7 * hourMs);
  });

  it('has a fixed time while it is new', () => {
    expect(alarmAt(learnRhythm([], start, start + hourMs), [], start, options)).toBe(start + 720 * 60_000);
  });
});
