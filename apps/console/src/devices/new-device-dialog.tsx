import type { DeviceRow } from '@primum/contract';
import { Button, Group, Modal, NativeSelect, NumberInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { devicesQuery } from '../api/queries.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';

/** With the interval of which one sample is kept, where nobody says otherwise. */
const kinds: Readonly<Record<DeviceRow['kind'], number>> = { monitor: 60, ventilator: 60, pump: 60, wearable: 300, other: 0 };
const kindOf = (text: string): DeviceRow['kind'] | undefined => (Object.keys(kinds) as DeviceRow['kind'][]).find((kind) => kind === text); // keys of the record above

/** Registers a device; its password is shown this once. */
export function NewDeviceDialog({ onClose }: { onClose: () => void }) {
  useReturnFocus();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [kind, setKind] = useState<DeviceRow['kind']>('monitor');
  const [keepEveryS, setKeepEveryS] = useState<number>(kinds.monitor);
  const add = useMutation({
    mutationFn: () => callApi('addDevice', { body: { name: name.trim(), kind, keepEveryS } }),
    onSuccess: () => client.invalidateQueries({ queryKey: devicesQuery.queryKey }),
  });
  const choose = (text: string): void => {
    const chosen = kindOf(text) ?? kind;
    setKind(chosen);
    setKeepEveryS(kinds[chosen]);
  };
  return (
    <Modal opened onClose={onClose} size="lg" title="New device" closeButtonProps={{ 'aria-label': 'Close' }}>
      {add.data === undefined ? (
        <form onSubmit={(event) => { event.preventDefault(); add.mutate(); }}>
          <Stack gap="sm">
            <TextInput label="Name" required maxLength={100} autoComplete="off" value={name} onChange={(event) => setName(event.currentTarget.value)} />
            <NativeSelect label="Kind" data={Object.keys(kinds)} value={kind} onChange={(event) => choose(event.currentTarget.value)} />
            <NumberInput label="Keep one sample of every … seconds" description="0 keeps each. A clear change is always kept; what is not kept is counted." min={0} max={86_400} allowDecimal={false} value={keepEveryS} onChange={(value) => setKeepEveryS(Number(value))} />
            {add.isError && <FailureNote error={add.error} />}
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>Close</Button><Button type="submit" loading={add.isPending}>Register</Button></Group>
          </Stack>
        </form>
      ) : (
        <Stack gap="sm">
          <div>Give these to the device. The password is shown this once.</div>
          <dl style={{ margin: 0 }}>
            <dt>User</dt><dd className="mono">{add.data.id}</dd>
            <dt>Password</dt><dd className="mono">{add.data.secret}</dd>
            <dt>Topics</dt><dd className="mono">primum/v1/{add.data.id}/samples, senml or waveform</dd>
          </dl>
          <Group justify="flex-end"><Button onClick={onClose}>Done</Button></Group>
        </Stack>
      )}
    </Modal>
  );
}
