import { Button, PasswordInput } from '@mantine/core';
import type { SessionView } from '@primum/contract';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './account.module.css';

/** The old password and a new one; ends all other sessions. */
export function PasswordForm({ onDone }: { onDone: (session: SessionView) => unknown }) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useMutation({
    mutationFn: () => callApi('changePassword', { body: { current, next } }),
    async onSuccess(session) {
      setCurrent('');
      setNext('');
      await onDone(session);
    },
  });
  return (
    <form className={styles['steps']} onSubmit={(event) => { event.preventDefault(); change.mutate(); }}>
      <PasswordInput label="Present password" name="current" autoComplete="current-password" required value={current} onChange={(event) => setCurrent(event.currentTarget.value)} />
      <PasswordInput label="New password" description="At least 12 characters; four unrelated words do well." name="next" autoComplete="new-password" required minLength={12} maxLength={200} value={next} onChange={(event) => setNext(event.currentTarget.value)} />
      {change.isError && <FailureNote error={change.error} />}
      <Button type="submit" loading={change.isPending}>Change password</Button>
    </form>
  );
}
