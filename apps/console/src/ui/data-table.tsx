import { tableFeatures, useTable, type ColumnDef, type RowData } from '@tanstack/react-table';
import type { ReactNode } from 'react';

export const plainTable = tableFeatures({});
export type Columns<Row extends RowData> = ColumnDef<typeof plainTable, Row>[];

type Props<Row extends RowData> = { caption: ReactNode; columns: Columns<Row>; rows: Row[]; rowId: (row: Row) => string; empty: string };

/** A quiet table of rows; `empty` says what no rows means. `columns` and `rows` must keep their identity between renders. */
export function DataTable<Row extends RowData>({ caption, columns, rows, rowId, empty }: Props<Row>) {
  const table = useTable({ features: plainTable, columns, data: rows, getRowId: rowId });
  return (
    <table className="data-table">
      <caption>{caption}</caption>
      <thead>
        {table.getHeaderGroups().map((group) => (
          <tr key={group.id}>
            {group.headers.map((header) => <th key={header.id} scope="col"><table.FlexRender header={header} /></th>)}
          </tr>
        ))}
      </thead>
      <tbody>
        {rows.length === 0 && <tr><td colSpan={columns.length} className="quiet">{empty}</td></tr>}
        {table.getRowModel().rows.map((row) => (
          <tr key={row.id}>
            {row.getAllCells().map((cell) => <td key={cell.id}><table.FlexRender cell={cell} /></td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
