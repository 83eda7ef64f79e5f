import type { WorklistRow } from '@primum/contract';
import { useAlertActions } from '../alerts/alert-actions.tsx';
import { ownerText } from '../alerts/alert-words.ts';
import { useWardNow } from '../time/ward-now.tsx';
import styles from './worklist.module.css';

/** Who has the alert, and what may be done with it. */
export function AlertCell({ row: { alert, identity, bed } }: { row: WorklistRow }) {
  const nowMs = useWardNow();
  const { allowed, start } = useAlertActions();
  if (alert === null || alert.status === 'closed') return null;
  const target = { name: identity.name, bed, alert };
  const word = alert.status === 'open' ? 'Acknowledge' : 'Change';
  return (
    <div className={styles['alert']}>
      <span className={alert.status === 'open' ? styles['unowned'] : undefined}>{ownerText(alert, nowMs)}</span>
      {alert.evidenceWithdrawnAt !== null && <span className="lower">evidence withdrawn</span>}
      <span className={styles['actions']}>
        {allowed('acknowledge', alert) && <button type="button" aria-label={`${word}, ${identity.name}`} onClick={() => start('acknowledge', target)}>{word}</button>}
        {allowed('snooze', alert) && alert.status !== 'snoozed' && <button type="button" aria-label={`Snooze, ${identity.name}`} onClick={() => start('snooze', target)}>Snooze</button>}
      </span>
    </div>
  );
}
