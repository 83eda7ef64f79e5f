import type { AlertView, RiskView } from '@primum/contract';
import { minutesSince, whenText } from '../time/ward-clock.ts';

export const riskCaption = 'estimated chance that sepsis criteria are met within 6 h';

/** "12 %", "<1 %", ">99 %": integers, and never the 0 or 100 that the model doesn't claim. */
export function percentText(probability: number): string {
  if (probability < 0.01) return '<1 %';
  if (probability > 0.99) return '>99 %';
  return `${Math.round(probability * 100)} %`;
}

/** A score speaks of a completed hour and the next is due an hour later: the server's limit, kept here while no answer comes. */
const oldestScoreMinutes = 90;

export type RiskWords =
  /** The present score. `ageMinutes` counts from the end of the hour it speaks of. */
  | { kind: 'present'; probability: number; ageMinutes: number; stale: boolean }
  /** No present score: why, and the last one with its time, where there was one. */
  | { kind: 'absent'; text: string; last: number | null };

/**
 * What a screen may say of a risk: a withheld score keeps the last one with its time and is never 0 or empty. `brief`
 * names the first reason and counts the others, for a row of a list.
 */
export function riskWords(risk: RiskView, nowMs: number, brief = false): RiskWords {
  if (risk.status === 'scored' && risk.probability !== null && risk.asOf !== null) {
    const ageMinutes = minutesSince(risk.asOf, nowMs);
    return { kind: 'present', probability: risk.probability, ageMinutes, stale: risk.stale || ageMinutes > oldestScoreMinutes };
  }
  const [first = '', ...others] = risk.reasons;
  const why = brief && others.length > 0 ? `${first} and ${others.length} more` : risk.reasons.join('; ');
  const last = risk.probability !== null && risk.asOf !== null
    ? `last ${percentText(risk.probability)} at ${whenText(risk.asOf, nowMs)}`
    : null;
  if (risk.status === 'ineligible') return { kind: 'absent', text: `— outside intended use${why === '' ? '' : `: ${why}`}`, last: null };
  if (risk.status === 'none') return { kind: 'absent', text: '— no score yet', last: null };
  const text = `— ${[why === '' ? 'withheld' : why, last ?? 'never scored'].join('; ')}`;
  return { kind: 'absent', text, last: last === null ? null : risk.probability };
}

/** "from 7 %" with a direction; null where either end is missing. What reads the same is no change. */
export function changeWords(risk: RiskView): { direction: 'up' | 'down' | 'same'; text: string } | null {
  if (risk.change4h === null || risk.probability === null || risk.status !== 'scored') return null;
  const before = percentText(Math.min(1, Math.max(0, risk.probability - risk.change4h)));
  if (before === percentText(risk.probability)) return { direction: 'same', text: 'no change' };
  return { direction: risk.change4h > 0 ? 'up' : 'down', text: `from ${before}` };
}

const tierWords = { none: 'alert', watch: 'watch alert', high: 'high alert' } as const;
export const tierText = (tier: AlertView['tier']): string => tierWords[tier];
