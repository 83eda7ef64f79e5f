import type { GroupRow, UserRow } from '@primum/contract';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { usersQuery } from '../api/queries.ts';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { GroupDialog } from './group-dialog.tsx';
import { NewUserDialog } from './new-user-dialog.tsx';
import { UserDialog } from './user-dialog.tsx';

type Opened = { user: string } | { group: string } | 'new';

function stateOf(user: UserRow): string {
  if (user.disabled) return 'disabled';
  if (user.lockedUntil !== null) return `locked until ${user.lockedUntil.slice(11, 16)} UTC`;
  return user.mustChangePassword ? 'must change password' : 'enabled';
}

function factorsOf(user: UserRow): string {
  if (user.external) return 'at another issuer';
  const factors = [...(user.totp ? ['app'] : []), ...(user.passkeys > 0 ? [`${user.passkeys} ${user.passkeys === 1 ? 'passkey' : 'passkeys'}`] : [])];
  return factors.length === 0 ? 'none' : factors.join(', ');
}

const userColumns = (open: (opened: Opened) => void): Columns<UserRow> => [
  { id: 'username', header: 'User', cell: ({ row }) => <strong>{row.original.username}</strong> },
  { id: 'name', header: 'Name', cell: ({ row }) => row.original.displayName },
  { id: 'role', header: 'Role', cell: ({ row }) => row.original.role.replaceAll('-', ' ') },
  { id: 'groups', header: 'Groups', cell: ({ row }) => row.original.groups.join(', ') },
  { id: 'units', header: 'Own units', cell: ({ row }) => row.original.units.join(', ') },
  { id: 'state', header: 'State', cell: ({ row }) => stateOf(row.original) },
  { id: 'factors', header: 'Second factors', cell: ({ row }) => factorsOf(row.original) },
  { id: 'sessions', header: 'Sessions', cell: ({ row }) => row.original.sessions },
  { id: 'open', header: 'Change', cell: ({ row }) => <Button variant="default" size="compact-xs" aria-label={`Change ${row.original.username}`} onClick={() => open({ user: row.original.id })}>Change</Button> },
];

const groupColumns = (open: (opened: Opened) => void): Columns<GroupRow> => [
  { id: 'name', header: 'Group', cell: ({ row }) => <strong>{row.original.name}</strong> },
  { id: 'members', header: 'Members', cell: ({ row }) => row.original.members },
  { id: 'units', header: 'Units', cell: ({ row }) => (row.original.units.length === 0 ? 'none' : row.original.units.join(', ')) },
  { id: 'open', header: 'Change', cell: ({ row }) => <Button variant="default" size="compact-xs" aria-label={`Units of ${row.original.name}`} onClick={() => open({ group: row.original.name })}>Units</Button> },
];

export function UsersPage() {
  const { data, error } = useQuery(usersQuery);
  const [opened, setOpened] = useState<Opened | null>(null);
  const users = useMemo(() => userColumns(setOpened), []);
  const groups = useMemo(() => groupColumns(setOpened), []);
  const close = (): void => setOpened(null);
  if (data === undefined) return <div style={{ padding: 12 }}>{error === null ? 'Loading the users …' : <FailureNote error={error} title="The users could not be loaded" />}</div>;
  const user = opened !== null && typeof opened === 'object' && 'user' in opened ? data.users.find(({ id }) => id === opened.user) : undefined;
  const group = opened !== null && typeof opened === 'object' && 'group' in opened ? data.groups.find(({ name }) => name === opened.group) : undefined;
  return (
    <div style={{ padding: '10px 12px 24px', display: 'grid', gap: 8 }}>
      <h1>Users</h1>
      {error !== null && <FailureNote error={error} title="What is shown is not the latest" />}
      <section className="panel" style={{ overflowX: 'auto' }}>
        <DataTable caption="Who may sign in. Units decide whose patients a clinician may see: * all, SITE, or SITE/WARD." columns={users} rows={data.users} rowId={({ id }) => id} empty="Nobody." />
        <Button mt="sm" onClick={() => setOpened('new')}>New user</Button>
      </section>
      <section className="panel">
        <DataTable caption="Groups: their units come on top of each member's own" columns={groups} rows={data.groups} rowId={({ name }) => name} empty="No group has members or units." />
      </section>
      {opened === 'new' && <NewUserDialog onClose={close} />}
      {user !== undefined && <UserDialog user={user} onClose={close} />}
      {group !== undefined && <GroupDialog group={group} onClose={close} />}
    </div>
  );
}
