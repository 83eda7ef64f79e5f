import type { LocatedPatient } from '@primum/contract';
import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { EmergencyForm } from './emergency-form.tsx';
import styles from './emergency.module.css';

/** Finds a patient who is on no list of one's own, by number. */
export function FindPatient() {
  const [open, setOpen] = useState(false);
  return (
    <div className={styles.find}>
      <Button variant="default" size="compact-xs" onClick={() => setOpen(true)}>Find a patient by number …</Button>
      {open && <FindDialog onClose={() => setOpen(false)} />}
    </div>
  );
}

function FindDialog({ onClose }: { onClose: () => void }) {
  useReturnFocus();
  const navigate = useNavigate();
  const [mrn, setMrn] = useState('');
  const [breaking, setBreaking] = useState<string | null>(null);
  const find = useMutation({ mutationFn: () => callApi('locatePatient', { body: { mrn: mrn.trim() } }) });
  return (
    <Modal opened onClose={onClose} title={breaking === null ? 'Find a patient' : 'Emergency access'} closeButtonProps={{ 'aria-label': 'Close' }}>
      {breaking !== null ? (
        <EmergencyForm stayId={breaking} onCancel={onClose} onOpened={() => void navigate({ to: '/stays/$stayId', params: { stayId: breaking } }).then(onClose)} />
      ) : (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            find.mutate();
          }}
        >
          <Stack gap="sm">
            <TextInput label="Medical record number" required maxLength={64} data-autofocus autoComplete="off" value={mrn} onChange={(event) => setMrn(event.currentTarget.value)} />
            {find.isError && <FailureNote error={find.error} />}
            {find.data !== undefined && <Found patients={find.data} onEmergency={setBreaking} onClose={onClose} />}
            <Group justify="flex-end">
              <Button variant="default" onClick={onClose}>Cancel</Button>
              <Button type="submit" loading={find.isPending} disabled={mrn.trim() === ''}>Find</Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}

function Found({ patients, onEmergency, onClose }: { patients: LocatedPatient[]; onEmergency: (stayId: string) => void; onClose: () => void }) {
  if (patients.length === 0) return <p role="status" style={{ margin: 0 }}>Nobody here has this number.</p>;
  return (
    <ul className={styles.found} role="status">
      {patients.map(({ patientId, stayId, access }) => (
        <li key={patientId}>
          {stayId === null ? 'This patient has no stay here.'
            : access === 'open' ? <Link to="/stays/$stayId" params={{ stayId }} onClick={onClose}>This patient is here: open the page</Link>
              : access === 'emergency' ? <>This patient is here, treated by another unit. <Button variant="default" size="compact-xs" onClick={() => onEmergency(stayId)}>Emergency access …</Button></>
                : 'This patient is here; you may not open the record.'}
        </li>
      ))}
    </ul>
  );
}
