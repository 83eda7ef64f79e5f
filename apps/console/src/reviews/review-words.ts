import { reviewWords, type ReviewItem, type ReviewVerdict } from '@primum/contract';
import { dateTimeText } from '../time/ward-clock.ts';

/** "Sister Ann, clinician", or the name on the log where the account is gone. */
export const personText = ({ displayName, role, actor }: Pick<ReviewItem, 'displayName' | 'role' | 'actor'>): string =>
  (displayName === null ? actor : `${displayName}, ${(role ?? '').replaceAll('-', ' ')}`);

/** Why it is here, with the numbers that say how much. */
export function whyText({ kind, detail, looks }: Pick<ReviewItem, 'kind' | 'detail' | 'looks'>): string {
  const why = reviewWords[kind];
  if (kind === 'unusual-volume') return `${why}: ${detail['patients'] ?? '?'}, where ${detail['limit'] ?? '?'} would not stand out`;
  if (kind === 'many-emergencies') return `${why}: ${detail['times'] ?? '?'} in ${detail['days'] ?? '?'} days`;
  return looks > 1 ? `${why}, ${looks} times that day` : why;
}

/** "due 27 Nov 08:00", "overdue since 24 Nov 08:00". */
export const dueText = ({ dueAt, overdue }: Pick<ReviewItem, 'dueAt' | 'overdue'>): string => `${overdue ? 'overdue since' : 'due'} ${dateTimeText(dueAt)}`;

export const verdictWords: Readonly<Record<ReviewVerdict, { label: string; description: string }>> = {
  justified: { label: 'Justified', description: 'There was a reason to open this record. The item is closed.' },
  'needs-more': { label: 'Ask first', description: 'Something must be asked before it can be decided. The item stays on the queue.' },
  violation: { label: 'Not justified', description: 'No reason was found. The item is closed, and the hospital’s own procedure goes on from here.' },
};
export const statusWords: Readonly<Record<ReviewItem['status'], string>> = { open: 'to be looked at', 'needs-more': 'asked, waiting', justified: 'justified', violation: 'not justified' };
