import type { ReviewItem } from '@primum/contract';
import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { ConnectionNote } from '../connection/connection-note.tsx';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { reviewsQuery } from './queries.ts';
import { ReviewPanel } from './review-panel.tsx';
import { dueText, personText, statusWords, whyText } from './review-words.ts';
import styles from './reviews.module.css';

const linkTo = ({ id }: ReviewItem, text: string) => <Link to="/reviews" search={(before) => ({ ...before, id })}>{text}</Link>;
const waiting: Columns<ReviewItem> = [
  { id: 'why', header: 'Why it is here', cell: ({ row }) => linkTo(row.original, whyText(row.original)) },
  { id: 'who', header: 'Who', cell: ({ row }) => personText(row.original) },
  { id: 'at', header: 'When (UTC)', cell: ({ row }) => dateTimeText(row.original.at) },
  { id: 'status', header: 'State', cell: ({ row }) => statusWords[row.original.status] },
  { id: 'due', header: 'Decide by', cell: ({ row }) => <span className={row.original.overdue ? styles['overdue'] : undefined}>{dueText(row.original)}</span> },
];
const decided: Columns<ReviewItem> = [
  ...waiting.slice(0, 4),
  { id: 'decided', header: 'Decided', cell: ({ row }) => (row.original.decidedAt === null ? '' : `${dateTimeText(row.original.decidedAt)} by ${row.original.decidedBy?.replace('user:', '') ?? ''}`) },
];

/** The privacy office's queue. It names no patient: opening an item does, and that is on the audit log. */
export function ReviewsPage() {
  const { id, which = 'undecided' } = useSearch({ from: '/signed-in/reviews' });
  const navigate = useNavigate({ from: '/reviews' });
  const { data, error } = useQuery(reviewsQuery(which));
  return (
    <div className={styles['page']}>
      <h1>Reviews</h1>
      <ConnectionNote />
      {data !== undefined && <p style={{ margin: 0 }} role="status">{summaryOf(data.open, data.overdue)}</p>}
      <div>
        <SegmentedControl
          size="xs" value={which} aria-label="Which items" data={[{ value: 'undecided', label: 'To decide' }, { value: 'decided', label: 'Decided' }]}
          onChange={(chosen) => void navigate({ search: chosen === 'decided' ? { which: 'decided' } : {} })}
        />
      </div>
      {error !== null && <FailureNote error={error} title={data === undefined ? 'The queue could not be loaded' : 'What is shown is not the latest'} />}
      {data === undefined && error === null && <p>Loading the queue …</p>}
      {data !== undefined && (
        <div className={id === undefined ? undefined : styles['columns']}>
          <section className={`panel ${styles['queue'] ?? ''}`}>
            <DataTable
              caption={which === 'decided' ? 'The latest that were decided.' : 'Overdue first, then what most asks for a look. An item is a question, not an accusation.'}
              columns={which === 'decided' ? decided : waiting} rows={data.items} rowId={(item) => item.id}
              empty={which === 'decided' ? 'Nothing was decided yet.' : 'Nothing waits for a decision.'}
            />
          </section>
          {id !== undefined && <ReviewPanel key={id} id={id} />}
        </div>
      )}
    </div>
  );
}

function summaryOf(open: number, overdue: number): string {
  if (open === 0) return 'Nothing waits for a decision.';
  return `${open} ${open === 1 ? 'waits' : 'wait'} for a decision${overdue === 0 ? '.' : `, ${overdue} of them overdue.`}`;
}
