import { queryOptions, useQuery } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';

const checkpointQuery = queryOptions({
  queryKey: ['audit-checkpoint'],
  queryFn: ({ signal }) => callApi('auditCheckpoint', {}, signal),
  staleTime: 60_000,
});

/** What vouches for the log, in a sentence, and louder where nothing does. */
export function CheckpointLine() {
  const { data, error } = useQuery(checkpointQuery);
  if (error !== null) return <FailureNote error={error} title="The newest checkpoint could not be loaded" />;
  if (data === undefined) return <p className="quiet">Loading the newest checkpoint …</p>;
  const { size, madeAt, copies, witnesses, trouble, note, verifierKey } = data;
  return (
    <section className="panel">
      {trouble !== null && <p role="alert"><strong>The log is not being signed: {trouble}.</strong> Run primum verify, leave the database as it is, and tell the security officer.</p>}
      <p>
        {madeAt === null || size === 0
          ? 'No entry has been signed yet; the next checkpoint comes within a minute.'
          : <>Entries 1 to {size.toLocaleString('en')} were signed at <time dateTime={madeAt}>{madeAt.slice(0, 19).replace('T', ' ')}</time> UTC; the signature lies in {copies === 1 ? 'one place' : `${copies} places`} outside the database{witnesses === 0 ? '' : ` and with ${witnesses} ${witnesses === 1 ? 'witness' : 'witnesses'}`}. A change to any of them no longer fits it.</>}
      </p>
      <details>
        <summary>Checkpoint and verifier key</summary>
        <pre className="mono" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{note}{'\n'}{verifierKey}</pre>
        <p className="quiet">Note the key elsewhere: primum audit export and bin/verify-audit.js check the whole log with it, without Primum.</p>
      </details>
    </section>
  );
}
