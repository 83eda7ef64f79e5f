import type { StayPage } from '@primum/contract';
import { Button } from '@mantine/core';
import { useAlertActions, type AlertTarget } from '../alerts/alert-actions.tsx';
import { ownerText } from '../alerts/alert-words.ts';
import { changeWords, riskCaption, tierText } from '../risk/format-risk.ts';
import { RiskFigure } from '../risk/risk-figure.tsx';
import { ageText, minutesSince, whenText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { StateMark } from '../ui/state-mark.tsx';
import styles from './stay.module.css';

/** First on the page: the present risk, the alert, and what may be done about it. */
export function AlertPanel({ stay, target }: { stay: StayPage; target: AlertTarget | null }) {
  const change = changeWords(stay.risk);
  return (
    <section className={`panel ${styles['alertPanel'] ?? ''}`} aria-label="Alert and risk" data-open={stay.alert?.status === 'open'}>
      <div className={styles['now']}>
        <RiskFigure risk={stay.risk} thresholds={stay.model?.thresholds ?? []} large />
        <span className="quiet">{riskCaption}{change !== null && `; ${change.direction === 'same' ? 'no change over 4 h' : `${change.direction} ${change.text} 4 h ago`}`}</span>
      </div>
      {target === null ? <p className="quiet">No alert.</p> : <Present target={target} />}
    </section>
  );
}

function Present({ target }: { target: AlertTarget }) {
  const nowMs = useWardNow();
  const { allowed, start } = useAlertActions();
  const { alert } = target;
  return (
    <div className={styles['present']}>
      <h2><StateMark shape={alert.status === 'open' ? 'alert' : 'alert-owned'} /> {tierText(alert.tier)} since {whenText(alert.raisedAt, nowMs)} ({ageText(minutesSince(alert.raisedAt, nowMs))})</h2>
      <span>{ownerText(alert, nowMs)}</span>
      {alert.evidenceWithdrawnAt !== null && <span className="lower">A value that this alert rested on was corrected or withdrawn at {whenText(alert.evidenceWithdrawnAt, nowMs)}.</span>}
      <span className={styles['buttons']}>
        {allowed('acknowledge', alert) && <Button size="sm" onClick={() => start('acknowledge', target)}>{alert.status === 'open' ? 'Acknowledge (A)' : 'Change acknowledgement (A)'}</Button>}
        {allowed('snooze', alert) && <Button size="sm" variant="default" onClick={() => start('snooze', target)}>Snooze (S)</Button>}
      </span>
    </div>
  );
}
