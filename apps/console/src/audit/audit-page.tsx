import type { AuditRow } from '@primum/contract';
import { Button, Group, TextInput } from '@mantine/core';
import { infiniteQueryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import type { AuditSearch } from '../route-search.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

const pageSize = 100;

const auditQuery = (filter: AuditSearch) => infiniteQueryOptions({
  queryKey: ['audit', filter],
  queryFn: ({ signal, pageParam }) => callApi('audit', { query: { ...filter, limit: pageSize, ...(pageParam === null ? {} : { cursor: pageParam }) } }, signal),
  initialPageParam: null as string | null, // the first page has no cursor
  getNextPageParam: ({ cursor }) => cursor,
});

const columns: Columns<AuditRow> = [
  { id: 'seq', header: 'No.', cell: ({ row }) => row.original.seq ?? 'not numbered yet' },
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
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Audit</h1>
      <Filters key={JSON.stringify(filter)} filter={filter} />
      {error !== null && <FailureNote error={error} title="The audit log could not be loaded" />}
      {data === undefined && error === null && <p>Loading the audit log …</p>}
      {data !== undefined && (
        <section className="panel" style={{ overflowX: 'auto' }}>
          <DataTable caption="Newest first. Every read and write of patient data, every prediction and every sign-in." columns={columns} rows={rows} rowId={({ id }) => id} empty="No entry matches." />
          {hasNextPage && <Button mt="sm" variant="default" loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>Older entries</Button>}
        </section>
      )}
    </div>
  );
}

/** The filters stand in the address, so that a finding can be passed on. */
function Filters({ filter }: { filter: AuditSearch }) {
  const navigate = useNavigate({ from: '/audit' });
  const [actor, setActor] = useState(filter.actor ?? '');
  const [action, setAction] = useState(filter.action ?? '');
  const [patientId, setPatientId] = useState(filter.patientId ?? '');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = { actor: actor.trim(), action: action.trim(), patientId: patientId.trim() };
        void navigate({ search: Object.fromEntries(Object.entries(wanted).filter(([, text]) => text !== '')) });
      }}
    >
      <Group align="end" gap="sm">
        <TextInput size="xs" label="Who" value={actor} maxLength={100} onChange={(event) => setActor(event.currentTarget.value)} />
        <TextInput size="xs" label="Did" value={action} maxLength={60} onChange={(event) => setAction(event.currentTarget.value)} />
        <TextInput size="xs" label="Patient (id)" w={300} value={patientId} pattern="[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}" onChange={(event) => setPatientId(event.currentTarget.value)} />
        <Button type="submit">Filter</Button>
        <Button variant="default" onClick={() => void navigate({ search: {} })}>Clear</Button>
      </Group>
    </form>
  );
}
