import { describe, expect, it } from 'vitest';
import { noAlerts, parseAlertPolicy, stepAlerts, type AlertInput, type StayAlerts } from '@primum/registry';
import type { AlertRow } from './alert-row.ts';
import { applyAlertEvents, type AlertContext } from './apply-alert-events.ts';

const policy = parseAlertPolicy({
  id: 'test', version: '1', title: 'test', minRealertMinutes: 60, maxSnoozeMinutes: 240,
  tiers: [{ tier: 'watch', raiseAt: 0.1, clearBelow: 0.06 }, { tier: 'high', raiseAt: 0.3, clearBelow: 0.2 }],
});
const hour = 3_600_000;
const evidence = (n: number): AlertContext['evidence'] => ({ predictionId: `prediction-${n}`, keys: [`key-${n}`], seq: n });

type Step = { input: AlertInput; at: number; context?: Partial<AlertContext> };

function run(steps: Step[]): { alert: AlertRow | null; kinds: string[]; state: StayAlerts } {
  let state = noAlerts;
  let alert: AlertRow | null = null;
  const kinds: string[] = [];
  for (const { input, at, context } of steps) {
    const step = stepAlerts(policy, state, input, at);
    const change = applyAlertEvents(alert, step.state, step.events, { patientId: 'p', stayId: 's', actor: 'serving', evidence: null, ...context });
    state = step.state;
    alert = change.alert;
    kinds.push(...change.events.map(({ n, kind }) => `${n} ${kind}`));
  }
  return { alert, kinds, state };
}

const score = (probability: number, at: number): Step => ({ input: { kind: 'score', probability }, at, context: { evidence: evidence(at / hour) } });
const acknowledge: Step = { input: { kind: 'acknowledge' }, at: 1.5 * hour, context: { actor: 'u1', action: { userId: 'u1', as: 'assessing' } } };

describe('applyAlertEvents', () => {
  it('keeps the row in step with the policy, one numbered event each', () => {
    const { alert, kinds } = run([score(0.15, hour), acknowledge, score(0.4, 2 * hour), score(0.01, 3 * hour)]);
    expect(kinds).toEqual(['1 raised', '2 acknowledged', '3 tier-rose', '4 re-alerted', '5 closed']);
    expect(alert).toMatchObject({ status: 'closed', closedAt: 3 * hour, raisedBy: 'prediction-1', ownerId: 'u1', acknowledgedAs: 'assessing', version: 5 });
  });

  it('a rise breaks acknowledgement and snooze, and rests on new evidence', () => {
    const snooze: Step = { input: { kind: 'snooze', minutes: 240 }, at: 1.6 * hour, context: { actor: 'u2', action: { userId: 'u2' } } };
    const withdrawn: Step = { input: { kind: 'evidence-withdrawn' }, at: 1.7 * hour };
    const before = run([score(0.15, hour), acknowledge, snooze, withdrawn]).alert;
    expect(before).toMatchObject({ status: 'snoozed', snoozedUntil: 5.6 * hour, snoozedBy: 'u2', ownerId: 'u1', evidence: ['key-1'], evidenceWithdrawnAt: 1.7 * hour });
    const after = run([score(0.15, hour), acknowledge, snooze, withdrawn, score(0.4, 2 * hour)]).alert;
    expect(after).toMatchObject({ status: 'open', snoozedUntil: null, snoozedBy: null, ownerId: 'u1', evidence: ['key-2'], evidenceSeq: 2, evidenceWithdrawnAt: null });
  });

  it('a withheld score changes nothing', () => {
    const before = run([score(0.4, hour)]);
    const after = run([score(0.4, hour), { input: { kind: 'withheld' }, at: 2 * hour }]);
    expect(after.kinds).toEqual(before.kinds);
    expect({ ...after.alert, id: '' }).toEqual({ ...before.alert, id: '' });
  });

  it('a closed alert is followed by a new one', () => {
    const first = run([score(0.15, hour), score(0.01, 2 * hour)]).alert;
    const second = run([score(0.15, hour), score(0.01, 2 * hour), score(0.15, 3 * hour)]);
    expect(second.alert).toMatchObject({ status: 'open', version: 1, raisedBy: 'prediction-3' });
    expect(second.alert?.id).not.toBe(first?.id);
  });
});
