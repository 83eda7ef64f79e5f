import type { RiskView } from '@primum/contract';
import { ageText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { ClockMark } from '../ui/state-mark.tsx';
import { percentText, riskWords } from './format-risk.ts';
import { RiskBar, type Thresholds } from './risk-bar.tsx';
import styles from './risk-figure.module.css';

/** A risk as figure, bar and age; outlined with a clock past its age; in words where there is no present score. */
export function RiskFigure({ risk, thresholds, large = false }: { risk: RiskView; thresholds: Thresholds; large?: boolean }) {
  const nowMs = useWardNow();
  const words = riskWords(risk, nowMs, !large);
  if (words.kind === 'absent') {
    return (
      <div className={large ? styles.absentLarge : styles.absent}>
        <span title={risk.reasons.join('; ')}>{words.text}</span>
        {words.last !== null && <RiskBar probability={words.last} thresholds={thresholds} present={false} />}
      </div>
    );
  }
  const { probability, ageMinutes, stale } = words;
  return (
    <div className={`${(stale ? styles.stale : styles.present) ?? ''} ${(large ? styles.wide : '') ?? ''}`}>
      <span className={large ? styles.large : styles.figure}>{percentText(probability)}</span>
      <RiskBar probability={probability} thresholds={thresholds} present={!stale} />
      <span className={styles.age}>{stale && <><ClockMark /><span className="unseen">past its age</span> </>}{ageText(ageMinutes)}</span>
    </div>
  );
}
