import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAlertPolicy } from './alert-policy.ts';
import { nextTier, noAlerts, notifies, stepAlerts, type AlertEvent, type AlertInput, type StayAlerts } from './step-alerts.ts';

const json = {
  id: 'test', version: '1', title: 'test', minRealertMinutes: 240, maxSnoozeMinutes: 240,
  tiers: [{ tier: 'watch', raiseAt: 0.1, clearBelow: 0.06 }, { tier: 'high', raiseAt: 0.3, clearBelow: 0.2 }],
};
const policy = parseAlertPolicy(json);
const minute = 60_000;
const score = (probability: number): AlertInput => ({ kind: 'score', probability });

/** Runs inputs at the given minutes; gives the last state and all events as `kind tier`. */
const run = (...inputs: [number, AlertInput][]): { state: StayAlerts; events: string[] } => {
  let state = noAlerts;
  const events: AlertEvent[] = [];
  for (const [at, input] of inputs) {
    const step = stepAlerts(policy, state, input, at * minute);
    state = step.state;
    events.push(...step.events);
  }
  return { state, events: events.map((event) => `${event.kind} ${event.tier}`) };
};

describe('tiers', () => {
  it('rise at raiseAt and fall only below clearBelow', () => {
    expect([0, 0.0999, 0.1, 0.2999, 0.3, 1].map((p) => nextTier(policy, 'none', p))).toEqual(['none', 'none', 'watch', 'watch', 'high', 'high']);
    expect([0, 0.0599, 0.06, 0.2999, 0.3].map((p) => nextTier(policy, 'watch', p))).toEqual(['none', 'none', 'watch', 'watch', 'high']);
    expect([0, 0.0599, 0.06, 0.1999, 0.2, 0.9].map((p) => nextTier(policy, 'high', p))).toEqual(['none', 'none', 'watch', 'watch', 'high', 'high']);
  });
});

describe('stepAlerts', () => {
  it('raises once, re-alerts on a rise, falls silently, and closes below the clear threshold', () => {
    expect(run([0, score(0.15)], [60, score(0.12)], [120, score(0.35)], [180, score(0.15)], [240, score(0.05)]).events).toEqual([
      'raised watch', 'tier-rose high', 're-alerted high', 'tier-fell watch', 'closed watch',
    ]);
  });

  it('a withheld score neither clears nor lowers', () => {
    const { state, events } = run([0, score(0.35)], [60, { kind: 'withheld' }], [600, { kind: 'withheld' }]);
    expect(events).toEqual(['raised high']);
    expect(state).toMatchObject({ tier: 'high', alert: { status: 'open', tier: 'high' } });
  });

  it('acknowledging gives an owner and never clears; a rise opens it again', () => {
    const acknowledged = run([0, score(0.15)], [5, { kind: 'acknowledge' }], [60, score(0.15)]);
    expect(acknowledged.state.alert).toMatchObject({ status: 'acknowledged', acknowledgedAt: 5 * minute });
    expect(acknowledged.events).toEqual(['raised watch', 'acknowledged watch']);
    expect(run([0, score(0.15)], [5, { kind: 'acknowledge' }], [60, score(0.4)])).toMatchObject({
      state: { alert: { status: 'open' } }, events: ['raised watch', 'acknowledged watch', 'tier-rose high', 're-alerted high'],
    });
  });

  it('a snooze hushes until it ends, and its end notifies', () => {
    const snoozed: [number, AlertInput][] = [[0, score(0.15)], [5, { kind: 'snooze', minutes: 120 }], [60, score(0.2)]];
    expect(run(...snoozed)).toMatchObject({ state: { alert: { status: 'snoozed', snoozedUntil: 125 * minute } }, events: ['raised watch', 'snoozed watch'] });
    expect(run(...snoozed, [126, { kind: 'tick' }])).toMatchObject({ state: { alert: { status: 'open', snoozedUntil: null }, notifiedAt: 125 * minute } });
    expect(run(...snoozed, [126, { kind: 'withheld' }]).events.at(-1)).toBe('re-alerted watch');
  });

  it('a rise breaks a snooze, even soon after a notification of that tier', () => {
    expect(run([0, score(0.15)], [5, { kind: 'snooze', minutes: 240 }], [60, score(0.3)])).toMatchObject({
      state: { alert: { status: 'open', tier: 'high', snoozedUntil: null } }, events: ['raised watch', 'snoozed watch', 'tier-rose high', 're-alerted high'],
    });
    expect(run([0, score(0.35)], [60, score(0.1)], [65, { kind: 'snooze', minutes: 240 }], [120, score(0.35)]).events).toEqual([
      'raised high', 'tier-fell watch', 'snoozed watch', 'tier-rose high', 're-alerted high',
    ]);
  });

  it('does not notify the same tier again within the interval, and does after it', () => {
    const flapping: [number, AlertInput][] = [[0, score(0.15)], [60, score(0.05)], [120, score(0.15)]];
    expect(run(...flapping)).toMatchObject({ state: { tier: 'watch', alert: null }, events: ['raised watch', 'closed watch'] });
    expect(run(...flapping, [239, score(0.15)], [240, score(0.15)]).events).toEqual(['raised watch', 'closed watch', 'raised watch']);
    expect(run(...flapping, [130, score(0.3)]).events.at(-1)).toBe('raised high');
    expect(run([0, score(0.35)], [60, score(0.1)], [120, score(0.35)], [300, score(0.1)], [360, score(0.35)]).events).toEqual([
      'raised high', 'tier-fell watch', 'tier-rose high', 'tier-fell watch', 'tier-rose high', 're-alerted high',
    ]);
  });

  it.each(['transfer', 'stay-end', 'ineligible'] as const)('closes with %s', (kind) => {
    const { state, events } = run([0, score(0.35)], [10, { kind }]);
    expect(events).toEqual(['raised high', 'closed high']);
    expect(state).toMatchObject({ tier: 'none', alert: null });
    expect(run([0, { kind }]).events).toEqual([]);
  });

  it('tells of withdrawn evidence without closing', () => {
    const { state, events } = run([0, score(0.35)], [10, { kind: 'evidence-withdrawn' }]);
    expect(events.at(-1)).toBe('evidence-withdrawn high');
    expect(state.alert?.status).toBe('open');
  });

  it('refuses an action that meets no alert and a snooze beyond the limit', () => {
    expect(() => run([0, { kind: 'acknowledge' }])).toThrow(expect.objectContaining({ code: 'alert.transition-invalid' }));
    expect(() => run([0, { kind: 'snooze', minutes: 60 }])).toThrow(expect.objectContaining({ code: 'alert.transition-invalid' }));
    expect(() => run([0, score(0.2)], [1, { kind: 'snooze', minutes: 241 }])).toThrow(expect.objectContaining({ code: 'alert.snooze-too-long' }));
  });
});

