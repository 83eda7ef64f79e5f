import type { PredictionView } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { predictionQuery } from '../api/queries.ts';
import { percentText } from '../risk/format-risk.ts';
import { useMay } from '../shell/use-session.ts';
import { dateTimeText } from '../time/ward-clock.ts';
import { FailureNote } from '../ui/failure-note.tsx';
import { pointsText } from './group-drivers.ts';
import { ReplayControl } from './replay-control.tsx';
import styles from './stay.module.css';

/** How the last score was made: all that pins it, and whether it can be made again. */
export function ProvenancePanel({ predictionId }: { predictionId: string | null }) {
  const mayRead = useMay('prediction.read');
  const mayReplay = useMay('prediction.replay');
  const mayTrace = useMay('lineage.read');
  return (
    <section className="panel" aria-labelledby="made-heading">
      <h2 id="made-heading">How the score was made</h2>
      {predictionId === null && <p className="quiet">No score has been made yet.</p>}
      {predictionId !== null && mayRead && <Made predictionId={predictionId} />}
      {predictionId !== null && mayTrace && <p><Link to="/lineage" search={{ node: `prediction:${predictionId}` }}>Where it comes from: messages, facts, inputs, model</Link></p>}
      {predictionId !== null && mayReplay && <ReplayControl predictionId={predictionId} />}
    </section>
  );
}

function Made({ predictionId }: { predictionId: string }) {
  const { data, error } = useQuery(predictionQuery(predictionId));
  if (error !== null) return <FailureNote error={error} />;
  if (data === undefined) return <p className="quiet">Loading …</p>;
  return (
    <>
      <dl className={styles['pins']}>
        {pinsOf(data).map(([name, value, mono]) => <div key={name}><dt>{name}</dt><dd className={mono === true ? 'mono' : undefined}>{value}</dd></div>)}
      </dl>
      <details>
        <summary>All {data.inputs.length} inputs</summary>
        <table className="data-table">
          <caption>as the model saw them</caption>
          <thead><tr><th scope="col">Input</th><th scope="col">Value</th><th scope="col" className="number">Points</th></tr></thead>
          <tbody>{data.inputs.map(({ feature, label, text, points }) => <tr key={feature}><th scope="row">{label}</th><td>{text}</td><td className="number">{pointsText(points)}</td></tr>)}</tbody>
        </table>
      </details>
    </>
  );
}

type Pin = readonly [name: string, value: string, mono?: boolean];

function pinsOf(made: PredictionView): Pin[] {
  const score: Pin[] = made.probability === null ? [] : [['Score', `${percentText(made.probability)}${made.margin === null ? '' : ` (${pointsText(made.margin)} points)`}`]];
  return [
    ['Prediction', made.id, true],
    ...score,
    ['Model', `${made.model.name} ${made.model.version}`],
    ['Speaks of the hour to', dateTimeText(made.asOf)],
    ['Known at', `record up to ${made.pinSeq}, ward's clock ${dateTimeText(made.nowAt)}`],
    ['Made', `${dateTimeText(made.madeAt)} (server's clock), because of: ${made.trigger}`],
    ['Runtime', made.runtime],
    ['Model digest', made.model.digest, true],
    ['Features digest', made.featureSetDigest, true],
    ['Alert policy digest', made.policyDigest, true],
    ['Code digest', made.codeDigest, true],
    ['Inputs commitment', made.inputsCommitment, true],
  ];
}
