import type { GroupRow } from '@primum/contract';
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { usersQuery } from '../api/queries.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { wordsOf } from './words.ts';

export function GroupDialog({ group, onClose }: { group: GroupRow; onClose: () => void }) {
  useReturnFocus();
  const client = useQueryClient();
  const [units, setUnits] = useState(group.units.join(' '));
  const save = useMutation({
    mutationFn: () => callApi('setGroupUnits', { params: { name: group.name }, body: { units: wordsOf(units) } }),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: usersQuery.queryKey }),
  });
  return (
    <Modal opened onClose={onClose} title={`Units of ${group.name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
        <Stack gap="sm">
          <TextInput label="Units" description="*, SITE or SITE/WARD, apart by spaces" value={units} onChange={(event) => setUnits(event.currentTarget.value)} />
          {save.isError && <FailureNote error={save.error} />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Close</Button><Button type="submit" loading={save.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Modal>
  );
}
