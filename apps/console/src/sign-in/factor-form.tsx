import { Button, TextInput, PasswordInput } from '@mantine/core';
import type { FactorRequest, SessionView } from '@primum/contract';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { askPasskey, passkeysWork } from '../api/passkeys.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './sign-in-page.module.css';

type Way = 'code' | 'recovery' | 'password';
const labels: Record<Way, string> = { code: 'Code of your authenticator app', recovery: 'Recovery code', password: 'Password' };

/** Asks for a second factor: at sign-in, and where a page wants a fresh proof. `ways`: what may be typed; the first is asked for. */
export function FactorForm({ ways, onDone, submitText }: { ways: readonly Way[]; onDone: (session: SessionView) => unknown; submitText: string }) {
  const [way, setWay] = useState<Way>(ways[0] ?? 'code');
  const [text, setText] = useState('');
  const give = useMutation({
    mutationFn: async (passkey: boolean) => {
      if (passkey) return callApi('giveFactor', { body: { passkey: await askPasskey(await callApi('factorOptions', {})) } });
      const typed: Record<Way, FactorRequest> = { code: { code: text.trim() }, recovery: { recoveryCode: text.trim() }, password: { password: text } };
      return callApi('giveFactor', { body: typed[way] });
    },
    onSuccess: onDone,
  });
  const field = { label: labels[way], name: way, required: true, value: text, 'data-autofocus': true, onChange: (event: { currentTarget: { value: string } }) => setText(event.currentTarget.value) };
  return (
    <form className={styles['steps']} onSubmit={(event) => { event.preventDefault(); give.mutate(false); }}>
      {way === 'password'
        ? <PasswordInput {...field} autoComplete="current-password" />
        : <TextInput {...field} autoComplete="one-time-code" {...(way === 'code' ? { inputMode: 'numeric' as const, maxLength: 12, pattern: '[0-9 ]{6,12}' } : { maxLength: 60 })} />}
      {give.isError && <FailureNote error={give.error} />}
      <Button type="submit" size="sm" loading={give.isPending}>{submitText}</Button>
      {passkeysWork() && way !== 'password' && <Button variant="default" size="sm" disabled={give.isPending} onClick={() => give.mutate(true)}>Use a passkey</Button>}
      {ways.filter((other) => other !== way).map((other) => (
        <Button key={other} variant="subtle" onClick={() => { setWay(other); setText(''); give.reset(); }}>{`Use ${labels[other].toLowerCase()} instead`}</Button>
      ))}
    </form>
  );
}
