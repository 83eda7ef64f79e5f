import type { Acknowledgement, AlertView } from '@primum/contract';
import { ageText, minutesSince, whenText } from '../time/ward-clock.ts';

export const acknowledgementWords: Readonly<Record<Acknowledgement, string>> = {
  assessing: 'assessing',
  'already-treating': 'already treating',
  'not-sepsis': 'not sepsis',
  'handed-over': 'handed to',
};

/** Who owns the alert and how, e.g. "A. Rao: assessing, 02:15", "no owner for 22 min", "snoozed until 04:10 by A. Rao". */
export function ownerText(alert: AlertView, nowMs: number): string {
  switch (alert.status) {
    case 'open':
      return `no owner for ${ageText(minutesSince(alert.raisedAt, nowMs))}`;
    case 'snoozed':
      return `snoozed${alert.snoozedUntil === null ? '' : ` until ${whenText(alert.snoozedUntil, nowMs)}`}${alert.snoozedBy === null ? '' : ` by ${alert.snoozedBy}`}`;
    case 'acknowledged':
      return `${alert.owner ?? 'acknowledged'}: ${acknowledgedText(alert)}${alert.acknowledgedAt === null ? '' : `, ${whenText(alert.acknowledgedAt, nowMs)}`}`;
    case 'closed':
      return 'closed';
  }
}

function acknowledgedText({ acknowledgedAs, handedTo }: AlertView): string {
  if (acknowledgedAs === null) return 'acknowledged';
  return acknowledgedAs === 'handed-over' ? `handed to ${handedTo ?? 'somebody'}` : acknowledgementWords[acknowledgedAs];
}
