import type { AuditRow } from '@primum/contract';
import { Button, Group } from '@mantine/core';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { addressOf, callApi } from '../api/client.ts';
import type { AuditSearch } from '../route-search.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { AuditFilters } from './audit-filters.tsx';
import { CheckpointLine } from './checkpoint-line.tsx';
import { EntryDialog } from './entry-dialog.tsx';

const pageSize = 100;

/** Filters as the API takes them. Of thousands of entries an hour a few are what people did: these come first. */
function conditionsOf({ from, to, by, ...rest }: AuditSearch) {
  return { ...rest, by: by ?? (rest.actor?.startsWith('system:') === true ? 'everyone' as const : 'people' as const), ...(from === undefined ? {} : { from: `${from}:00.000Z` }), ...(to === undefined ? {} : { to: `${to}:00.000Z` }) };
}

const auditQuery = (filter: AuditSearch) => infiniteQueryOptions({
  queryKey: ['audit', filter],
  queryFn: ({ signal, pageParam }) => callApi('audit', { query: { ...conditionsOf(filter), limit: pageSize, ...(pageParam === null ? {} : { cursor: pageParam }) } }, signal),
  initialPageParam: null as string | null, // the first page has no cursor
  getNextPageParam: ({ cursor }) => cursor,
});

const columnsWith = (open: (row: AuditRow) => void): Columns<AuditRow> => [
  { id: 'seq', header: 'No.', cell: ({ row }) => (row.original.seq === null ? 'not numbered yet' : <Button variant="subtle" size="compact-xs" onClick={() => open(row.original)}>{row.original.seq}</Button>) },
  { id: 'at', header: 'At (UTC)', cell: ({ row }) => <time dateTime={row.original.at}>{row.original.at.replace('T', ' ').replace('Z', '')}</time> },
  { id: 'actor', header: 'Who', cell: ({ row }) => row.original.actor },
  { id: 'action', header: 'Did', cell: ({ row }) => row.original.action },
  { id: 'outcome', header: 'Outcome', cell: ({ row }) => row.original.outcome },
  { id: 'purpose', header: 'Purpose', cell: ({ row }) => row.original.purpose },
  { id: 'patient', header: 'Patient', cell: ({ row }) => <span className="mono">{row.original.patientId ?? ''}</span> },
  { id: 'entities', header: 'On', cell: ({ row }) => row.original.entities.map(({ type, id }) => <div key={`${type} ${id}`}>{type} <span className="mono">{id}</span></div>) },
];

export function AuditPage() {
  const filter = useSearch({ from: '/signed-in/audit' });
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery(auditQuery(filter));
  const rows = useMemo(() => data?.pages.flatMap((page) => page.rows) ?? [], [data]);
  const [opened, setOpened] = useState<AuditRow | null>(null);
  const columns = useMemo(() => columnsWith(setOpened), []);
  const download = (format: 'csv' | 'ndjson') => addressOf('/api/audit/export', {}, { ...conditionsOf(filter), format });
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Audit</h1>
      <CheckpointLine />
      <AuditFilters key={JSON.stringify(filter)} filter={filter} />
      {error !== null && <FailureNote error={error} title="The audit log could not be loaded" />}
      {data === undefined && error === null && <p>Loading the audit log …</p>}
      {data !== undefined && (
        <section className="panel" style={{ overflowX: 'auto' }}>
          <Group gap="sm" mb="xs">
            <Button component="a" href={download('csv')} download variant="default">Export as CSV</Button>
            <Button component="a" href={download('ndjson')} download variant="default">Export as FHIR AuditEvents</Button>
            <span className="quiet">What the filters match, however much it is; the export is on the log.</span>
          </Group>
          <DataTable caption={`Newest first. ${filter.by === 'everyone' ? 'Every read and write of patient data, every prediction and every sign-in.' : 'What people and apps did; “everyone” shows what Primum did by itself as well.'} A number opens its entry and its proof.`} columns={columns} rows={rows} rowId={({ id }) => id} empty="No entry matches." />
          {hasNextPage && <Button mt="sm" variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Older entries</Button>}
        </section>
      )}
      {opened !== null && <EntryDialog row={opened} onClose={() => setOpened(null)} />}
    </div>
  );
}
