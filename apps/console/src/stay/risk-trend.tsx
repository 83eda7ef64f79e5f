import type { StayPage } from '@primum/contract';
import { useMemo } from 'react';
import { percentText, riskCaption } from '../risk/format-risk.ts';
import { whenText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { annotationKinds } from './annotations.ts';
import { riskLine } from './open-gaps.ts';
import styles from './stay.module.css';
import { TimeChart } from './time-chart.tsx';

/** Risk over the page's interval with what happened on it; hours without a score stay open. */
export function RiskTrend({ stay, from, to }: { stay: StayPage; from: number; to: number }) {
  const nowMs = useWardNow();
  const line = useMemo(() => riskLine(stay.trend), [stay.trend]);
  const marks = useMemo(() => stay.annotations.map(({ at, kind }) => ({ at: Date.parse(at) / 1000, symbol: annotationKinds[kind].symbol })), [stay.annotations]);
  const thresholds = useMemo(() => stay.model?.thresholds.map(({ raise }) => raise) ?? [], [stay.model]);
  const scores = line.y.filter((value) => value !== null);
  const withheld = stay.trend.filter(({ status }) => status === 'withheld').length;
  const summary = scores.length === 0
    ? 'no score in this interval'
    : `from ${percentText(scores[0] ?? 0)} to ${percentText(scores.at(-1) ?? 0)}, highest ${percentText(Math.max(...scores))}${withheld === 0 ? '' : `, ${withheld} hours withheld`}`;
  return (
    <section className="panel" aria-labelledby="risk-heading">
      <h2 id="risk-heading">Risk</h2>
      <p className={styles['caption']}>{riskCaption}; log scale, alert thresholds dashed, hours without a score left open</p>
      <TimeChart title="Risk" summary={summary} line={line} from={from} to={to} height={170} format={percentText} logRisk thresholds={thresholds} marks={marks} timeLabels />
      {stay.annotations.length > 0 && (
        <ul className={styles['annotations']} aria-label="What happened">
          {stay.annotations.map(({ at, kind, text }) => (
            <li key={`${at} ${kind} ${text}`}><span aria-hidden="true">{annotationKinds[kind].symbol}</span> {whenText(at, nowMs)} <span className="unseen">{annotationKinds[kind].word}:</span>{text}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
