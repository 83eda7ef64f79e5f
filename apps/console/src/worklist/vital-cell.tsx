import type { WorklistRow } from '@primum/contract';
import { ageText, minutesSince, shortAgeText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { ClockMark } from '../ui/state-mark.tsx';
import styles from './worklist.module.css';

const flagWords = {
  implausible: ['✕ impl.', 'implausible, not used'], 'unit-unknown': ['✕ unit', 'unit unknown, not used'], unmapped: ['✕ code', 'code not mapped, not used'],
} as const;

/** The server's limit for a vital, kept here while no answer comes. */
const oldestVitalMinutes = 120;

/** A vital at its source's precision with its age; outlined with a clock past its age, flagged where it was corrected or can't be used. */
export function VitalCell({ reading }: { reading: WorklistRow['vitals'][number] | undefined }) {
  const nowMs = useWardNow();
  if (reading === undefined || reading === null) return <span className="quiet" title="never measured">—<span className="unseen"> never measured</span></span>;
  const age = minutesSince(reading.at, nowMs);
  const stale = reading.stale || age > oldestVitalMinutes;
  return (
    <div className={stale ? styles['staleVital'] : styles['vital']} title={`${reading.label} ${ageText(age)} old`}>
      <span>
        {reading.flag === null ? reading.text ?? '—' : <abbr className={styles['flag']} title={flagWords[reading.flag][1]}>{flagWords[reading.flag][0]}</abbr>}
        {reading.corrected && <abbr className={styles['corrected']} title="corrected by the source">corr.</abbr>}
      </span>
      <span className={styles['age']}>{stale && <><ClockMark /><span className="unseen">past its age </span></>}{shortAgeText(age)}</span>
    </div>
  );
}
