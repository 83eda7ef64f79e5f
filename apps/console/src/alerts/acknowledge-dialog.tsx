import { acknowledgements, type Acknowledgement } from '@primum/contract';
import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import type { AlertTarget } from './alert-actions.tsx';
import { acknowledgementWords } from './alert-words.ts';
import { useAlertChange } from './use-alert-change.ts';

export function AcknowledgeDialog({ target: { alert, name, bed }, onClose }: { target: AlertTarget; onClose: () => void }) {
  useReturnFocus();
  const [as, setAs] = useState<Acknowledgement>('assessing');
  const [handedTo, setHandedTo] = useState('');
  const change = useAlertChange(() => callApi('acknowledge', {
    params: { id: alert.id },
    body: { as, version: alert.version, ...(as === 'handed-over' ? { handedTo: handedTo.trim() } : {}) },
  }), onClose);
  return (
    <Modal opened onClose={onClose} title={`Acknowledge the alert of ${name}, ${bed}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack gap="sm">
          <Radio.Group label="I am" value={as} onChange={(value) => setAs(acknowledgements.find((one) => one === value) ?? 'assessing')}>
            <Stack gap={6} mt={6}>
              {acknowledgements.map((one, index) => <Radio key={one} value={one} label={`${acknowledgementWords[one]}${one === 'handed-over' ? ' …' : ''}`} data-autofocus={index === 0 ? true : undefined} />)}
            </Stack>
          </Radio.Group>
          {as === 'handed-over' && <TextInput label="Handed to" required maxLength={100} value={handedTo} onChange={(event) => setHandedTo(event.currentTarget.value)} />}
          <p className="quiet" style={{ margin: 0 }}>The alert stays until the policy clears it. Acknowledging says who has it.</p>
          {change.isError && <FailureNote error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={change.isPending} disabled={as === 'handed-over' && handedTo.trim() === ''}>Acknowledge for {name}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
