import { useTable } from '@tanstack/react-table';
import { useMemo } from 'react';
import type { Thresholds } from '../risk/risk-bar.tsx';
import { plainTable } from '../ui/data-table.tsx';
import { worklistColumns } from './columns.tsx';
import type { ShownRow } from './use-frozen-rows.ts';
import styles from './worklist.module.css';

type Props = { shown: ShownRow[]; thresholds: Thresholds | undefined; caption: string; empty: string };
const noThresholds: Thresholds = [];

export function WorklistTable({ shown, thresholds = noThresholds, caption, empty }: Props) {
  const units = [0, 1, 2, 3, 4].map((index) => shown.find(({ row }) => row.vitals[index] !== null)?.row.vitals[index]?.unit ?? '').join('\n');
  const columns = useMemo(() => worklistColumns(thresholds, units.split('\n')), [thresholds, units]);
  const table = useTable({ features: plainTable, columns, data: shown, getRowId: ({ row }: ShownRow) => row.stayId });
  if (shown.length === 0) return <p className="panel">{empty}</p>;
  return (
    <table className={styles['table']} aria-label="Worklist">
      <caption>{caption}</caption>
      <thead>
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id}>
            {group.headers.map((header) => <th key={header.id} scope="col" data-column={header.id}><table.FlexRender header={header} /></th>)}
          </tr>
        ))}
      </thead>
      <tbody>
        {table.getRowModel().rows.map((row) => (row.original.gone
          ? <tr key={row.id} data-stay={row.id} data-gone="true"><td colSpan={columns.length} className="quiet">{row.original.row.bed} {row.original.row.identity.name}: no longer on the list</td></tr>
          : (
            <tr key={row.id} data-stay={row.id} data-state={row.original.row.state}>
              {row.getAllCells().map((cell) => <td key={cell.id} data-column={cell.column.id}><table.FlexRender cell={cell} /></td>)}
            </tr>
          )))}
      </tbody>
    </table>
  );
}
