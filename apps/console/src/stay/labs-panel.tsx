import type { LabRow, Series, StayPage } from '@primum/contract';
import { ageText, minutesSince } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { ClockMark, DirectionMark } from '../ui/state-mark.tsx';
import { useMemo } from 'react';
import { ValueLine } from './value-line.tsx';
import styles from './stay.module.css';

const flagWords = { implausible: 'implausible, not used', 'unit-unknown': 'unit unknown, not used', unmapped: 'code not mapped' } as const;
type Row = { lab: LabRow; series: Series | undefined };

const columns: Columns<Row> = [
  { id: 'lab', header: 'Test', cell: ({ row: { original: { lab } } }) => lab.reading.label },
  { id: 'value', header: 'Value', cell: ({ row: { original: { lab } } }) => <Value lab={lab} /> },
  { id: 'unit', header: 'Unit', cell: ({ row: { original: { lab } } }) => <span className="quiet">{lab.reading.unit}</span> },
  { id: 'range', header: 'Range', cell: ({ row: { original: { lab } } }) => <span className="quiet">{lab.range ?? '—'}</span> },
  { id: 'change', header: 'Change', cell: ({ row: { original: { lab } } }) => changeText(lab.change) },
  { id: 'trend', header: 'Trend', cell: ({ row: { original: { series } } }) => series !== undefined && <ValueLine points={series.points} /> },
  { id: 'age', header: 'Age', cell: ({ row: { original: { lab } } }) => <Age lab={lab} /> },
];

/** Laboratory results as the source sent them. */
export function LabsPanel({ labs, labSeries, unmapped }: Pick<StayPage, 'labs' | 'labSeries' | 'unmapped'>) {
  const rows = useMemo(() => labs.map((lab): Row => ({ lab, series: labSeries.find(({ code }) => code === lab.reading.code) })), [labs, labSeries]);
  return (
    <section className="panel" aria-labelledby="labs-heading">
      <h2 id="labs-heading">Laboratory</h2>
      <DataTable caption="latest result of each test; change from the one before" columns={columns} rows={rows} rowId={({ lab }) => lab.reading.code} empty="No laboratory result in this stay." />
      {unmapped.length > 0 && <p className="quiet">Codes of this site that no mapping knows, kept and not used: {unmapped.map(({ code, times }) => `${code} (${times})`).join(', ')}.</p>}
    </section>
  );
}

function Value({ lab: { reading, outOfRange } }: { lab: LabRow }) {
  if (reading.flag !== null) return <em>{flagWords[reading.flag]}</em>;
  return (
    <span className={styles['value']}>
      <strong>{reading.text ?? '—'}</strong>
      {outOfRange !== null && <span> <DirectionMark raises={outOfRange === 'high'} word="" /> {outOfRange}</span>}
      {reading.corrected && <abbr className={styles['corrected']} title="corrected by the source">corr.</abbr>}
    </span>
  );
}

function Age({ lab: { reading } }: { lab: LabRow }) {
  const age = ageText(minutesSince(reading.at, useWardNow()));
  return reading.stale ? <span className={styles['stale']}><ClockMark /><span className="unseen">past its age </span> {age}</span> : <span>{age}</span>;
}

function changeText(change: number | null): string {
  if (change === null) return '—';
  const rounded = Number(change.toFixed(2));
  return rounded === 0 ? 'none' : rounded > 0 ? `+${rounded}` : `−${Math.abs(rounded)}`;
}
