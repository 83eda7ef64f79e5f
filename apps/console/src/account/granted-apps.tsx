import { Button } from '@mantine/core';
import type { GrantRow } from '@primum/contract';
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

const grantsQuery = queryOptions({ queryKey: ['grants'], queryFn: ({ signal }) => callApi('grants', {}, signal) });

const columnsFor = (withdraw: (id: string) => void): Columns<GrantRow> => [
  { id: 'app', header: 'App', cell: ({ row }) => <span className="mono">{row.original.clientId}</span> },
  { id: 'scopes', header: 'May', cell: ({ row }) => <span className="mono">{row.original.scopes.join(' ')}</span> },
  { id: 'patient', header: 'For', cell: ({ row }) => (row.original.patientId === null ? 'no one patient' : 'one patient') },
  { id: 'since', header: 'Allowed', cell: ({ row }) => dateTimeText(row.original.createdAt) },
  { id: 'until', header: 'Until', cell: ({ row }) => dateTimeText(row.original.expiresAt) },
  { id: 'withdraw', header: 'Take back', cell: ({ row }) => <Button variant="default" size="compact-xs" aria-label={`Take back from ${row.original.clientId}`} onClick={() => withdraw(row.original.id)}>Take back</Button> },
];

/** What this person allowed apps, to be taken back. */
export function GrantedApps() {
  const { data, error } = useQuery(grantsQuery);
  const client = useQueryClient();
  const { mutate, error: refused } = useMutation({ mutationFn: (id: string) => callApi('withdrawGrant', { params: { id } }), onSettled: () => client.invalidateQueries({ queryKey: grantsQuery.queryKey }) });
  const columns = useMemo(() => columnsFor(mutate), [mutate]);
  return (
    <section className="panel">
      {error !== null && <FailureNote error={error} title="What you allowed apps could not be loaded" />}
      {refused !== null && <FailureNote error={refused} title="Nothing was taken back" />}
      {data !== undefined && <DataTable caption="Apps that act for you. Taking back ends their access at once." columns={columns} rows={data} rowId={({ id }) => id} empty="No app acts for you." />}
    </section>
  );
}
