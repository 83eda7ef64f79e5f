import type { StayPage } from '@primum/contract';
import { Link } from '@tanstack/react-router';
import { ageText, dateTimeText, minutesSince } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { LaunchApps } from './launch-apps.tsx';
import styles from './stay.module.css';

const statusWords = { 'in-progress': null, finished: 'discharged', cancelled: 'admission cancelled' } as const;

/** Who this is; stands in sight while the page scrolls. */
export function StayHeader({ stay: { stayId, identity, ward, bed, icuFrom, inTraining, alreadyTreated, status } }: { stay: StayPage }) {
  const nowMs = useWardNow();
  const marks = [
    statusWords[status],
    alreadyTreated ? 'already on treatment' : null,
    inTraining ? 'this stay was in the model’s training data' : null,
  ].filter((mark) => mark !== null);
  return (
    <div className={styles['header']}>
      <Link to="/worklist" className={styles['back']}>← Worklist</Link>
      <h1>{identity.name}</h1>
      <span>{identity.sex}{identity.ageYears === null ? '' : `, ${Math.floor(identity.ageYears)} y`}</span>
      <span>born {identity.birthDate}</span>
      <span>MRN {identity.mrn}</span>
      <strong>{ward} {bed}</strong>
      {icuFrom !== null && <span className="quiet">in the ICU since {dateTimeText(icuFrom)} ({ageText(minutesSince(icuFrom, nowMs))})</span>}
      {marks.map((mark) => <span key={mark} className={styles['mark']}>{mark}</span>)}
      <LaunchApps stayId={stayId} />
    </div>
  );
}
