import type { Erasure } from '@primum/contract';
import { Button, Checkbox, Group, Modal, Stack } from '@mantine/core';
import { useState } from 'react';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { basisWords } from './rights-words.ts';
import { useRightsChange } from './use-rights-change.ts';

type Decision = 'approve' | 'decline';

export function ApproveDialog({ erasure, decide, onClose }: { erasure: Erasure; decide: (decision: Decision) => Promise<unknown>; onClose: () => void }) {
  useReturnFocus();
  const [sure, setSure] = useState(false);
  const change = useRightsChange(decide, onClose);
  return (
    <Modal opened onClose={onClose} title="Decide on an erasure" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="sm">
        <div>{erasure.requestedBy} asks for it. {basisWords[erasure.basis]}.<br />Record <span className="mono">{erasure.patientId}</span></div>
        <p style={{ margin: 0 }}>Approved, it is carried out at once: rows are removed and keys destroyed. It cannot be undone, from no backup either.</p>
        <Checkbox label="I have checked the request and the identity of who made it" checked={sure} data-autofocus onChange={(event) => setSure(event.currentTarget.checked)} />
        {change.isError && <FailureNote error={change.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>Cancel</Button>
          <Button variant="default" loading={change.isPending} onClick={() => change.mutate('decline')}>Decline</Button>
          <Button color="red" loading={change.isPending} disabled={!sure} onClick={() => change.mutate('approve')}>Approve and erase</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
