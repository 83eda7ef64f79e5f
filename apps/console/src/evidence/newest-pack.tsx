import type { EvidenceRun } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './evidence.module.css';
import { outcomeText } from './evidence-words.ts';
import { evidenceQuery } from './queries.ts';

const columns: Columns<EvidenceRun['proofs'][number]> = [
  { id: 'passed', header: 'Result', cell: ({ row }) => <span className={row.original.passed === false ? styles['alarm'] : undefined}>{outcomeText(row.original)}</span> },
  { id: 'title', header: 'Proof', cell: ({ row }) => row.original.title },
  { id: 'of', header: 'Of', cell: ({ row }) => row.original.of },
  { id: 'says', header: 'Found', cell: ({ row }) => row.original.says },
];

/** What the newest evidence pack found; the pack itself lies where it was written. */
export function NewestPack() {
  const { data, error } = useQuery(evidenceQuery);
  if (data === undefined) return <section className="panel">{error === null ? 'Loading the newest pack …' : <FailureNote error={error} title="The newest pack could not be loaded" />}</section>;
  const { newest } = data;
  if (newest === null) return <section className="panel"><h2>Newest pack</h2><p>None was made yet.</p></section>;
  const { shown, partly, notShown, notBySoftware } = newest.controls;
  return (
    <section className="panel">
      <h2>Newest pack</h2>
      <p>
        {newest.madeAt.slice(0, 16).replace('T', ' ')} UTC{newest.quick ? ', a quick run' : ''}. Controls: {shown} shown, {partly} partly, <span className={notShown > 0 ? styles['alarm'] : undefined}>{notShown} not shown</span>, {notBySoftware} not by software.
      </p>
      <p className="quiet">In <span className="mono">{newest.out}</span>; on the audit log as <span className="mono">{newest.digest.slice(0, 16)}</span></p>
      <details open={newest.proofs.some(({ passed }) => passed === false)}>
        <summary>{newest.proofs.length} proofs</summary>
        <DataTable caption="What each proof found when the pack was made" columns={columns} rows={newest.proofs} rowId={({ id }) => id} empty="" />
      </details>
    </section>
  );
}
