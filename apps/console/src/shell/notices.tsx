import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { callApi } from '../api/client.ts';
import { noticesQuery } from '../api/queries.ts';
import { whenText } from '../time/ward-clock.ts';
import { useWardNow } from '../time/ward-now.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './notices.module.css';

/** What whoever acknowledged an alert must hear: that a fact it rested on was corrected or withdrawn. Stays until read. */
export function Notices() {
  const nowMs = useWardNow();
  const client = useQueryClient();
  const notices = useQuery(noticesQuery);
  const read = useMutation({
    mutationFn: (id: string) => callApi('readNotice', { params: { id } }),
    onSettled: () => client.invalidateQueries({ queryKey: noticesQuery.queryKey }),
  });
  if (notices.data === undefined || notices.data.length === 0) return null;
  return (
    <section aria-label="Notices" className={styles.notices}>
      {read.isError && <FailureNote error={read.error} />}
      <ul>
        {notices.data.map(({ id, stayId, bed, name, text, createdAt }) => (
          <li key={id}>
            <strong>Evidence withdrawn {whenText(createdAt, nowMs)}</strong>
            <Link to="/stays/$stayId" params={{ stayId }}>{bed} {name}</Link>
            <span>{text}</span>
            <Button variant="default" size="compact-xs" onClick={() => read.mutate(id)} aria-label={`I have read this: ${bed} ${name}`}>I have read this</Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
