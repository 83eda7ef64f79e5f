import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { callApi } from '../api/client.ts';
import { useMay } from '../shell/use-session.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './emergency.module.css';
import { emergenciesQuery } from './queries.ts';

/** Stands on every page while an emergency access is open: for whom, how long still, and how to end it. */
export function EmergencyBanner() {
  return useMay('emergency.access') ? <Open /> : null;
}

function Open() {
  const client = useQueryClient();
  const { data = [], dataUpdatedAt } = useQuery(emergenciesQuery);
  const now = Math.max(useNow(data.length > 0), dataUpdatedAt);
  const end = useMutation({
    mutationFn: (id: string) => callApi('endEmergency', { params: { id } }),
    onSettled: () => Promise.all(['emergencies', 'stay', 'worklist'].map((key) => client.invalidateQueries({ queryKey: [key] }))),
  });
  const open = data.filter(({ until }) => Date.parse(until) > now);
  if (open.length === 0) return null;
  return (
    <section aria-label="Emergency access" className={styles.banner}>
      {end.isError && <FailureNote error={end.error} />}
      {open.map(({ id, stayId, until }) => (
        <div key={id}>
          <strong>Emergency access open, {minutesLeft(until, now)} min left.</strong>
          <span>Everything you read of this patient is reviewed.</span>
          {stayId !== null && <Link to="/stays/$stayId" params={{ stayId }}>The patient’s page</Link>}
          <Button variant="default" size="compact-xs" loading={end.isPending} onClick={() => end.mutate(id)}>End it now</Button>
        </div>
      ))}
    </section>
  );
}

const minutesLeft = (until: string, now: number): number => Math.max(1, Math.ceil((Date.parse(until) - now) / 60_000));

/** Wall time, moved on while something counts down by it. */
function useNow(counting: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!counting) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, [counting]);
  return now;
}
