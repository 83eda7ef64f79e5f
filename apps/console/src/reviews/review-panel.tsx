import { actionWords, purposeWords, type ReviewDetail, type ReviewItem } from '@primum/contract';
import { Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { reviewQuery } from './queries.ts';
import { personText, dueText, statusWords, whyText } from './review-words.ts';
import styles from './reviews.module.css';
import { VerdictForm } from './verdict-form.tsx';

type Event = ReviewDetail['events'][number];
const purposeText = (code: string): string => (purposeWords as Readonly<Record<string, string | undefined>>)[code] ?? code; // an older log may hold other codes
const eventColumns: Columns<Event> = [
  { id: 'at', header: 'When (UTC)', cell: ({ row }) => dateTimeText(row.original.at) },
  { id: 'what', header: 'What', cell: ({ row }) => actionWords(row.original.action) },
  { id: 'purpose', header: 'For', cell: ({ row }) => purposeText(row.original.purpose) },
  { id: 'outcome', header: 'Outcome', cell: ({ row }) => (row.original.outcome === 'success' ? 'done' : 'refused') },
  { id: 'seq', header: 'No.', cell: ({ row }) => row.original.seq ?? '' },
];
const earlierColumns: Columns<ReviewItem> = [
  { id: 'at', header: 'When (UTC)', cell: ({ row }) => dateTimeText(row.original.at) },
  { id: 'why', header: 'Why', cell: ({ row }) => <Link to="/reviews" search={(before) => ({ ...before, id: row.original.id })}>{whyText(row.original)}</Link> },
  { id: 'state', header: 'State', cell: ({ row }) => statusWords[row.original.status] },
];

/** One item: who, whom, when, why; what was read; what was decided before; and the decision. */
export function ReviewPanel({ id }: { id: string }) {
  const { data, error } = useQuery(reviewQuery(id));
  if (data === undefined) return <section className="panel">{error === null ? 'Loading …' : <FailureNote error={error} title="The item could not be loaded" />}</section>;
  const { item, patient, events, earlier, note, reason } = data;
  const decided = item.status === 'justified' || item.status === 'violation';
  return (
    <section className="panel" aria-label="Item">
      <Group justify="space-between" wrap="nowrap" align="start">
        <h2>{whyText(item)}</h2>
        <Link to="/reviews" search={({ which }) => (which === undefined ? {} : { which })}>Close</Link>
      </Group>
      <dl className={styles['facts']}>
        <dt>Who</dt><dd>{personText(item)} <span className="mono quiet">{item.actor}</span></dd>
        <dt>Whom</dt><dd>{patientText(item, patient)}</dd>
        <dt>When</dt><dd>{dateTimeText(item.at)}{item.until === null ? '' : ` to ${dateTimeText(item.until)}`} UTC</dd>
        {item.kind === 'emergency-access' && <><dt>Reason given</dt><dd>{reason ?? <span className="quiet">not to be read any more</span>}</dd></>}
        <dt>State</dt><dd>{statusWords[item.status]}{item.decidedBy === null ? '' : `, by ${item.decidedBy.replace('user:', '')} ${item.decidedAt === null ? '' : dateTimeText(item.decidedAt)}`}</dd>
        {!decided && <><dt>Decide by</dt><dd className={item.overdue ? styles['overdue'] : undefined}>{dueText(item)}</dd></>}
        {note !== null && <><dt>Note</dt><dd>{note}</dd></>}
      </dl>
      <div className={styles['events']}>
        <DataTable caption={item.kind === 'emergency-access' ? 'What was read under it' : 'What it rests on'} columns={eventColumns} rows={events} rowId={(event) => event.id} empty="Nothing was read." />
      </div>
      {earlier.length > 0 && <DataTable caption="The same person before" columns={earlierColumns} rows={earlier} rowId={(each) => each.id} empty="" />}
      {patient !== null && (
        <p><Link to="/accesses" search={{ patientId: patient.patientId }}>Who else saw this patient</Link></p>
      )}
      {!decided && <VerdictForm key={item.version} item={item} />}
    </section>
  );
}

function patientText({ patientId }: ReviewItem, patient: ReviewDetail['patient']): string {
  if (patientId === null) return 'several patients';
  if (patient === null || patient.name === null || patient.name === '') return 'a patient whose content was erased or whose name is not known';
  return `${patient.name}, born ${patient.birthDate ?? '?'}, number ${patient.mrn ?? '?'}`;
}
