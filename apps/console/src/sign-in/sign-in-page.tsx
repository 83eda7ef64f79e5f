import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { sessionQuery } from '../api/queries.ts';
import { DemonstrationNote } from '../shell/demonstration-note.tsx';
import { landingFor } from '../shell/places.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './sign-in-page.module.css';

export function SignInPage() {
  const { next } = useSearch({ from: '/sign-in' });
  const navigate = useNavigate();
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: () => callApi('signIn', { body: { username: username.trim(), password } }),
    async onSuccess(session) {
      client.clear(); // nothing of whoever was here before
      client.setQueryData(sessionQuery.queryKey, session);
      await navigate({ href: next ?? landingFor(session) ?? '/', replace: true });
    },
  });
  return (
    <main className={styles.page}>
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          signIn.mutate();
        }}
      >
        <h1>Primum</h1>
        <DemonstrationNote />
        <TextInput label="User" name="username" autoComplete="username" required value={username} onChange={(event) => setUsername(event.currentTarget.value)} />
        <PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
        {signIn.isError && <FailureNote error={signIn.error} />}
        <Button type="submit" size="sm" loading={signIn.isPending}>Sign in</Button>
      </form>
    </main>
  );
}
