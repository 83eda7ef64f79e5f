import { asFailure } from '../api/failure.ts';
import styles from './failure-note.module.css';

/** The one way in which the console shows an error: what happened, what to do next, and the code to report. */
export function FailureNote({ error, title }: { error: unknown; title?: string }) {
  const failure = asFailure(error);
  return (
    <div role="alert" className={styles.note}>
      <strong>{title === undefined ? failure.message : `${title}: ${failure.message}`}</strong>
      <span>{failure.action}</span>
      <code className="mono quiet">{failure.code}</code>
    </div>
  );
}
