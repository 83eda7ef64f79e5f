import { PrimumError } from '@primum/base';
import { alertLifecycle, nextState, tiers, type AlertState, type Tier } from '@primum/contract';
import type { AlertPolicy } from './alert-policy.ts';

/**
 * The alert state machine of one stay: a pure function of the policy, the state and one input, so that a stored
 * sequence of inputs replays to the same alerts.
 *
 * A score moves the *tier* with hysteresis: up to the highest tier whose `raiseAt` it reaches, down only below the
 * tier's `clearBelow`. A tier other than none wants an alert. It is raised at once, unless one of the same or a higher
 * tier was notified less than `minRealertMinutes` ago (then with the first score after that). While an alert lives, a
 * rise of its tier notifies again under the same rule, and always breaks a snooze; a fall is silent. It closes when
 * the tier reaches none, or with the end of the stay, a transfer, or a patient who leaves the intended use.
 *
 * A withheld score never clears an alert nor lowers its tier. Acknowledging gives an owner and never clears. A snooze
 * (at most `maxSnoozeMinutes`) hushes until it ends or the tier rises; its end notifies. All times are ms since the
 * epoch by the source's clock, and never run backwards for one stay.
 */
export type AlertInput =
  | { kind: 'score'; probability: number }
  | { kind: 'withheld' }
  /** The patient has left the intended use (comfort care, death). */
  | { kind: 'ineligible' }
  | { kind: 'transfer' }
  | { kind: 'stay-end' }
  | { kind: 'acknowledge' }
  | { kind: 'snooze'; minutes: number }
  /** A fact under the alert was corrected or withdrawn. */
  | { kind: 'evidence-withdrawn' }
  /** Time has passed: ends a snooze. Every other input does so too. */
  | { kind: 'tick' };

export type LiveAlert = {
  status: Exclude<AlertState, 'closed'>;
  tier: Exclude<Tier, 'none'>;
  raisedAt: number;
  acknowledgedAt: number | null;
  snoozedUntil: number | null;
};

export type StayAlerts = {
  tier: Tier;
  alert: LiveAlert | null;
  /** The last notification (raise or re-alert), which outlives its alert. */
  notifiedAt: number | null;
  notifiedTier: Tier;
};

export type AlertEvent =
  | { kind: 'raised'; tier: Tier; at: number }
  | { kind: 're-alerted'; tier: Tier; at: number; cause: 'tier-rose' | 'snooze-ended' }
  | { kind: 'tier-rose' | 'tier-fell'; tier: Tier; at: number }
  | { kind: 'acknowledged' | 'evidence-withdrawn'; tier: Tier; at: number }
  | { kind: 'snoozed'; tier: Tier; at: number; until: number }
  | { kind: 'closed'; tier: Tier; at: number; cause: 'cleared' | 'transfer' | 'stay-end' | 'ineligible' };

export const noAlerts: StayAlerts = { tier: 'none', alert: null, notifiedAt: null, notifiedTier: 'none' };

/** Whether an event calls a person (and counts as an alert in the policy's metrics). */
export const notifies = (event: AlertEvent): boolean => event.kind === 'raised' || event.kind === 're-alerted';

/**
 * Throws `alert.transition-invalid` where a person's action meets no alert that allows it, `alert.snooze-too-long`
 * beyond the policy's limit.
 */
