import { Modal } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { accountQuery, sessionQuery, stepUpQuery } from '../api/queries.ts';
import { FactorForm } from '../sign-in/factor-form.tsx';
import { FailureNote } from '../ui/failure-note.tsx';

/** Opens when something asked for a fresh proof of who this is; what was refused can be repeated afterwards. */
export function StepUp() {
  const client = useQueryClient();
  const { data: asked } = useQuery(stepUpQuery);
  const close = (): void => { client.setQueryData(stepUpQuery.queryKey, false); };
  if (asked !== true) return null;
  return (
    <Modal opened onClose={close} title="Confirm that it is you" closeButtonProps={{ 'aria-label': 'Close' }}>
      <p style={{ marginTop: 0 }}>This asks for a proof of the last 15 minutes. Afterwards, repeat what you were doing.</p>
      <Ways onDone={(session) => { client.setQueryData(sessionQuery.queryKey, session); close(); }} />
    </Modal>
  );
}

function Ways({ onDone }: { onDone: Parameters<typeof FactorForm>[0]['onDone'] }) {
  const { data, error } = useQuery(accountQuery);
  if (data === undefined) return error === null ? <p>Loading …</p> : <FailureNote error={error} />;
  const any = data.totp || data.passkeys.length > 0;
  return <FactorForm ways={any ? ['code', 'recovery'] : ['password']} onDone={onDone} submitText="Confirm" />;
}
