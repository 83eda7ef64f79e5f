import type { ReplayReport } from '@primum/contract';
import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { callApi } from '../api/client.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './stay.module.css';

const outcomeWords: Readonly<Record<ReplayReport['outcome'], string>> = { identical: '= Identical', differs: '≠ Differs', 'not-replayable': '— Not replayable' };

/** Makes the score again from the record as it stood, and says whether it is the same. The report stays when a newer score comes. */
export function ReplayControl({ predictionId }: { predictionId: string }) {
  const replay = useMutation({ mutationFn: (id: string) => callApi('replay', { params: { id } }) });
  return (
    <div className={styles['replay']}>
      <Button variant="default" loading={replay.isPending} onClick={() => replay.mutate(predictionId)}>Replay this score</Button>
      <div role="status">
        {replay.isError && <FailureNote error={replay.error} />}
        {replay.data !== undefined && <Report report={replay.data} earlier={replay.data.predictionId !== predictionId} />}
      </div>
    </div>
  );
}

function Report({ report: { predictionId, outcome, text, differences }, earlier }: { report: ReplayReport; earlier: boolean }) {
  return (
    <>
      <strong>{outcomeWords[outcome]}</strong> {text} <span className="quiet">{earlier ? 'An earlier score, ' : ''}<span className="mono">{predictionId}</span></span>
      {differences.length > 0 && (
        <table className="data-table">
          <thead><tr><th scope="col">What</th><th scope="col">Recorded</th><th scope="col">Made again</th></tr></thead>
          <tbody>{differences.map(({ what, recorded, rebuilt }) => <tr key={what}><th scope="row">{what}</th><td className="mono">{recorded}</td><td className="mono">{rebuilt}</td></tr>)}</tbody>
        </table>
      )}
    </>
  );
}
