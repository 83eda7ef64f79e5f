import type { ModelDecision } from '@primum/contract';
import { modelDecisions } from '@primum/contract';
import { Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { callApi } from '../api/client.ts';
import { useMay } from '../shell/use-session.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { modelDecisionsQuery } from './queries.ts';
import { StatementDialog } from './statement-dialog.tsx';

type Deciding = { row: ModelDecision; decision: (typeof modelDecisions)[number] };

/** Models that were trained on somebody who was erased: what is to become of them. Nothing where none is. */
export function ModelDecisionsPanel() {
  const mayDecide = useMay('model.decide');
  const { data, error } = useQuery(modelDecisionsQuery);
  const [deciding, setDeciding] = useState<Deciding | null>(null);
  if (error !== null) return <FailureNote error={error} title="Decisions on models could not be loaded" />;
  if (data === undefined || data.length === 0) return null;
  return (
    <section className="panel">
      <table className="data-table">
        <caption>Trained on a person who was erased since: keep, retrain without them, or retire</caption>
        <thead><tr>{['Model', 'Erasure', 'Decide by', 'Decision'].map((head) => <th key={head} scope="col">{head}</th>)}</tr></thead>
        <tbody>
          {data.map((row) => (
            <tr key={row.id}>
              <td>{row.model} <span className="mono quiet">{row.digest.slice(0, 12)}</span></td><td className="mono">{row.erasureId}</td><td>{row.dueAt.slice(0, 10)}</td>
              <td>{row.decision ?? (mayDecide ? modelDecisions.map((decision) => <Button key={decision} mr={4} variant="default" size="compact-xs" onClick={() => setDeciding({ row, decision })}>{decision}</Button>) : 'not decided yet')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {deciding !== null && <StatementDialog title={`Decide: ${deciding.decision} ${deciding.row.model}`} label="Reason" submit="Record the decision" explain="The decision and its reason go on record with the erasure." send={(reason) => callApi('decideModel', { params: { id: deciding.row.id }, body: { decision: deciding.decision, reason } })} onClose={() => setDeciding(null)} />}
    </section>
  );
}
