import type { UserChange, UserRow } from '@primum/contract';
import { Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { usersQuery } from '../api/queries.ts';
import { useSession } from '../shell/use-session.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { roleChoices, roleOf } from './new-user-dialog.tsx';
import { OneTimePasswordNote } from './one-time-password-note.tsx';
import { wordsOf } from './words.ts';

/** Everything a security officer may do with one person. Each takes effect, and is on the audit log, at once. */
export function UserDialog({ user, onClose }: { user: UserRow; onClose: () => void }) {
  useReturnFocus();
  const client = useQueryClient();
  const onSettled = (): Promise<void> => client.invalidateQueries({ queryKey: usersQuery.queryKey });
  const own = useSession().userId === user.id;
  const params = { id: user.id };
  const change = useMutation({ mutationFn: (body: UserChange) => callApi('changeUser', { params, body }), onSettled });
  const reset = useMutation({ mutationFn: () => callApi('resetPassword', { params }), onSettled });
  const act = useMutation({ mutationFn: (name: 'resetFactors' | 'unlockUser' | 'endSessions') => callApi(name, { params }), onSettled });
  const failure = change.error ?? reset.error ?? act.error;
  return (
    <Modal opened onClose={onClose} size="lg" title={`${user.displayName} (${user.username})`} closeButtonProps={{ 'aria-label': 'Close' }}>
      {reset.data !== undefined ? <OneTimePasswordNote given={reset.data} onClose={onClose} /> : (
        <Stack gap="sm">
          {own && <p className="quiet" style={{ margin: 0 }}>Your own account: another security officer changes its rights.</p>}
          {!own && <Rights key={JSON.stringify(user)} user={user} pending={change.isPending} onSave={(body) => change.mutate(body)} />}
          {failure !== null && <FailureNote error={failure} />}
          <Group gap="xs">
            {!own && <Button variant="default" loading={change.isPending} onClick={() => change.mutate({ disabled: !user.disabled })}>{user.disabled ? 'Enable' : 'Disable'}</Button>}
            {!own && !user.external && <Button variant="default" loading={reset.isPending} onClick={() => reset.mutate()}>New one-time password</Button>}
            {!own && (user.totp || user.passkeys > 0) && <Button variant="default" loading={act.isPending} onClick={() => act.mutate('resetFactors')}>Take all second factors away</Button>}
            {user.lockedUntil !== null && <Button variant="default" loading={act.isPending} onClick={() => act.mutate('unlockUser')}>Unlock</Button>}
            {user.sessions > 0 && <Button variant="default" loading={act.isPending} onClick={() => act.mutate('endSessions')}>{`End ${user.sessions} ${user.sessions === 1 ? 'session' : 'sessions'}`}</Button>}
          </Group>
          {!own && <OwnRecordForm user={user} onSettled={onSettled} />}
        </Stack>
      )}
    </Modal>
  );
}

function Rights({ user, pending, onSave }: { user: UserRow; pending: boolean; onSave: (change: UserChange) => void }) {
  const [displayName, setDisplayName] = useState(user.displayName);
  const [role, setRole] = useState(user.role);
  const [groups, setGroups] = useState(user.groups.join(' '));
  const [units, setUnits] = useState(user.units.join(' '));
  const changed: UserChange = {
    ...(displayName === user.displayName ? {} : { displayName }), ...(role === user.role ? {} : { role }),
    ...(groups === user.groups.join(' ') ? {} : { groups: wordsOf(groups) }), ...(units === user.units.join(' ') ? {} : { units: wordsOf(units) }),
  };
  return (
    <form onSubmit={(event) => { event.preventDefault(); onSave(changed); }}>
      <Stack gap="sm">
        <TextInput label="Name" required maxLength={200} value={displayName} onChange={(event) => setDisplayName(event.currentTarget.value)} />
        <NativeSelect label="Role" description={role === user.role ? undefined : 'A new role ends all sessions of this person.'} data={roleChoices} value={role} onChange={(event) => setRole(roleOf(event.currentTarget.value) ?? role)} />
        <TextInput label="Groups" description="apart by spaces" value={groups} onChange={(event) => setGroups(event.currentTarget.value)} />
        <TextInput label="Units" description="*, SITE or SITE/WARD, apart by spaces" value={units} onChange={(event) => setUnits(event.currentTarget.value)} />
        <Group><Button type="submit" loading={pending} disabled={Object.keys(changed).length === 0}>Save</Button></Group>
      </Stack>
    </form>
  );
}

/** Staff who are patients here: reading one's own record, or a colleague's, is looked at more closely. */
function OwnRecordForm({ user, onSettled }: { user: UserRow; onSettled: () => Promise<void> }) {
  const [authority, setAuthority] = useState('');
  const [value, setValue] = useState('');
  const link = useMutation({ mutationFn: (mrn: { authority: string; value: string } | null) => callApi('linkOwnRecord', { params: { id: user.id }, body: { mrn } }), onSettled });
  return (
    <form onSubmit={(event) => { event.preventDefault(); link.mutate({ authority: authority.trim(), value: value.trim() }); }}>
      <Stack gap="xs">
        <div className="quiet">{user.ownRecord ? 'Known to be a patient here: reading that record is looked at more closely.' : 'If this person is a patient here, reading that record can be looked at more closely. The number is kept as a keyed token only.'}</div>
        {user.ownRecord ? <Group><Button variant="default" loading={link.isPending} onClick={() => link.mutate(null)}>Forget the link</Button></Group> : (
          <Group align="end" gap="sm">
            <TextInput label="Medical record number" required maxLength={100} autoComplete="off" value={value} onChange={(event) => setValue(event.currentTarget.value)} />
            <TextInput label="Assigning authority (PID-3.4, else the sender's)" required maxLength={100} autoComplete="off" value={authority} onChange={(event) => setAuthority(event.currentTarget.value)} />
            <Button type="submit" variant="default" loading={link.isPending}>Link</Button>
          </Group>
        )}
        {link.isError && <FailureNote error={link.error} />}
      </Stack>
    </form>
  );
}
