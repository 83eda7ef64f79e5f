import { EmergencyForm } from './emergency-form.tsx';

/** Stands in the place of a patient's page that only an emergency access would open. */
export function EmergencyOffer({ stayId }: { stayId: string }) {
  return (
    <section className="panel" aria-label="Emergency access" style={{ maxWidth: 560 }}>
      <h1>Emergency access</h1>
      <EmergencyForm stayId={stayId} />
    </section>
  );
}
