import type { FeedIssue, FeedsPage as Feeds, Figures, QuarantineRow, UnmappedCode } from '@primum/contract';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { feedsQuery } from '../api/queries.ts';
import { ConnectionNote } from '../connection/connection-note.tsx';
import { dateTimeText } from '../time/ward-clock.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useMay } from '../shell/use-session.ts';
import styles from './feeds.module.css';
import { QualityNote } from '../quality/silent-feeds.tsx';
import { CoverageDialog } from './coverage-dialog.tsx';
import { SendingPanel } from './sending-panel.tsx';
import { QuarantineDialog } from './quarantine-dialog.tsx';

type Feed = Feeds['feeds'][number];
const instantOr = (instant: string | null, otherwise: string): string => (instant === null ? otherwise : dateTimeText(instant));

const policyWords = { accept: 'kept, listed below', quarantine: 'set aside', reject: 'refused (AE)' } as const;

const feedColumns = (cover: (source: string) => void, mayCover: boolean): Columns<Feed> => [
  { id: 'source', header: 'Source', cell: ({ row }) => <strong>{row.original.source}</strong> },
  { id: 'site', header: 'Site', cell: ({ row }) => row.original.site },
  { id: 'mapping', header: 'Mapping', cell: ({ row }) => row.original.mapping },
  { id: 'validation', header: 'Not valid FHIR', cell: ({ row }) => policyWords[row.original.validation] },
  { id: 'received', header: 'Received', cell: ({ row }) => row.original.received },
  { id: 'last', header: 'Last message', cell: ({ row }) => instantOr(row.original.lastMessageAt, 'never') },
  { id: 'waiting', header: 'Waiting', cell: ({ row }) => row.original.waiting },
  { id: 'quarantined', header: 'In quarantine', cell: ({ row }) => row.original.quarantined },
  { id: 'lost', header: 'Lost fields', cell: ({ row }) => mayCover && <Button variant="default" size="compact-xs" aria-label={`Show which fields of ${row.original.source} are lost`} onClick={() => cover(row.original.source)}>Show</Button> },
];

const unmappedColumns: Columns<UnmappedCode> = [
  { id: 'source', header: 'Source', cell: ({ row }) => row.original.source },
  { id: 'code', header: 'Code', cell: ({ row }) => <span className="mono">{row.original.code}</span> },
  { id: 'unit', header: 'Unit', cell: ({ row }) => <span className="mono">{row.original.unit}</span> },
  { id: 'why', header: 'Not known', cell: ({ row }) => (row.original.why === 'code' ? 'the code' : 'the unit') },
  { id: 'times', header: 'Times', cell: ({ row }) => row.original.times },
  { id: 'last', header: 'Last', cell: ({ row }) => dateTimeText(row.original.lastAt) },
];

const issueColumns: Columns<FeedIssue> = [
  { id: 'source', header: 'Source', cell: ({ row }) => row.original.source },
  { id: 'expression', header: 'Element', cell: ({ row }) => <span className="mono">{row.original.expression}</span> },
  { id: 'detail', header: 'What', cell: ({ row }) => (row.original.severity === 'error' ? row.original.detail : `${row.original.detail} (warning)`) },
  { id: 'times', header: 'Messages', cell: ({ row }) => row.original.times },
  { id: 'last', header: 'Last', cell: ({ row }) => dateTimeText(row.original.lastAt) },
];

const quarantineColumns = (open: (id: string) => void, mayOpen: boolean): Columns<QuarantineRow> => [
  { id: 'received', header: 'Received', cell: ({ row }) => dateTimeText(row.original.receivedAt) },
  { id: 'source', header: 'Source', cell: ({ row }) => row.original.source ?? 'unknown' },
  { id: 'type', header: 'Type', cell: ({ row }) => row.original.type },
  { id: 'control', header: 'Control ID', cell: ({ row }) => <span className="mono">{row.original.controlId}</span> },
  { id: 'why', header: 'Why', cell: ({ row }) => <><span className="mono">{row.original.code}</span> {row.original.detail}<br /><span className="quiet">{row.original.action}</span></> },
  { id: 'open', header: 'Message', cell: ({ row }) => mayOpen && <Button variant="default" size="compact-xs" aria-label={`Open ${row.original.controlId}`} onClick={() => open(row.original.id)}>Open</Button> },
];

export function FeedsPage() {
  const { data, error } = useQuery(feedsQuery);
  const mayOpen = useMay('quarantine.read');
  const mayCover = useMay('feed.manage');
  const [covered, setCovered] = useState<string | null>(null);
  const [feeds] = useState(() => feedColumns(setCovered, mayCover));
  const [opened, setOpened] = useState<string | null>(null);
  const [quarantine] = useState(() => quarantineColumns(setOpened, mayOpen));
  if (data === undefined) return <div className={styles['page']}>{error === null ? 'Loading the feeds …' : <FailureNote error={error} title="The feeds could not be loaded" />}</div>;
  return (
    <div className={styles['page']}>
      <h1>Feeds</h1>
      <ConnectionNote />
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      <FiguresLine figures={data.figures} />
      <QualityNote />
      <section className="panel"><DataTable caption="Sources that send HL7 messages" columns={feeds} rows={data.feeds} rowId={({ source, site }) => `${site} ${source}`} empty="No source has sent anything yet." /></section>
      <section className="panel"><DataTable caption="Codes and units that no mapping knows: their values are kept and flagged, and not used" columns={unmappedColumns} rows={data.unmapped} rowId={({ source, code, unit }) => `${source} ${code} ${unit}`} empty="Every code and unit that came is mapped." /></section>
      <section className="panel"><DataTable caption="What is not valid FHIR in what messages become" columns={issueColumns} rows={data.issues} rowId={({ source, expression, detail, severity }) => `${source} ${expression} ${severity} ${detail}`} empty="Everything that messages became is valid FHIR R4." /></section>
      <section className="panel"><DataTable caption="Quarantine: messages that could not be applied, kept whole" columns={quarantine} rows={data.quarantine} rowId={({ id }) => id} empty="Nothing is in quarantine." /></section>
      <SendingPanel />
      {covered !== null && <CoverageDialog source={covered} onClose={() => setCovered(null)} />}
      {opened !== null && <QuarantineDialog id={opened} onClose={() => setOpened(null)} />}
    </div>
  );
}

function FiguresLine({ figures }: { figures: Figures }) {
  const ms = (value: number | null): string => (value === null ? '—' : `${value.toFixed(1)} ms`);
  const shown = [
    ['messages in', figures.messagesIn], ['applied', figures.messagesApplied], ['waiting', figures.waiting], ['in quarantine', figures.quarantined],
    ['predictions', figures.predictions], ['alerts', figures.alerts], ['p50', ms(figures.p50Ms)], ['p99', ms(figures.p99Ms)],
  ] as const;
  return <dl className={styles['figures']}>{shown.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}
