import type { AuditRow } from '@primum/contract';
import { Modal } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { isIncluded } from './check-proof.ts';

/** One entry with the proof that it is in the log that was signed. */
export function EntryDialog({ row, onClose }: { row: AuditRow; onClose: () => void }) {
  const { data, error } = useQuery({
    queryKey: ['audit-proof', row.id],
    queryFn: async ({ signal }) => {
      const proof = await callApi('auditProof', { params: { id: row.id } }, signal);
      return { proof, holds: await isIncluded(proof) };
    },
    staleTime: Infinity, // an entry does not leave the tree
    retry: false,
  });
  return (
    <Modal opened onClose={onClose} title={`Entry ${row.seq ?? ''}`} size="lg">
      <dl>
        {[['At (UTC)', row.at], ['Who', row.actor], ['Did', row.action], ['Outcome', row.outcome], ['Purpose', row.purpose], ['Patient', row.patientId ?? 'none, or several'], ...row.entities.map(({ type, id }) => ['On', `${type} ${id}`] as const), ['Entry', row.id]].map(([name, text]) => (
          <div key={`${name} ${text}`} style={{ display: 'grid', gridTemplateColumns: '7rem 1fr' }}><dt>{name}</dt><dd className="mono" style={{ margin: 0 }}>{text}</dd></div>
        ))}
      </dl>
      <h2>Proof</h2>
      {error !== null && <FailureNote error={error} title="There is no proof for this entry yet" />}
      {data === undefined && error === null && <p>Asking for the proof …</p>}
      {data !== undefined && (
        <>
          <p role="status">
            {data.holds
              ? `This browser has computed it: entry ${data.proof.seq} is in the tree of ${data.proof.size.toLocaleString('en')} entries that the log has signed.`
              : 'The proof does not hold: this entry is not in the tree that the log has signed. Tell the security officer.'}
          </p>
          <details>
            <summary>{data.proof.hashes.length} hashes and the signed checkpoint</summary>
            <pre className="mono" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{JSON.stringify(data.proof, null, 2)}</pre>
            <p className="quiet">Saved as a file, bin/verify-audit.js DIR --proof FILE checks it without Primum, its signature included.</p>
          </details>
        </>
      )}
    </Modal>
  );
}
