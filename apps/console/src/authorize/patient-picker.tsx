import { TextInput } from '@mantine/core';
import type { WorklistRow } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { worklistQuery } from '../api/queries.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

const shownAtMost = 50;

const columnsFor = (chosen: string | null, onChoose: (stayId: string) => void): Columns<WorklistRow> => [
  {
    id: 'choose', header: 'Choose',
    cell: ({ row: { original: { stayId, identity } } }) => <input type="radio" name="patient" aria-label={identity.name} checked={stayId === chosen} onChange={() => onChoose(stayId)} />,
  },
  { id: 'name', header: 'Patient', cell: ({ row }) => <strong>{row.original.identity.name}</strong> },
  { id: 'born', header: 'Born', cell: ({ row }) => row.original.identity.birthDate },
  { id: 'mrn', header: 'MRN', cell: ({ row }) => <span className="mono">{row.original.identity.mrn}</span> },
  { id: 'bed', header: 'Bed', cell: ({ row }) => `${row.original.ward} ${row.original.bed}` },
];

/** The patients whom this person treats, by the worklist's own rules. */
export function PatientPicker({ chosen, onChoose }: { chosen: string | null; onChoose: (stayId: string) => void }) {
  const { data, error } = useQuery(worklistQuery(undefined));
  const [text, setText] = useState('');
  const wanted = text.trim().toLowerCase();
  const all = data?.rows;
  const rows = useMemo(() => (all ?? []).filter(({ identity, bed, stayId }) => stayId === chosen || `${identity.name} ${identity.mrn} ${bed}`.toLowerCase().includes(wanted)).slice(0, shownAtMost), [all, wanted, chosen]);
  const columns = useMemo(() => columnsFor(chosen, onChoose), [chosen, onChoose]);
  return (
    <section className="panel">
      <TextInput size="xs" label="Patient" placeholder="Name, MRN or bed" value={text} maxLength={100} onChange={(event) => setText(event.currentTarget.value)} />
      {error !== null && <FailureNote error={error} title="The patients could not be loaded" />}
      {data === undefined && error === null && <p>Loading the patients …</p>}
      {data !== undefined && <DataTable caption={`The app works on one patient: choose (${rows.length} of ${data.rows.length} shown)`} columns={columns} rows={rows} rowId={({ stayId }) => stayId} empty="Nobody on your worklist matches." />}
    </section>
  );
}
