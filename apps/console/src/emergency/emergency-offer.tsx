import { ApiFailure } from '../api/failure.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { EmergencyForm } from './emergency-form.tsx';

/** A patient's page that could not be loaded: where an emergency access would open it, that is offered in place of an error. */
export function StayFailure({ stayId, error }: { stayId: string; error: unknown }) {
  if (!(error instanceof ApiFailure) || error.code !== 'auth.no-care-relationship') return <FailureNote error={error} title="The patient could not be loaded" />;
  return (
    <section className="panel" aria-label="Emergency access" style={{ maxWidth: 560 }}>
      <h1>Emergency access</h1>
      <EmergencyForm stayId={stayId} />
    </section>
  );
}
