import type { ResidencyPage } from '@primum/contract';
import { useQuery } from '@tanstack/react-query';
import { DataTable, type Columns } from '../ui/data-table.tsx';
import { FailureNote } from '../ui/failure-note.tsx';
import styles from './evidence.module.css';
import { residencyQuery } from './queries.ts';

const columns: Columns<ResidencyPage['stores'][number]> = [
  { id: 'store', header: 'Store', cell: ({ row }) => row.original.store },
  { id: 'at', header: 'Lies at', cell: ({ row }) => <span className="mono">{row.original.at}</span> },
  { id: 'region', header: 'Declared region', cell: ({ row }) => row.original.region ?? 'not declared' },
  { id: 'allowed', header: 'Allowed', cell: ({ row }) => (row.original.allowed === null ? 'not checked' : row.original.allowed ? 'yes' : <span className={styles['alarm']}>no</span>) },
];

/** Which store lies where; a start outside the allowed regions is refused. */
export function ResidencyPanel() {
  const { data, error } = useQuery(residencyQuery);
  if (data === undefined) return <section className="panel">{error === null ? 'Loading residency …' : <FailureNote error={error} title="Residency could not be loaded" />}</section>;
  return (
    <section className="panel">
      <h2>Where data lie</h2>
      <p>{data.allowed === null ? 'No region is declared (residency.json in the home), so none is refused.' : `Data may lie in ${data.allowed.join(', ')}; a start with a store elsewhere is refused.`}</p>
      <DataTable caption="Declared by the operator: software cannot find out where a disk stands" columns={columns} rows={data.stores} rowId={({ store }) => store} empty="" />
    </section>
  );
}
