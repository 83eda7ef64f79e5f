import { Button } from '@mantine/core';
import styles from './account.module.css';

/** Shown once: nothing here can show them again. */
export function RecoveryCodeList({ codes, onDone }: { codes: readonly string[]; onDone: () => unknown }) {
  return (
    <div className={styles['steps']}>
      <p><strong>Recovery codes.</strong> Each signs you in once in the place of your second factor. Print them or keep them in a password manager; they are shown this once.</p>
      <ol className={`${styles['codes']} mono`}>{codes.map((code) => <li key={code}>{code}</li>)}</ol>
      <Button onClick={() => void onDone()}>I have put them away</Button>
    </div>
  );
}
