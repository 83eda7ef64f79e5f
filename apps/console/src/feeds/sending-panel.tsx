import type { Destinations } from '@primum/contract';
import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { callApi } from '../api/client.ts';
import { destinationsQuery } from '../api/queries.ts';
import { useMay } from '../shell/use-session.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

type Destination = Destinations['destinations'][number];
type Undelivered = Destinations['undelivered'][number];
type Step = { id: string; action: 'requeueOutgoing' | 'discardOutgoing' };

const stateOf = ({ disabled, failures, queued }: Destination): string => (disabled ? 'disabled' : failures > 0 ? `does not answer (${failures} attempts failed)` : queued > 0 ? 'sending' : 'in order');

const destinationColumns: Columns<Destination> = [
  { id: 'name', header: 'Destination', cell: ({ row }) => <strong>{row.original.name}</strong> },
  { id: 'address', header: 'Address', cell: ({ row }) => <span className="mono">{row.original.address}{row.original.tls ? ' (TLS)' : ''}</span> },
  { id: 'state', header: 'State', cell: ({ row }) => (row.original.failures > 0 && !row.original.disabled ? <strong className="higher">{stateOf(row.original)}</strong> : stateOf(row.original)) },
  { id: 'queued', header: 'Waiting', cell: ({ row }) => row.original.queued },
  { id: 'oldest', header: 'Oldest waits since', cell: ({ row }) => (row.original.oldestQueuedAt === null ? '—' : dateTimeText(row.original.oldestQueuedAt)) },
  { id: 'last', header: 'Last taken', cell: ({ row }) => (row.original.lastAcknowledgedAt === null ? 'never' : dateTimeText(row.original.lastAcknowledgedAt)) },
  { id: 'undelivered', header: 'Put aside', cell: ({ row }) => row.original.undelivered },
];

const undeliveredColumns = (step: (step: Step) => void, may: boolean): Columns<Undelivered> => [
  { id: 'queued', header: 'Queued', cell: ({ row }) => dateTimeText(row.original.createdAt) },
  { id: 'destination', header: 'To', cell: ({ row }) => row.original.destination },
  { id: 'type', header: 'Type', cell: ({ row }) => row.original.type },
  { id: 'control', header: 'Control ID', cell: ({ row }) => <span className="mono">{row.original.controlId}</span> },
  { id: 'why', header: 'Why', cell: ({ row }) => (row.original.status === 'refused' ? `refused (${row.original.code})` : `failed ${row.original.attempts} times (${row.original.code})`) },
  {
    id: 'do', header: 'What now', cell: ({ row: { original: { id, controlId } } }) => may && (
      <Group gap={6} wrap="nowrap">
        <Button variant="default" size="compact-xs" aria-label={`Send again: ${controlId}`} onClick={() => step({ id, action: 'requeueOutgoing' })}>Send again</Button>
        <Button variant="default" size="compact-xs" aria-label={`Give up: ${controlId}`} onClick={() => { if (globalThis.confirm('Give this message up? Its content is removed; the audit log keeps who did it.')) step({ id, action: 'discardOutgoing' }); }}>Give up</Button>
      </Group>
    ),
  },
];

/** Where messages go, what waits there, and what was not delivered; nothing where nothing is sent anywhere. */
export function SendingPanel() {
  const client = useQueryClient();
  const may = useMay('feed.manage');
  const { data, error } = useQuery(destinationsQuery);
  const step = useMutation({
    mutationFn: ({ id, action }: Step) => callApi(action, { params: { id } }),
    onSettled: () => client.invalidateQueries({ queryKey: destinationsQuery.queryKey }),
  });
  const { mutate } = step;
  const aside = useMemo(() => undeliveredColumns(mutate, may), [mutate, may]);
  if (data === undefined) return error === null ? null : <FailureNote error={error} title="Where messages are sent could not be loaded" />;
  if (data.destinations.length === 0) return null;
  return (
    <section className="panel">
      {step.isError && <FailureNote error={step.error} />}
      <DataTable caption="Where messages are sent, in the order of each queue" columns={destinationColumns} rows={data.destinations} rowId={({ name }) => name} empty="Nothing is sent anywhere." />
      <DataTable caption="Not delivered: refused, or failed again and again; they wait for you" columns={aside} rows={data.undelivered} rowId={({ id }) => id} empty="Everything was delivered, or waits for its turn." />
    </section>
  );
}
