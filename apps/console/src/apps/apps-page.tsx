import { Button, Group } from '@mantine/core';
import type { ClientRow } from '@primum/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { NewClientDialog } from './new-client-dialog.tsx';
import { clientsQuery } from './queries.ts';

const proofWords: Record<ClientRow['proof'], string> = { none: 'PKCE alone (public)', keys: 'its keys', 'keys-at-address': 'keys that it publishes', certificate: 'its certificate' };

const columnsFor = (change: (row: ClientRow) => void): Columns<ClientRow> => [
  { id: 'name', header: 'Name', cell: ({ row }) => <><strong>{row.original.name}</strong><br /><span className="mono quiet">{row.original.id}</span></> },
  { id: 'kind', header: 'Acts for', cell: ({ row }) => (row.original.kind === 'app' ? 'a person' : 'itself') },
  { id: 'proof', header: 'Known by', cell: ({ row }) => proofWords[row.original.proof] },
  { id: 'scopes', header: 'May ask at most', cell: ({ row }) => <span className="mono">{row.original.scopes.join(' ')}</span> },
  { id: 'addresses', header: 'Addresses', cell: ({ row: { original: { redirectUris, launchUrl } } }) => <>{redirectUris.map((uri) => <div key={uri} className="mono">{uri}</div>)}{launchUrl !== null && <div className="mono quiet">launched at {launchUrl}</div>}</> },
  { id: 'since', header: 'Registered', cell: ({ row }) => dateTimeText(row.original.createdAt) },
  { id: 'state', header: 'State', cell: ({ row }) => (row.original.disabledAt === null ? 'enabled' : `disabled since ${dateTimeText(row.original.disabledAt)}`) },
  {
    id: 'change', header: 'Change',
    cell: ({ row }) => <Button variant="default" size="compact-xs" aria-label={`${row.original.disabledAt === null ? 'Disable' : 'Enable'} ${row.original.name}`} onClick={() => change(row.original)}>{row.original.disabledAt === null ? 'Disable' : 'Enable'}</Button>,
  },
];

/** Apps that may ask people for access, and service accounts. */
export function AppsPage() {
  const { data, error } = useQuery(clientsQuery);
  const client = useQueryClient();
  const [adding, setAdding] = useState(false);
  const { mutate, error: refused } = useMutation({
    mutationFn: ({ id, disabledAt }: ClientRow) => callApi('changeClient', { params: { id }, body: { disabled: disabledAt === null } }),
    onSuccess: (rows) => client.setQueryData(clientsQuery.queryKey, rows),
  });
  const columns = useMemo(() => columnsFor((row) => mutate(row)), [mutate]);
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <Group justify="space-between"><h1>Apps</h1><Button onClick={() => setAdding(true)}>Register</Button></Group>
      {error !== null && <FailureNote error={error} title="The apps could not be loaded" />}
      {refused !== null && <FailureNote error={refused} title="Nothing was changed" />}
      {data === undefined && error === null && <p>Loading the apps …</p>}
      {data !== undefined && (
        <section className="panel" style={{ overflowX: 'auto' }}>
          <DataTable caption="SMART apps and service accounts. Disabling ends every token at once." columns={columns} rows={data} rowId={({ id }) => id} empty="No app and no service account is registered." />
        </section>
      )}
      {adding && <NewClientDialog onClose={() => setAdding(false)} />}
    </div>
  );
}
