import { Button, TextInput } from '@mantine/core';
import type { FactorAdded, SessionView } from '@primum/contract';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { encode } from 'uqr';
import { callApi } from '../api/client.ts';
import { makePasskey, passkeysWork } from '../api/passkeys.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './account.module.css';
import { RecoveryCodeList } from './recovery-code-list.tsx';

/** Adds an authenticator app or a passkey. The first brings recovery codes, which stay on the screen until they are put away. */
export function EnrolFactor({ onDone, app = true }: { onDone: (session: SessionView) => unknown; app?: boolean }) {
  const [added, setAdded] = useState<FactorAdded | null>(null);
  const done = async (result: FactorAdded): Promise<void> => {
    if (result.recoveryCodes === null) await onDone(result.session);
    else setAdded(result);
  };
  const passkey = useMutation({
    mutationFn: async () => callApi('addPasskey', { body: { passkey: await makePasskey(await callApi('passkeyOptions', {})) } }),
    onSuccess: done,
  });
  const begin = useMutation({ mutationFn: () => callApi('beginTotp', {}) });
  if (added !== null && added.recoveryCodes !== null) return <RecoveryCodeList codes={added.recoveryCodes} onDone={() => onDone(added.session)} />;
  if (begin.data !== undefined) return <TotpForm secret={begin.data} onDone={done} />;
  return (
    <div className={styles['steps']}>
      {passkeysWork()
        ? <Button loading={passkey.isPending} onClick={() => passkey.mutate()}>Add a passkey</Button>
        : <p className="quiet">Passkeys work where the console is opened by its name, over TLS or as localhost.</p>}
      {app && <Button variant="default" loading={begin.isPending} onClick={() => begin.mutate()}>Add an authenticator app</Button>}
      {passkey.isError && <FailureNote error={passkey.error} />}
      {begin.isError && <FailureNote error={begin.error} />}
    </div>
  );
}

function TotpForm({ secret: { secret, uri }, onDone }: { secret: { secret: string; uri: string }; onDone: (result: FactorAdded) => Promise<void> }) {
  const [code, setCode] = useState('');
  const confirm = useMutation({ mutationFn: () => callApi('confirmTotp', { body: { code: code.trim() } }), onSuccess: onDone });
  return (
    <form className={styles['steps']} onSubmit={(event) => { event.preventDefault(); confirm.mutate(); }}>
      <p>Scan this with an authenticator app, or type the key into it.</p>
      <QrCode text={uri} />
      <p className="mono" data-secret>{secret.replaceAll(/(.{4})/g, '$1 ').trim()}</p>
      <TextInput label="Code that it shows" name="code" inputMode="numeric" autoComplete="one-time-code" required pattern="[0-9 ]{6,12}" value={code} onChange={(event) => setCode(event.currentTarget.value)} />
      {confirm.isError && <FailureNote error={confirm.error} />}
      <Button type="submit" loading={confirm.isPending}>Confirm</Button>
    </form>
  );
}

function QrCode({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 2, ecc: 'M' });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return <svg className={styles['code']} viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the key"><path d={path} fill="#000000" shapeRendering="crispEdges" /></svg>;
}
