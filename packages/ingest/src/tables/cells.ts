import { PrimumError } from '@primum/base';
import type { ErrorCode } from '@primum/contract';
import type { Cell, TableMapping, TimeCell } from './table-mapping.ts';

/** A row as it was read: text of CSV; numbers, dates and the like of Parquet. */
export type Row = Readonly<Record<string, unknown>>;

/** What is wrong with a row, without what stands in it. */
export class CellFault extends Error {
  readonly column: string;
  readonly code: ErrorCode;

  constructor(column: string, code: ErrorCode) {
    super(code);
    this.column = column;
    this.code = code;
  }
}

/** A cell's text; undefined where it is missing. */
export function textOfCell(row: Row, column: string, { missing }: Pick<TableMapping, 'missing'>): string | undefined {
  const value = row[column];
  if (value === null || value === undefined) return undefined;
  const text = value instanceof Date ? value.toISOString() : typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | bigint | boolean).trim(); // what is left is primitive
  return missing.has(text) ? undefined : text;
}

/** Through the cell's table of words; a word that is not in it is a fault. */
export function wordOf(row: Row, said: string | Cell, mapping: TableMapping): string | undefined {
  if (typeof said === 'string') return said;
  const text = textOfCell(row, said.column, mapping);
  if (text === undefined || said.map === undefined) return text;
  if (!Object.hasOwn(said.map, text)) throw new CellFault(said.column, 'table.value-invalid');
  return said.map[text];
}

export function numberOf(column: string, text: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new CellFault(column, 'table.value-invalid');
  return Number(text);
}

/** Epoch milliseconds. A text without an offset needs the mapping's zone; a date alone is no time. */
export function instantOfCell(row: Row, { column, format, offsetAt }: TimeCell, mapping: TableMapping): number {
  const value = row[column];
  if (value instanceof Date && format === 'iso') return checked(column, value.getTime());
  const text = textOfCell(row, column, mapping);
  if (text === undefined) throw new CellFault(column, 'table.value-missing');
  if (format !== 'iso') return checked(column, numberOf(column, text) * (format === 'epoch-s' ? 1_000 : 1));
  const [, date, clock, offset] = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|[+-]\d\d:?\d\d)?$/.exec(text) ?? [];
  if (date === undefined || clock === undefined) throw new CellFault(column, 'table.value-invalid');
  if (offset !== undefined) return checked(column, Date.parse(`${date}T${clock}${offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset}`));
  if (offsetAt === undefined) throw new CellFault(column, 'table.value-invalid');
  const local = checked(column, Date.parse(`${date}T${clock}Z`));
  return local - offsetAt(local) * 60_000;
}

function checked(column: string, at: number): number {
  if (!Number.isFinite(at) || Math.abs(at) > 8.64e15) throw new CellFault(column, 'table.value-invalid');
  return Math.round(at);
}

export const asFault = (error: unknown): { column: string; code: ErrorCode } | undefined =>
  (error instanceof CellFault ? { column: error.column, code: error.code } : error instanceof PrimumError ? { column: '', code: error.code } : undefined);
