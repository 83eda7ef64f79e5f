import { breachEvents, breachLifecycle, nextState, renewWithinDays, type Agreement, type BreachEvent, type BreachReport, type BreachState, type DataFlow, type EvidenceRun } from '@primum/contract';

export function coverText({ covered, endsInDays }: DataFlow): string {
  if (covered === null) return 'no personal data';
  if (!covered) return 'NO AGREEMENT';
  return endsInDays === null ? 'yes' : endsInDays <= renewWithinDays ? `yes, ends in ${endsInDays} days` : 'yes';
}

export function termText({ validFrom, validTo, endedAt }: Agreement): string {
  if (endedAt !== null) return `ended ${endedAt.slice(0, 10)}`;
  return `${validFrom} to ${validTo ?? 'further notice'}`;
}

export function outcomeText({ passed }: Pick<EvidenceRun['proofs'][number], 'passed'>): string {
  return passed === null ? 'not tried' : passed ? 'passed' : 'FAILED';
}

export const stepWords: Readonly<Record<BreachEvent, string>> = {
  contain: 'Contained: no more harm can be done', assess: 'Assessed: are people to be told?', notify: 'People and authorities were told', close: 'Closed',
};

/** What may follow in an investigation. */
export function stepsAfter(status: string): BreachEvent[] {
  return breachEvents.filter((event) => status in breachLifecycle && nextState(breachLifecycle, status as BreachState, event) !== undefined); // checked just before
}

/** A duty's time left, in the words of somebody who counts. */
export function clockText({ hoursLeft }: BreachReport['clocks'][number]): string {
  const hours = Math.abs(hoursLeft);
  const text = hours < 96 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
  return hoursLeft < 0 ? `OVERDUE by ${text}` : `${text} left`;
}
