import { Button, Group, Modal, Stack, Textarea } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { FailureNote } from '../ui/failure-note.tsx';
import { useReturnFocus } from '../ui/use-return-focus.ts';
import { useRightsChange } from './use-rights-change.ts';

type Props = { title: string; label: string; submit: string; explain: ReactNode; send: (statement: string) => Promise<unknown>; onClose: () => void };

/** Asks for the words that go on record with a step: a reason, an answer, a statement. */
export function StatementDialog({ title, label, submit, explain, send, onClose }: Props) {
  useReturnFocus();
  const [statement, setStatement] = useState('');
  const change = useRightsChange(send, onClose);
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(statement.trim());
        }}
      >
        <Stack gap="sm">
          <Textarea label={label} required data-autofocus autosize minRows={3} maxLength={2000} value={statement} onChange={(event) => setStatement(event.currentTarget.value)} />
          <p className="quiet" style={{ margin: 0 }}>{explain}</p>
          {change.isError && <FailureNote error={change.error} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>Cancel</Button>
            <Button type="submit" loading={change.isPending} disabled={statement.trim().length < 3}>{submit}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