export function stepAlerts(policy: AlertPolicy, before: StayAlerts, input: AlertInput, now: number): { state: StayAlerts; events: AlertEvent[] } {
  const events: AlertEvent[] = [];
  let state = endSnooze(before, now, events);
  switch (input.kind) {
    case 'score':
      if (!(input.probability >= 0 && input.probability <= 1)) throw new PrimumError('internal.bug', 'a score is not a probability');
      state = applyTier(policy, state, nextTier(policy, state.tier, input.probability), now, events);
      break;
    case 'ineligible': case 'transfer': case 'stay-end':
      state = close(state, input.kind, now, events);
      break;
    case 'acknowledge':
      state = act(state, 'acknowledge', { acknowledgedAt: now, snoozedUntil: null });
      events.push({ kind: 'acknowledged', tier: state.tier, at: now });
      break;
    case 'snooze': {
      if (!(input.minutes > 0 && input.minutes <= policy.maxSnoozeMinutes)) {
        throw new PrimumError('alert.snooze-too-long', `at most ${policy.maxSnoozeMinutes} minutes`);
      }
      const until = now + input.minutes * 60_000;
      state = act(state, 'snooze', { snoozedUntil: until });
      events.push({ kind: 'snoozed', tier: state.tier, at: now, until });
      break;
    }
    case 'evidence-withdrawn':
      if (state.alert !== null) events.push({ kind: 'evidence-withdrawn', tier: state.alert.tier, at: now });
      break;
    case 'withheld': case 'tick':
      break;
  }
  return { state, events };
}

/** The tier after a score, with hysteresis. */
export function nextTier(policy: AlertPolicy, tier: Tier, probability: number): Tier {
  let result: Tier = 'none';
  for (const { tier: candidate, raiseAt, clearBelow } of policy.tiers) {
    const held = rank(tier) >= rank(candidate) && probability >= clearBelow;
    if (held || probability >= raiseAt) result = candidate;
  }
  return result;
}

function applyTier(policy: AlertPolicy, state: StayAlerts, tier: Tier, now: number, events: AlertEvent[]): StayAlerts {
  if (tier === 'none') return close({ ...state, tier }, 'cleared', now, events);
  const hushed = state.notifiedAt !== null && now - state.notifiedAt < policy.minRealertMinutes * 60_000 && rank(tier) <= rank(state.notifiedTier);
  if (state.alert === null) {
    if (hushed) return { ...state, tier };
    events.push({ kind: 'raised', tier, at: now });
    return { tier, alert: { status: 'open', tier, raisedAt: now, acknowledgedAt: null, snoozedUntil: null }, notifiedAt: now, notifiedTier: tier };
  }
  if (tier === state.alert.tier) return { ...state, tier };
  if (rank(tier) < rank(state.alert.tier)) {
    events.push({ kind: 'tier-fell', tier, at: now });
    return { ...state, tier, alert: { ...state.alert, tier } };
  }
  const wasSnoozed = state.alert.status === 'snoozed';
  const risen = act({ ...state, tier }, 'tier-rose', { tier, snoozedUntil: null });
  events.push({ kind: 'tier-rose', tier, at: now });
  if (hushed && !wasSnoozed) return risen;
  events.push({ kind: 're-alerted', tier, at: now, cause: 'tier-rose' });
  return { ...risen, notifiedAt: now, notifiedTier: tier };
}

function endSnooze(state: StayAlerts, now: number, events: AlertEvent[]): StayAlerts {
  const { alert } = state;
  if (alert === null || alert.snoozedUntil === null || now < alert.snoozedUntil) return state;
  const at = alert.snoozedUntil;
  events.push({ kind: 're-alerted', tier: alert.tier, at, cause: 'snooze-ended' });
  return { ...act(state, 'snooze-ended', { snoozedUntil: null }), notifiedAt: at, notifiedTier: alert.tier };
}

function close(state: StayAlerts, cause: 'cleared' | 'transfer' | 'stay-end' | 'ineligible', now: number, events: AlertEvent[]): StayAlerts {
  if (state.alert !== null) events.push({ kind: 'closed', tier: state.alert.tier, at: now, cause });
  return { ...state, tier: 'none', alert: null };
}

function act(state: StayAlerts, event: 'acknowledge' | 'snooze' | 'snooze-ended' | 'tier-rose', change: Partial<LiveAlert>): StayAlerts {
  const status = state.alert === null ? undefined : nextState(alertLifecycle, state.alert.status, event);
  if (state.alert === null || status === undefined || status === 'closed') throw new PrimumError('alert.transition-invalid', event);
  return { ...state, alert: { ...state.alert, ...change, status } };
}

const rank = (tier: Tier): number => tiers.indexOf(tier);
