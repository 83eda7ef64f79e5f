import { objectionGivers, objectionScopes, type ObjectionScope } from '@primum/contract';
import { Button, Group, Modal, Radio, Stack, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { scopeWords } from './rights-words.ts';
import { useRightsChange } from './use-rights-change.ts';

export function ObjectionDialog({ patientId, name, onClose }: { patientId: string; name: string; onClose: () => void }) {
  useReturnFocus();
  const [scope, setScope] = useState<ObjectionScope>('ai-scoring');
  const [givenBy, setGivenBy] = useState<(typeof objectionGivers)[number]>('patient');
  const [until, setUntil] = useState('');
  const [note, setNote] = useState('');
  const change = useRightsChange(() => callApi('recordObjection', {
    body: { patientId, scope, givenBy, ...(until === '' ? {} : { until: `${until}T00:00:00.000Z` }), ...(note.trim() === '' ? {} : { note: note.trim() }) },
  }), onClose);
  return (
    <Modal opened onClose={onClose} title={`Record an objection of ${name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack gap="sm">
          <Radio.Group label="Objects to" value={scope} onChange={(value) => setScope(objectionScopes.find((one) => one === value) ?? 'ai-scoring')}>
            <Stack gap={6} mt={6}>{objectionScopes.map((one, index) => <Radio key={one} value={one} label={scopeWords[one]} data-autofocus={index === 0 ? true : undefined} />)}</Stack>
          </Radio.Group>
          <Radio.Group label="Said by" value={givenBy} onChange={(value) => setGivenBy(objectionGivers.find((one) => one === value) ?? 'patient')}>
            <Stack gap={6} mt={6}>
              <Radio value="patient" label="the patient" />
              <Radio value="representative" label="a legal representative" />
            </Stack>
          </Radio.Group>
          <TextInput type="date" label="Until (leave empty where it holds until it is withdrawn)" value={until} onChange={(event) => setUntil(event.currentTarget.value)} />
          <Textarea label="Note" autosize minRows={2} maxLength={2000} value={note} onChange={(event) => setNote(event.currentTarget.value)} />
          <p className="quiet" style={{ margin: 0 }}>It holds from now on. Scoring stops at once and an open alert is closed with this reason.</p>
          {change.isError && <FailureNote error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={change.isPending}>Record the objection</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
