import { erasureBases, type ErasureBasis, type RightsSubject, type SubjectPage } from '@primum/contract';
import { Button, Group, Modal, Radio, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { basisWords, refusalText } from './rights-words.ts';
import { useRightsChange } from './use-rights-change.ts';

/** The first of two people: what will happen, on which basis, and the number typed once more. */
export function EraseDialog({ subject: { patientId, name, mrn }, members, refusal, onClose }: { subject: RightsSubject; members: number; refusal: SubjectPage['erasureRefusal']; onClose: () => void }) {
  useReturnFocus();
  const [basis, setBasis] = useState<ErasureBasis>('requested-by-person');
  const [typed, setTyped] = useState('');
  const change = useRightsChange(() => callApi('requestErasure', { body: { patientId, basis, mrn: typed.trim() } }), onClose);
  return (
    <Modal opened onClose={onClose} size="lg" title={`Ask for the erasure of ${name}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate();
        }}
      >
        <Stack gap="sm">
          <ol style={{ margin: 0, paddingLeft: 20 }}>
            <li>You ask for it. A legal hold, an open stay or the duty to keep the record refuses it, with the reason.</li>
            <li>A second person approves it on this page. Nothing is removed before.</li>
            <li>{members > 1 ? `All ${members} merged records` : 'The record'}, scores and alerts are removed; the content of messages is removed; the keys are destroyed, for every backup too.</li>
            <li>It is checked that nothing is left, and a signed receipt is made. The audit log stays, with a number for a name.</li>
          </ol>
          {refusal !== null && <p style={{ margin: 0 }}><strong>It would be refused now.</strong> {refusalText(refusal.reason, refusal.until)} The refusal goes on record, to be told to the person.</p>}
          <Radio.Group label="Basis" value={basis} onChange={(value) => setBasis(erasureBases.find((one) => one === value) ?? 'requested-by-person')}>
            <Stack gap={6} mt={6}>{erasureBases.map((one, index) => <Radio key={one} value={one} label={basisWords[one]} data-autofocus={index === 0 ? true : undefined} />)}</Stack>
          </Radio.Group>
          <TextInput label={`Type the medical record number ${mrn} to confirm`} required autoComplete="off" value={typed} onChange={(event) => setTyped(event.currentTarget.value)} />
          {change.isError && <FailureNote error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" color="red" loading={change.isPending} disabled={typed.trim() !== mrn}>Ask for the erasure</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
