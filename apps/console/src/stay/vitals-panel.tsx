import type { Series } from '@primum/contract';
import { useMemo } from 'react';
import { dateTimeText } from '../time/ward-clock.ts';
import { openGaps } from './open-gaps.ts';
import styles from './stay.module.css';
import { TimeChart } from './time-chart.tsx';

type Interval = { from: number; to: number };

/** LOINC: heart rate, respiratory rate, mean, systolic and diastolic pressure, SpO2, temperature; then whatever else came. */
const order = ['8867-4', '9279-1', '8478-0', '8480-6', '8462-4', '59408-5', '8310-5'];
const placeOf = ({ code }: Series): number => (order.includes(code) ? order.indexOf(code) : order.length);

/** Vitals one above the other on the risk's time axis, and the same figures as a table. */
export function VitalsPanel({ vitals, from, to }: { vitals: Series[] } & Interval) {
  const ordered = useMemo(() => vitals.toSorted((a, b) => placeOf(a) - placeOf(b)), [vitals]);
  return (
    <section className="panel" aria-labelledby="vitals-heading">
      <h2 id="vitals-heading">Vitals</h2>
      {vitals.length === 0 && <p className="quiet">No vitals in this interval.</p>}
      {ordered.map((series, index) => <VitalChart key={series.code} series={series} from={from} to={to} timeLabels={index === ordered.length - 1} />)}
      {vitals.length > 0 && <details><summary>Vitals as a table</summary><VitalsTable vitals={ordered} /></details>}
    </section>
  );
}

function VitalChart({ series, from, to, timeLabels }: { series: Series; timeLabels: boolean } & Interval) {
  const line = useMemo(() => openGaps(series.points), [series.points]);
  const values = line.y.filter((value) => value !== null);
  const { unit } = series;
  const format = (value: number): string => `${Number(value.toFixed(2))} ${unit}`.trim();
  const summary = values.length === 0 ? 'no value in this interval' : `${values.length} values from ${format(Math.min(...values))} to ${format(Math.max(...values))}, last ${format(values.at(-1) ?? 0)}`;
  return <TimeChart title={unit === '' ? series.label : `${series.label}, ${unit}`} summary={summary} line={line} from={from} to={to} height={timeLabels ? 96 : 74} format={format} timeLabels={timeLabels} />;
}

const longestTable = 60;

/** The newest values of each vital, hour by hour: the last one of the hour. */
function VitalsTable({ vitals }: { vitals: Series[] }) {
  const { hours, cells } = useMemo(() => lastOfHours(vitals), [vitals]);
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <div className={styles['scroll']} tabIndex={0} role="region" aria-label="Vitals, hour by hour">
      <table className="data-table">
        <caption>Last value of each hour, newest first; * corrected by the source</caption>
        <thead><tr><th scope="col">Hour from</th>{vitals.map(({ code, label, unit }) => <th key={code} scope="col" className="number">{label}, {unit}</th>)}</tr></thead>
        <tbody>
          {hours.map((hour) => (
            <tr key={hour}><th scope="row">{dateTimeText(hour * 3_600_000)}</th>{vitals.map(({ code }) => <td key={code} className="number">{cells.get(`${code} ${hour}`) ?? ''}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function lastOfHours(vitals: readonly Series[]): { hours: number[]; cells: Map<string, string> } {
  const cells = new Map<string, string>();
  const hours = new Set<number>();
  for (const { code, points } of vitals) {
    for (const { at, value, corrected, flag } of points) {
      const hour = Math.floor(Date.parse(at) / 3_600_000);
      hours.add(hour);
      cells.set(`${code} ${hour}`, `${value === null ? flag ?? 'missing' : Number(value.toFixed(2))}${corrected ? '*' : ''}`);
    }
  }
  return { hours: [...hours].sort((a, b) => b - a).slice(0, longestTable), cells };
}
