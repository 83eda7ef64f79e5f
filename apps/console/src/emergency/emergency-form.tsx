import { Button, Group, Stack, Textarea } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';

const minReason = 10;

/** Break-glass: what it means, and why it is needed, in words. */
export function EmergencyForm({ stayId, onOpened, onCancel }: { stayId: string; onOpened?: () => void; onCancel?: () => void }) {
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const open = useMutation({
    mutationFn: () => callApi('openEmergency', { body: { stayId, reason: reason.trim() } }),
    async onSuccess() {
      await Promise.all(['emergencies', 'stay', 'worklist'].map((key) => client.invalidateQueries({ queryKey: [key] })));
      onOpened?.();
    },
  });
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        open.mutate();
      }}
    >
      <Stack gap="sm">
        <p style={{ margin: 0 }}>
          None of your units treats this patient now. In an emergency you may open the record for 60 minutes.
          The privacy office hears of it at once and reviews what you read and why.
        </p>
        <Textarea label="Reason" description="What makes it necessary now? Ten letters or more." required minLength={minReason} maxLength={500} autosize minRows={2} data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
        {open.isError && <FailureNote error={open.error} />}
        <Group justify="flex-end">
          {onCancel !== undefined && <Button variant="default" onClick={onCancel}>Cancel</Button>}
          <Button type="submit" loading={open.isPending} disabled={reason.trim().length < minReason}>Open in an emergency</Button>
        </Group>
      </Stack>
    </form>
  );
}
