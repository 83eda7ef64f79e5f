import { dataClasses, type DataClass, type RetentionView } from '@primum/contract';
import { Button, Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { holdsQuery, retentionQuery } from './queries.ts';
import { StatementDialog } from './statement-dialog.tsx';
import { Holds } from './subject-panel.tsx';

type ClassRow = RetentionView['classes'][number];
type Run = RetentionView['runs'][number];
const days = (count: number | null): string => (count === null ? 'never' : count % 365 === 0 && count > 0 ? `after ${count / 365} y` : `after ${count} d`);

const runs: Columns<Run> = [
  { id: 'at', header: 'At', cell: ({ row }) => dateTimeText(row.original.at) },
  { id: 'class', header: 'Class', cell: ({ row }) => row.original.dataClass },
  { id: 'action', header: 'Did', cell: ({ row: { original } }) => (original.held ? `nothing: held (${original.action})` : original.action) },
  { id: 'before', header: 'Older than', cell: ({ row }) => row.original.before.slice(0, 10) },
  { id: 'rows', header: 'Rows', cell: ({ row }) => row.original.rows },
];

const classes = (hold: (dataClass: DataClass) => void): Columns<ClassRow> => [
  { id: 'class', header: 'Class', cell: ({ row }) => <strong>{row.original.dataClass}</strong> },
  { id: 'archive', header: 'Archived', cell: ({ row }) => days(row.original.archiveAfterDays) },
  { id: 'dispose', header: 'Disposed of', cell: ({ row }) => days(row.original.disposeAfterDays) },
  { id: 'due', header: 'Due now', cell: ({ row }) => row.original.due.filter(({ rows }) => rows > 0).map(({ action, rows }) => `${rows} to ${action}`).join(', ') },
  { id: 'basis', header: 'Basis', cell: ({ row }) => row.original.basis },
  { id: 'hold', header: 'Hold', cell: ({ row: { original } }) => (original.held ? 'held' : <Button variant="default" size="compact-xs" aria-label={`Hold ${original.dataClass}`} onClick={() => hold(original.dataClass)}>Hold …</Button>) },
];

/** How long each class of data is kept, what the job did, and what is held. */
export function RetentionPanel() {
  const { data, error } = useQuery(retentionQuery);
  const holds = useQuery(holdsQuery);
  const [holding, setHolding] = useState<DataClass | null>(null);
  const [table] = useState(() => classes(setHolding));
  if (data === undefined) return <section className="panel">{error === null ? 'Loading …' : <FailureNote error={error} title="Retention could not be loaded" />}</section>;
  const held = holds.data?.filter(({ dataClass }) => dataClasses.some((name) => name === dataClass)) ?? [];
  return (
    <section className="panel" style={{ overflowX: 'auto' }}>
      <Stack gap="sm">
        <Group gap="xs"><h2 style={{ margin: 0 }}>Retention</h2><span className="quiet">the medical record is kept for {data.recordYearsAfterLastStay} years after the last stay</span></Group>
        <DataTable caption="Classes of data, by the schedule in force" columns={table} rows={data.classes} rowId={({ dataClass }) => dataClass} empty="The schedule names no class." />
        <Holds rows={held} caption="Legal holds on classes of data" />
        <DataTable caption="What the job did" columns={runs} rows={data.runs} rowId={({ at, dataClass, action }) => `${at} ${dataClass} ${action}`} empty="Nothing was due yet." />
      </Stack>
      {holding !== null && <StatementDialog title={`Hold ${holding}`} label="Reason" submit="Place the hold" explain="Until it is released nothing of this class is archived or disposed of." send={(reason) => callApi('placeHold', { body: { dataClass: holding, reason } })} onClose={() => setHolding(null)} />}
    </section>
  );
}
