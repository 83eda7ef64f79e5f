import type { WorklistRow } from '@primum/contract';
import { Link } from '@tanstack/react-router';
import { changeWords, riskCaption } from '../risk/format-risk.ts';
import type { Thresholds } from '../risk/risk-bar.tsx';
import { RiskFigure } from '../risk/risk-figure.tsx';
import { Sparkline } from '../risk/sparkline.tsx';
import { stateWords } from '../risk/state-words.ts';
import type { Columns } from '../ui/data-table.tsx';
import { DirectionMark, StateMark } from '../ui/state-mark.tsx';
import { AlertCell } from './alert-cell.tsx';
import type { ShownRow } from './use-frozen-rows.ts';
import { VitalCell } from './vital-cell.tsx';
import styles from './worklist.module.css';

const vitalNames = [['HR', '/min'], ['RR', '/min'], ['MAP', 'mmHg'], ['SpO₂', '%'], ['Temp', '°C']] as const;

/** A row of the worklist, left to right. `units` are the sources' own for the five vitals, empty where none is known. */
export function worklistColumns(thresholds: Thresholds, units: readonly string[]): Columns<ShownRow> {
  return [
    { id: 'bed', header: 'Bed', cell: ({ row }) => <strong className={styles['bed']}>{row.original.row.bed}</strong> },
    { id: 'patient', header: 'Patient', cell: ({ row }) => <PatientCell row={row.original.row} /> },
    { id: 'state', header: 'State', cell: ({ row }) => <StateCell row={row.original.row} /> },
    { id: 'risk', header: () => <span title={riskCaption}>Risk, 6 h</span>, cell: ({ row }) => <RiskFigure risk={row.original.row.risk} thresholds={thresholds} /> },
    { id: 'trend', header: 'Last 12 h', cell: ({ row }) => <Sparkline trend={row.original.row.trend12h} thresholds={thresholds} /> },
    { id: 'change', header: 'Change, 4 h', cell: ({ row }) => <ChangeCell row={row.original.row} /> },
    { id: 'drivers', header: 'What moved it most', cell: ({ row }) => <DriversCell row={row.original.row} /> },
    ...vitalNames.map(([name, unit], index) => ({
      id: name,
      header: () => <>{name}<br /><span className={styles['unit']}>{units[index] || unit}</span></>,
      cell: ({ row }: { row: { original: ShownRow } }) => <VitalCell reading={row.original.row.vitals[index]} />,
    })),
    { id: 'owner', header: 'Alert’s owner', cell: ({ row }) => <AlertCell row={row.original.row} /> },
  ];
}

function PatientCell({ row: { stayId, identity, inTraining } }: { row: WorklistRow }) {
  return (
    <div className={styles['patient']}>
      <Link to="/stays/$stayId" params={{ stayId }}>{identity.name}</Link>
      <span className="quiet">{identity.birthDate} · {identity.mrn}{inTraining && <> · <abbr title="this stay was in the model's training data">in training</abbr></>}</span>
    </div>
  );
}

function StateCell({ row }: { row: WorklistRow }) {
  const { shape, word } = stateWords(row);
  return <span className={styles['state']} data-alert={shape === 'alert'}><StateMark shape={shape} /> {word}</span>;
}

function ChangeCell({ row }: { row: WorklistRow }) {
  const change = changeWords(row.risk);
  if (change === null) return <span className="quiet">—<span className="unseen"> not known</span></span>;
  if (change.direction === 'same') return <span className="quiet">{change.text}</span>;
  return <span className={styles['change']}><DirectionMark raises={change.direction === 'up'} word={change.direction === 'up' ? 'up' : 'down'} /> {change.text}</span>;
}

/** What a team did, or didn't measure, is set in italics: it isn't how the patient is. */
const groupWords = { physiology: 'physiology', process: 'care process', missing: 'not measured' } as const;

function DriversCell({ row }: { row: WorklistRow }) {
  if (row.risk.status === 'ineligible') return null; // no score, so nothing moved it
  return (
    <ul className={styles['drivers']}>
      {row.drivers.map((driver) => (
        <li key={driver.feature} title={`${driver.label} ${driver.text} (${groupWords[driver.group]})`}>
          <DirectionMark raises={driver.points > 0} word={driver.points > 0 ? 'raises' : 'lowers'} />
          <span className={styles['driverLabel']} data-group={driver.group}>{driver.label}</span> <span>{driver.text}</span>
        </li>
      ))}
    </ul>
  );
}
