import type { EvidenceRun } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './evidence.module.css';
import { outcomeText } from './evidence-words.ts';
import { evidenceRunQuery } from './queries.ts';

const columns: Columns<EvidenceRun['proofs'][number]> = [
  { id: 'passed', header: 'Result', cell: ({ row }) => <span className={row.original.passed === false ? styles['alarm'] : undefined}>{outcomeText(row.original)}</span> },
  { id: 'title', header: 'Proof', cell: ({ row }) => row.original.title },
  { id: 'of', header: 'Of', cell: ({ row }) => row.original.of },
  { id: 'says', header: 'Found', cell: ({ row }) => row.original.says },
];

/** What the newest evidence pack found; the pack itself lies where it was written. */
export function NewestPack() {
  const { data, error } = useQuery(evidenceRunQuery);
  if (data === undefined) return <section className="panel">{error === null ? 'Loading the newest pack …' : <FailureNote error={error} title="The newest pack could not be loaded" />}</section>;
  if (data === null) return <section className="panel"><h2>Newest pack</h2><p>None was made yet.</p></section>;
  const { shown, partly, notShown, notBySoftware } = data.controls;
  return (
    <section className="panel">
      <h2>Newest pack</h2>
      <p>
        {data.madeAt.slice(0, 16).replace('T', ' ')} UTC{data.quick ? ', a quick run' : ''}. Controls: {shown} shown, {partly} partly, <span className={notShown > 0 ? styles['alarm'] : undefined}>{notShown} not shown</span>, {notBySoftware} not by software.
      </p>
      <p className="quiet">In <span className="mono">{data.out}</span>; on the audit log as <span className="mono">{data.digest.slice(0, 16)}</span></p>
      <details open={data.proofs.some(({ passed }) => passed === false)}>
        <summary>{data.proofs.length} proofs</summary>
        <DataTable caption="What each proof found when the pack was made" columns={columns} rows={data.proofs} rowId={({ id }) => id} empty="" />
      </details>
    </section>
  );
}
