import { Button, PasswordInput, TextInput } from '@mantine/core';
import { routes, type SessionView } from '@primum/contract';
import { queryOptions, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { EnrolFactor } from '../account/enrol-factor.tsx';
import { PasswordForm } from '../account/password-form.tsx';
import { markActivity } from '../api/activity.ts';
import { addressOf, callApi } from '../api/client.ts';
import { askPasskey, passkeysWork } from '../api/passkeys.ts';
import { sessionQuery } from '../api/queries.ts';
import { DemonstrationNote } from '../shell/demonstration-note.tsx';
import { landingFor } from '../shell/places.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { FactorForm } from './factor-form.tsx';
import styles from './sign-in-page.module.css';

/** Signing in, step by step: what the session's state says is due. A session that was left half-way goes on where it stood. */
export function SignInPage() {
  const { next, why } = useSearch({ from: '/sign-in' });
  const navigate = useNavigate();
  const client = useQueryClient();
  const { data: found } = useQuery({ ...sessionQuery, retry: false, refetchOnWindowFocus: false });
  /** Of the last step taken here; undefined until one was. */
  const [taken, setTaken] = useState<SessionView | null>();

  const step = async (session: SessionView): Promise<void> => {
    markActivity();
    client.clear(); // nothing of whoever was here before
    client.setQueryData(sessionQuery.queryKey, session);
    setTaken(session);
    if (session.state === 'full') await navigate({ href: next ?? landingFor(session) ?? '/', replace: true });
  };
  const startAgain = async (): Promise<void> => {
    setTaken(null);
    await callApi('signOut', {}).catch(() => undefined);
    client.clear();
  };
  const session = taken === undefined ? found : taken;
  const state = session?.state ?? 'full'; // nobody, or somebody who came here though signed in
  return (
    <main className={styles['page']}>
      <div className={styles['form']}>
        <h1>Primum</h1>
        <DemonstrationNote />
        {why === 'idle' && <p role="status">You were signed out because nobody used this console for a while.</p>}
        {state === 'full' && <><PasswordStep onDone={step} /><ExternalSignIn next={next} /></>}
        {state === 'second-factor' && <><h2>Second factor</h2><FactorForm ways={['code', 'recovery']} onDone={step} submitText="Sign in" /></>}
        {state === 'password-change' && <><h2>Choose a password of your own</h2><PasswordForm onDone={step} /></>}
        {state === 'enrolment' && <><h2>Add a second factor</h2><p>Nobody works here with a password alone.</p><EnrolFactor onDone={step} /></>}
        {state !== 'full' && <Button variant="subtle" onClick={() => void startAgain()}>Start again</Button>}
      </div>
    </main>
  );
}

/** Where the hospital signs its people in elsewhere. The browser leaves for that issuer and comes back signed in. */
function ExternalSignIn({ next }: { next: string | undefined }) {
  const { data } = useQuery(externalIssuerQuery);
  if (data === undefined || data.name === null) return null;
  return <Button component="a" variant="default" size="sm" href={addressOf(routes.externalSignIn.path, {}, { next })}>Sign in with {data.name}</Button>;
}

const externalIssuerQuery = queryOptions({ queryKey: ['external-issuer'], queryFn: ({ signal }) => callApi('externalIssuer', {}, signal), staleTime: Infinity, retry: false });

function PasswordStep({ onDone }: { onDone: (session: SessionView) => Promise<void> }) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useMutation({
    mutationFn: async (passkey: boolean) => (passkey
      ? callApi('passkeySignIn', { body: { passkey: await askPasskey(await callApi('passkeySignInOptions', {})) } })
      : callApi('signIn', { body: { username: username.trim(), password } })),
    onSuccess: onDone,
  });
  return (
    <form className={styles['steps']} onSubmit={(event) => { event.preventDefault(); signIn.mutate(false); }}>
      <TextInput label="User" name="username" autoComplete="username webauthn" required value={username} onChange={(event) => setUsername(event.currentTarget.value)} />
      <PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.currentTarget.value)} />
      {signIn.isError && <FailureNote error={signIn.error} />}
      <Button type="submit" size="sm" loading={signIn.isPending}>Sign in</Button>
      {passkeysWork() && <Button variant="default" size="sm" disabled={signIn.isPending} onClick={() => signIn.mutate(true)}>Sign in with a passkey</Button>}
    </form>
  );
}
