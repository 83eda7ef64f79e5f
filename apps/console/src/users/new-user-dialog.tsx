import { roles, type Role } from '@primum/contract';
import { Button, Group, Modal, NativeSelect, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { usersQuery } from '../api/queries.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { OneTimePasswordNote } from './one-time-password-note.tsx';
import { wordsOf } from './words.ts';

export const roleChoices = roles.map((role) => ({ value: role, label: role.replaceAll('-', ' ') }));
export const roleOf = (text: string): Role | undefined => roles.find((role) => role === text);

export function NewUserDialog({ onClose }: { onClose: () => void }) {
  useReturnFocus();
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [role, setRole] = useState<Role>('clinician');
  const [groups, setGroups] = useState('');
  const [units, setUnits] = useState('');
  const create = useMutation({
    mutationFn: () => callApi('createUser', { body: { username: username.trim(), displayName: displayName.trim(), role, groups: wordsOf(groups), units: wordsOf(units) } }),
    onSuccess: () => client.invalidateQueries({ queryKey: usersQuery.queryKey }),
  });
  return (
    <Modal opened onClose={onClose} title="New user" closeButtonProps={{ 'aria-label': 'Close' }}>
      {create.data === undefined ? (
        <form onSubmit={(event) => { event.preventDefault(); create.mutate(); }}>
          <Stack gap="sm">
            <TextInput label="User" required maxLength={100} autoComplete="off" value={username} onChange={(event) => setUsername(event.currentTarget.value)} />
            <TextInput label="Name" required maxLength={200} autoComplete="off" value={displayName} onChange={(event) => setDisplayName(event.currentTarget.value)} />
            <NativeSelect label="Role" data={roleChoices} value={role} onChange={(event) => setRole(roleOf(event.currentTarget.value) ?? role)} />
            <TextInput label="Groups" description="apart by spaces" value={groups} onChange={(event) => setGroups(event.currentTarget.value)} />
            <TextInput label="Units" description="*, SITE or SITE/WARD, apart by spaces" value={units} onChange={(event) => setUnits(event.currentTarget.value)} />
            {create.isError && <FailureNote error={create.error} />}
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>Close</Button><Button type="submit" loading={create.isPending}>Create</Button></Group>
          </Stack>
        </form>
      ) : <OneTimePasswordNote given={create.data} onClose={onClose} />}
    </Modal>
  );
}
