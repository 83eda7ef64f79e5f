import { useRouter } from '@tanstack/react-router';
import { Button } from '@mantine/core';
import { FailureNote } from '../ui/failure-note.tsx';

/** What stands in a page's place when it can't be drawn at all. */
export function PageFailure({ error, reset }: { error: unknown; reset: () => void }) {
  const router = useRouter();
  return (
    <div style={{ padding: 16, display: 'grid', gap: 12, justifyItems: 'start' }}>
      <FailureNote error={error} />
      <Button variant="default" onClick={() => { reset(); void router.invalidate(); }}>Try again</Button>
    </div>
  );
}

export function NothingHere() {
  return <p style={{ padding: 16 }}>There is nothing at this address.</p>;
}
