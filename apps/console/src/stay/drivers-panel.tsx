import type { Driver, StayPage } from '@primum/contract';
import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { percentText } from '../risk/format-risk.ts';
import { whenText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { groupDrivers, pointsText, type DriverGroup } from './group-drivers.ts';
import styles from './stay.module.css';

const shownAtFirst = 5;

/** What moved the last score, in points of log-odds. A present score's drivers and an old one's look alike, so the time stands first. */
export function DriversPanel({ stay: { drivers, expectedPoints, risk } }: { stay: StayPage }) {
  const nowMs = useWardNow();
  const groups = useMemo(() => groupDrivers(drivers), [drivers]);
  const strongest = Math.max(0.01, ...drivers.map(({ points }) => Math.abs(points)));
  const total = (expectedPoints ?? 0) + groups.reduce((sum, group) => sum + group.sum, 0);
  return (
    <section className="panel" aria-labelledby="drivers-heading">
      <h2 id="drivers-heading">What moved the score</h2>
      {drivers.length === 0
        ? <p className="quiet">No score has been made yet.</p>
        : (
          <>
            <p className={styles['caption']}>
              {risk.asOf !== null && `The score of ${whenText(risk.asOf, nowMs)}${risk.probability === null ? '' : ` (${percentText(risk.probability)})`}, `}in points (log-odds). What raises or lowers a score need not be what makes the patient ill.
            </p>
            <div className={styles['groups']}>{groups.map((group) => <Group key={group.group} group={group} strongest={strongest} />)}</div>
            {expectedPoints !== null && (
              <p className={styles['sum']}>starts at {pointsText(expectedPoints)} · {groups.map(({ title, sum }) => `${title.toLowerCase()} ${pointsText(sum)}`).join(' · ')} · together {pointsText(total)} points</p>
            )}
          </>
        )}
    </section>
  );
}

function Group({ group: { title, explains, sum, drivers }, strongest }: { group: DriverGroup; strongest: number }) {
  const [all, setAll] = useState(false);
  const shown = all ? drivers : drivers.slice(0, shownAtFirst);
  return (
    <div>
      <h3>{title} <span className="quiet">{pointsText(sum)} · {explains}</span></h3>
      <table className={styles['drivers']}>
        <tbody>{shown.map((driver) => <DriverRow key={driver.feature} driver={driver} strongest={strongest} />)}</tbody>
      </table>
      {drivers.length > shownAtFirst && <Button variant="default" size="compact-xs" onClick={() => setAll(!all)}>{all ? 'Show the strongest' : `Show all ${drivers.length}`}</Button>}
    </div>
  );
}

const half = 50;

function DriverRow({ driver: { label, text, points }, strongest }: { driver: Driver; strongest: number }) {
  const length = (Math.abs(points) / strongest) * half;
  const word = points > 0 ? 'raises' : points < 0 ? 'lowers' : 'neutral';
  return (
    <tr>
      <th scope="row">{label}</th>
      <td className={styles['driverValue']}>{text}</td>
      <td className={styles['points']}>{pointsText(points)}</td>
      <td>
        <svg width={2 * half + 2} height="12" aria-hidden="true">
          <line x1={half} x2={half} y1="0" y2="12" stroke="var(--strong-line)" />
          <rect x={points > 0 ? half : half - length} y="2" width={length} height="8" fill={points > 0 ? 'var(--higher)' : 'var(--lower)'} />
        </svg>
      </td>
      <td className="quiet">{word}</td>
    </tr>
  );
}