describe('properties', () => {
  const input: fc.Arbitrary<AlertInput> = fc.oneof(
    { weight: 6, arbitrary: fc.double({ min: 0, max: 0.5, noNaN: true }).map(score) },
    { weight: 2, arbitrary: fc.constantFrom<AlertInput>({ kind: 'withheld' }, { kind: 'tick' }, { kind: 'evidence-withdrawn' }) },
    { weight: 2, arbitrary: fc.constantFrom<AlertInput>({ kind: 'acknowledge' }, { kind: 'snooze', minutes: 60 }, { kind: 'snooze', minutes: 240 }) },
    { weight: 1, arbitrary: fc.constantFrom<AlertInput>({ kind: 'transfer' }, { kind: 'ineligible' }, { kind: 'stay-end' }) },
  );
  const sequence = fc.array(fc.tuple(fc.integer({ min: 0, max: 180 }), input), { maxLength: 60 });

  it('hold over any sequence of inputs', () => {
    fc.assert(fc.property(sequence, (inputs) => {
      let state = noAlerts;
      let now = 0;
      const notified: { at: number; tier: string; cause: string }[] = [];
      for (const [wait, next] of inputs) {
        now += wait * minute;
        if ((next.kind === 'acknowledge' || next.kind === 'snooze') && state.alert === null) continue;
        const before = state;
        const step = stepAlerts(policy, before, next, now);
        state = step.state;
        expect(JSON.parse(JSON.stringify(state))).toEqual(state);
        if (next.kind === 'withheld' || next.kind === 'tick' || next.kind === 'acknowledge' || next.kind === 'snooze') {
          expect(state.tier).toBe(before.tier);
          expect(state.alert?.tier).toBe(before.alert?.tier);
        }
        if (state.alert !== null) expect(state.alert.tier).toBe(state.tier);
        expect(state.alert === null || (state.alert.status === 'snoozed') === (state.alert.snoozedUntil !== null)).toBe(true);
        expect(state.alert?.snoozedUntil ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now);
        if (next.kind === 'score' && next.probability >= 0.3) {
          expect(state.tier).toBe('high');
          expect(state.alert?.status === 'snoozed' && before.alert?.tier === 'watch').toBe(false);
        }
        if (next.kind === 'score' && next.probability < 0.06) expect(state.alert).toBeNull();
        for (const event of step.events.filter(notifies)) {
          const cause = event.kind === 're-alerted' ? event.cause : 'raised';
          const previous = notified.at(-1);
          if (cause === 'raised' && previous !== undefined && event.at - previous.at < 240 * minute) {
            expect([previous.tier, event.tier]).toEqual(['watch', 'high']); // a raise within the interval is a rise
          }
          notified.push({ at: event.at, tier: event.tier, cause });
        }
      }
    }), { numRuns: 500 });
  });
});

describe('parseAlertPolicy', () => {
  it('refuses tiers that do not rise and thresholds without hysteresis', () => {
    const tier = (index: number, change: object): unknown => ({ ...json, tiers: json.tiers.map((item, at) => (at === index ? { ...item, ...change } : item)) });
    expect(() => parseAlertPolicy(tier(0, { clearBelow: 0.1 }))).toThrow(/watch/);
    expect(() => parseAlertPolicy(tier(1, { raiseAt: 0.09, clearBelow: 0.08 }))).toThrow(/rise/);
    expect(() => parseAlertPolicy({ ...json, maxSnoozeMinutes: 241 })).toThrow(/maxSnoozeMinutes/);
    expect(() => parseAlertPolicy({ ...json, tiers: [json.tiers[0]] })).toThrow(/watch, high/);
  });

  it('has a digest of its content', () => {
    expect(policy.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(parseAlertPolicy({ ...json, minRealertMinutes: 241 }).digest).not.toBe(policy.digest);
  });
});
