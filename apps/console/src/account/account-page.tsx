import type { AccountView, OwnSession, PasskeyView, SessionView } from '@primum/contract';
import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { callApi } from '../api/client.ts';
import { accountQuery, sessionQuery } from '../api/queries.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './account.module.css';
import { EnrolFactor } from './enrol-factor.tsx';
import { GrantedApps } from './granted-apps.tsx';
import { PasswordForm } from './password-form.tsx';
import { RecoveryCodeList } from './recovery-code-list.tsx';

const minuteText = (instant: string): string => instant.slice(0, 16).replace('T', ' ');

export function AccountPage() {
  const { data, error } = useQuery(accountQuery);
  if (data === undefined) return <div className={styles['page']}>{error === null ? 'Loading your account …' : <FailureNote error={error} title="Your account could not be loaded" />}</div>;
  return (
    <div className={styles['page']}>
      <h1>Account of {data.displayName}</h1>
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      <Factors account={data} />
      <Sessions sessions={data.sessions} />
      <GrantedApps />
      {data.passwordChangedAt !== null && <Password changedAt={data.passwordChangedAt} />}
    </div>
  );
}

/** The session after a step, and the account as it is then. */
function useRenew(): (session?: SessionView) => Promise<void> {
  const client = useQueryClient();
  return async (session) => {
    if (session !== undefined) client.setQueryData(sessionQuery.queryKey, session);
    await client.invalidateQueries({ queryKey: accountQuery.queryKey });
  };
}

function Factors({ account }: { account: AccountView }) {
  const renew = useRenew();
  const [adding, setAdding] = useState(false);
  const removeTotp = useMutation({ mutationFn: () => callApi('removeTotp', {}), onSuccess: () => renew() });
  const removePasskey = useMutation({ mutationFn: (id: string) => callApi('removePasskey', { params: { id } }), onSuccess: () => renew() });
  const codes = useMutation({ mutationFn: () => callApi('newRecoveryCodes', {}), onSuccess: () => renew() });
  const failure = removeTotp.error ?? removePasskey.error ?? codes.error;
  const { mutate } = removePasskey;
  const columns = useMemo<Columns<PasskeyView>>(() => [
    { id: 'made', header: 'Passkey of (UTC)', cell: ({ row }) => minuteText(row.original.createdAt) },
    { id: 'kind', header: 'Lives', cell: ({ row }) => (row.original.multiDevice ? `on several devices${row.original.backedUp ? ', backed up' : ''}` : 'on one device') },
    { id: 'used', header: 'Last used (UTC)', cell: ({ row }) => (row.original.lastUsedAt === null ? 'never' : minuteText(row.original.lastUsedAt)) },
    { id: 'remove', header: 'Remove', cell: ({ row }) => <Button variant="default" size="compact-xs" onClick={() => mutate(row.original.id)}>Remove</Button> },
  ], [mutate]);
  const any = account.totp || account.passkeys.length > 0;
  return (
    <section className="panel" style={{ display: 'grid', gap: 8 }}>
      <h2>Second factors</h2>
      {account.factorRequired && <p className="quiet" style={{ margin: 0 }}>Here nobody signs in by a password alone: the last factor stays.</p>}
      {!any && <p style={{ margin: 0 }}>None: your password alone signs you in.</p>}
      {account.totp && <Group gap="sm"><span>Authenticator app</span><Button variant="default" size="compact-xs" loading={removeTotp.isPending} onClick={() => removeTotp.mutate()}>Remove</Button></Group>}
      {account.passkeys.length > 0 && <DataTable caption="Passkeys sign in by themselves" columns={columns} rows={account.passkeys} rowId={({ id }) => id} empty="" />}
      {any && codes.data === undefined && (
        <Group gap="sm"><span>{account.recoveryCodesLeft} of 10 recovery codes left</span><Button variant="default" size="compact-xs" loading={codes.isPending} onClick={() => codes.mutate()}>New recovery codes</Button></Group>
      )}
      {codes.data !== undefined && <RecoveryCodeList codes={codes.data.recoveryCodes} onDone={codes.reset} />}
      {failure !== null && <FailureNote error={failure} />}
      {adding
        ? <EnrolFactor app={!account.totp} onDone={async (session) => { setAdding(false); await renew(session); }} />
        : <div><Button variant="default" onClick={() => setAdding(true)}>Add a second factor</Button></div>}
    </section>
  );
}

function Sessions({ sessions }: { sessions: OwnSession[] }) {
  const renew = useRenew();
  const end = useMutation({ mutationFn: (id: string) => callApi('endOwnSession', { params: { id } }), onSuccess: () => renew() });
  const { mutate } = end;
  const columns = useMemo<Columns<OwnSession>>(() => [
    { id: 'started', header: 'Since (UTC)', cell: ({ row }) => minuteText(row.original.startedAt) },
    { id: 'seen', header: 'Last used (UTC)', cell: ({ row }) => minuteText(row.original.lastSeenAt) },
    { id: 'method', header: 'By', cell: ({ row }) => row.original.method },
    { id: 'from', header: 'From', cell: ({ row }) => <>{row.original.address}<br /><span className="quiet">{row.original.browser.slice(0, 90)}</span></> },
    { id: 'end', header: 'End', cell: ({ row }) => (row.original.current ? 'this one' : <Button variant="default" size="compact-xs" onClick={() => mutate(row.original.id)}>End</Button>) },
  ], [mutate]);
  return (
    <section className="panel" style={{ display: 'grid', gap: 8 }}>
      <h2>Sessions</h2>
      <DataTable caption="Where you are signed in. One that you don't know: end it, then change your password." columns={columns} rows={sessions} rowId={({ id }) => id} empty="" />
      {end.isError && <FailureNote error={end.error} />}
    </section>
  );
}

function Password({ changedAt }: { changedAt: string }) {
  const renew = useRenew();
  const [done, setDone] = useState(false);
  return (
    <section className="panel" style={{ display: 'grid', gap: 8 }}>
      <h2>Password</h2>
      <p className="quiet" style={{ margin: 0 }}>{`Of ${minuteText(changedAt)} UTC. It doesn't expire; a new one ends your other sessions.`}</p>
      {done && <p role="status" style={{ margin: 0 }}>The password is changed.</p>}
      <PasswordForm onDone={async (session) => { setDone(true); await renew(session); }} />
    </section>
  );
}
