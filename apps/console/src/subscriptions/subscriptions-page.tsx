import type { SubscriptionRow, SubscriptionsPage as Subscriptions } from '@primum/contract';
import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import { subscriptionsQuery } from '../api/queries.ts';
import { ConnectionNote } from '../connection/connection-note.tsx';
import styles from '../feeds/feeds.module.css';
import { useMay } from '../shell/use-session.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

type Topic = Subscriptions['topics'][number];

const states: Readonly<Record<SubscriptionRow['status'], string>> = { requested: 'waits for its receiver', active: 'active', error: 'In error', off: 'ended' };
const reasons: Readonly<Record<string, string>> = {
  refused: 'the receiver refuses', unreachable: 'the receiver is not reached', 'no-response': 'the receiver does not answer in time', 'address-refused': 'the address is not allowed',
  behind: 'too many events wait', 'owner-gone': 'its app or account is not there any more', ended: 'its end was reached', closed: 'closed here',
};

/** What was not delivered, in words; nothing is left out of it. */
function shortfall({ waiting, missed, withheld, oldestWaitingAt, status }: SubscriptionRow): string {
  const parts = [
    ...(waiting > 0 && status === 'off' ? [`${waiting} when it ended`] : []),
    ...(waiting > 0 && status !== 'off' ? [`${waiting} waiting${oldestWaitingAt === null ? '' : ` since ${dateTimeText(oldestWaitingAt)}`}`] : []),
    ...(missed > 0 ? [`${missed} not kept`] : []), ...(withheld > 0 ? [`${withheld} withheld`] : []),
  ];
  return parts.length === 0 ? 'all delivered' : parts.join(', ');
}

/** `ending`: the one that was asked to end and waits for a second word. */
const columnsFor = (retry: (id: string) => void, end: (id: string) => void, manages: boolean, ending: string | null): Columns<SubscriptionRow> => [
  { id: 'client', header: 'App or account', cell: ({ row }) => <><strong>{row.original.clientId}</strong>{row.original.person && <span className="quiet"> for a person</span>}</> },
  { id: 'what', header: 'Hears of', cell: ({ row }) => <>{row.original.resourceType}<br /><span className="quiet">{row.original.topic?.replace('urn:primum:topic:', '') ?? 'by criteria'}, {row.original.content}</span></> },
  { id: 'where', header: 'Receiver', cell: ({ row }) => <span className="mono">{row.original.host ?? 'web socket'}</span> },
  { id: 'status', header: 'State', cell: ({ row }) => <>{row.original.status === 'error' ? <strong>{states.error}</strong> : states[row.original.status]}{row.original.reason !== null && <><br /><span className="quiet">{reasons[row.original.reason] ?? row.original.reason}</span></>}</> },
  { id: 'events', header: 'Events', cell: ({ row }) => row.original.events },
  { id: 'short', header: 'Not delivered', cell: ({ row }) => shortfall(row.original) },
  { id: 'last', header: 'Last sent', cell: ({ row }) => (row.original.lastSentAt === null ? 'never' : dateTimeText(row.original.lastSentAt)) },
  { id: 'next', header: 'Next attempt', cell: ({ row }) => (row.original.nextAttemptAt === null || row.original.status === 'off' ? '' : dateTimeText(row.original.nextAttemptAt)) },
  {
    id: 'act', header: 'Actions', cell: ({ row: { original: { id, status, clientId, resourceType, failures } } }) => manages && status !== 'off' && (
      <Group gap="xs" wrap="nowrap">
        {failures > 0 && <Button variant="default" size="compact-xs" aria-label={`Try ${resourceType} for ${clientId} now`} onClick={() => retry(id)}>Try now</Button>}
        <Button variant="default" size="compact-xs" aria-label={`${ending === id ? 'End for good:' : 'End'} ${resourceType} for ${clientId}`} onClick={() => end(id)}>{ending === id ? 'End for good' : 'End'}</Button>
      </Group>
    ),
  },
];

const topicColumns: Columns<Topic> = [
  { id: 'title', header: 'Topic', cell: ({ row }) => <strong>{row.original.title}</strong> },
  { id: 'url', header: 'Address', cell: ({ row }) => <span className="mono">{row.original.url}</span> },
  { id: 'when', header: 'An event is', cell: ({ row }) => row.original.description },
  { id: 'filters', header: 'Filters', cell: ({ row }) => row.original.filters.join(', ') },
];

/** Who is told of changes, how far each is, and everything that was not delivered. */
export function SubscriptionsPage() {
  const client = useQueryClient();
  const { data, error } = useQuery(subscriptionsQuery);
  const manages = useMay('feed.manage');
  const onSettled = (): Promise<void> => client.invalidateQueries({ queryKey: subscriptionsQuery.queryKey });
  const { mutate: retry, error: retryError } = useMutation({ mutationFn: (id: string) => callApi('retrySubscription', { params: { id } }), onSettled });
  const { mutate: end, error: endError } = useMutation({ mutationFn: (id: string) => callApi('endSubscription', { params: { id } }), onSettled });
  const [ending, setEnding] = useState<string | null>(null);
  const columns = useMemo(() => columnsFor(retry, (id) => {
    if (ending === id) end(id);
    setEnding(ending === id ? null : id);
  }, manages, ending), [retry, end, manages, ending]);
  if (data === undefined) return <div className={styles['page']}>{error === null ? 'Loading the subscriptions …' : <FailureNote error={error} title="The subscriptions could not be loaded" />}</div>;
  return (
    <div className={styles['page']}>
      <h1>Subscriptions</h1>
      <ConnectionNote />
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      {[retryError, endError].map((failure) => failure !== null && <FailureNote key={failure.message} error={failure} />)}
      <section className="panel"><DataTable caption="Apps and accounts that are told of changes (FHIR Subscription)" columns={columns} rows={data.subscriptions} rowId={({ id }) => id} empty="No app or account has subscribed to anything." /></section>
      <section className="panel"><DataTable caption="Topics that can be subscribed to" columns={topicColumns} rows={data.topics} rowId={({ url }) => url} empty="There are no topics." /></section>
    </div>
  );
}
