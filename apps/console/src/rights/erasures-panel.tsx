import type { Erasure } from '@primum/contract';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { erasuresQuery } from './queries.ts';
import { basisWords, erasureWords, refusalText } from './rights-words.ts';
import { ApproveDialog } from './approve-dialog.tsx';

const columns = (decide: (erasure: Erasure) => void): Columns<Erasure> => [
  { id: 'asked', header: 'Asked', cell: ({ row }) => dateTimeText(row.original.requestedAt) },
  { id: 'by', header: 'By', cell: ({ row }) => row.original.requestedBy },
  { id: 'patient', header: 'Record', cell: ({ row }) => <span className="mono">{row.original.patientId}</span> },
  { id: 'basis', header: 'Basis', cell: ({ row }) => basisWords[row.original.basis] },
  { id: 'state', header: 'State', cell: ({ row: { original: { status, refusal, refusedUntil } } }) => <>{erasureWords[status]}{refusal !== null && <><br /><span className="quiet">{refusalText(refusal, refusedUntil)}</span></>}</> },
  { id: 'decided', header: 'Second person', cell: ({ row }) => row.original.decidedBy ?? '' },
  {
    id: 'do', header: 'To do', cell: ({ row: { original } }) => (original.status === 'requested'
      ? <Button variant="default" size="compact-xs" onClick={() => decide(original)}>Decide …</Button>
      : original.hasReceipt && <Button variant="default" size="compact-xs" component="a" href={`/api/rights/erasures/${original.id}/receipt`} download={`erasure-receipt-${original.id}.json`}>Receipt</Button>),
  },
];

/** All erasures, for the second person and for whoever needs a receipt. */
export function ErasuresPanel() {
  const { data, error } = useQuery(erasuresQuery);
  const [deciding, setDeciding] = useState<Erasure | null>(null);
  const [table] = useState(() => columns(setDeciding));
  return (
    <section className="panel" style={{ overflowX: 'auto' }}>
      {error !== null && <FailureNote error={error} title="Erasures could not be loaded" />}
      {data === undefined ? error === null && 'Loading …' : <DataTable caption="Erasures: who asked for one cannot approve it" columns={table} rows={data} rowId={({ id }) => id} empty="No erasure was asked for." />}
      {deciding !== null && <ApproveDialog erasure={deciding} decide={(decision) => callApi('decideErasure', { params: { id: deciding.id }, body: { decision } })} onClose={() => setDeciding(null)} />}
    </section>
  );
}
