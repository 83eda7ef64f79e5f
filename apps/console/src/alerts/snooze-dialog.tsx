import { Button, Group, Modal, Radio, Stack } from '@mantine/core';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { ageText, whenText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import type { AlertTarget } from './alert-actions.tsx';
import { useAlertChange } from './use-alert-change.ts';

const choices = [30, 60, 120, 240] as const; // minutes on the ward's clock; the contract's limit is 4 h

export function SnoozeDialog({ target: { alert, name, bed }, onClose }: { target: AlertTarget; onClose: () => void }) {
  useReturnFocus();
  const nowMs = useWardNow();
  const [minutes, setMinutes] = useState(60);
  const change = useAlertChange(() => callApi('snooze', { params: { id: alert.id }, body: { minutes, version: alert.version } }), onClose);
  const until = whenText(nowMs + minutes * 60_000, nowMs);
  return (
    <Modal opened onClose={onClose} title={`Snooze the alert of ${name}, ${bed}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack gap="sm">
          <Radio.Group label="For" value={String(minutes)} onChange={(value) => setMinutes(Number(value))}>
            <Stack gap={6} mt={6}>
              {choices.map((choice) => <Radio key={choice} value={String(choice)} label={choice < 60 ? ageText(choice) : `${choice / 60} h`} data-autofocus={choice === 60 ? true : undefined} />)}
            </Stack>
          </Radio.Group>
          <p className="quiet" style={{ margin: 0 }}>Everybody sees who snoozed it and until when. It ends early when the tier rises, and at transfer.</p>
          {change.isError && <FailureNote error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={change.isPending}>Snooze {name} until {until}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
