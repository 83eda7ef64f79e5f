import type { PatientLine } from '@primum/contract';
import { Button, Group, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';

/** By medical record number, which travels in the body, so that no address or log holds it. */
export function FindPatient({ onFound }: { onFound: (patient: PatientLine | null) => void }) {
  const [mrn, setMrn] = useState('');
  const find = useMutation({ mutationFn: () => callApi('findPatient', { body: { mrn: mrn.trim() } }), onSuccess: (found) => onFound(found[0] ?? null) });
  return (
    <section className="panel" aria-label="Find a patient">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          find.mutate();
        }}
      >
        <Group gap="xs" align="end">
          <TextInput size="xs" label="Medical record number" required autoComplete="off" maxLength={64} value={mrn} onChange={(event) => setMrn(event.currentTarget.value)} />
          <Button type="submit" loading={find.isPending} disabled={mrn.trim() === ''}>Who saw this patient</Button>
          {find.isSuccess && find.data.length === 0 && <span role="status">Nobody has this number.</span>}
          {find.isSuccess && find.data.length > 1 && <span role="status">{find.data.length} patients have this number; the first is shown.</span>}
        </Group>
      </form>
      {find.isError && <FailureNote error={find.error} />}
    </section>
  );
}
