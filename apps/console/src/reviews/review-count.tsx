import { useQuery } from '@tanstack/react-query';
import { reviewsQuery } from './queries.ts';

/** How many items wait, beside the page's name: in words for ears, overdue ones told apart by a sign and not by colour alone. */
export function ReviewCount() {
  const { data } = useQuery(reviewsQuery('undecided'));
  if (data === undefined || data.open === 0) return null;
  return (
    <span className={data.overdue > 0 ? 'higher' : 'quiet'}>
      {' '}<span aria-hidden="true">{data.open}{data.overdue > 0 ? '!' : ''}</span>
      <span className="unseen">, {data.open} waiting{data.overdue > 0 ? `, ${data.overdue} overdue` : ''}</span>
    </span>
  );
}
