import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { CompiledView, ViewRow } from './compile-view.ts';
import type { ViewColumn } from './view-definition.ts';

export const viewFormats = ['ndjson', 'csv', 'parquet'] as const;
export type ViewFormat = (typeof viewFormats)[number];

export const viewMediaTypes: Readonly<Record<ViewFormat, string>> = { ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8', parquet: 'application/vnd.apache.parquet' };

const rowsPerGroup = 10_000;

/**
 * Rows of a view as a file, piece by piece: what is in memory is one batch, and for Parquet one row group. Names of
 * columns are the definition's; a value of a `collection` column is a JSON array in CSV and Parquet.
 */
export async function* writeRows(format: ViewFormat, { columns }: Pick<CompiledView, 'columns'>, batches: AsyncIterable<readonly ViewRow[]>): AsyncGenerator<Buffer> {
  if (format === 'parquet') yield* parquet(columns, batches);
  else if (format === 'csv') yield* csv(columns, batches);
  else for await (const rows of batches) if (rows.length > 0) yield Buffer.from(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
}

/** RFC 4180. Text that a spreadsheet would take for a formula is left as it is: who opens it there must import it as text. */
async function* csv(columns: readonly ViewColumn[], batches: AsyncIterable<readonly ViewRow[]>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${columns.map(({ name }) => name).join(',')}\r\n`);
  for await (const rows of batches) {
    if (rows.length > 0) yield Buffer.from(rows.map((row) => `${columns.map(({ name }) => csvField(row[name])).join(',')}\r\n`).join(''));
  }
}

function csvField(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** FHIR and SQL on FHIR types as Parquet has them; whatever else is text. */
const numbers: Readonly<Record<string, 'INT32' | 'INT64' | 'DOUBLE' | 'BOOLEAN'>> = {
  boolean: 'BOOLEAN', integer: 'INT32', positiveInt: 'INT32', unsignedInt: 'INT32', integer64: 'INT64', decimal: 'DOUBLE',
};

async function* parquet(columns: readonly ViewColumn[], batches: AsyncIterable<readonly ViewRow[]>): AsyncGenerator<Buffer> {
  const sink = new ByteWriter();
  const kinds = columns.map(({ type, collection }) => (collection ? undefined : numbers[type?.split('/').at(-1) ?? '']));
  const writer = new ParquetWriter({
    writer: sink, createdBy: 'primum',
    schema: [{ name: 'root', num_children: columns.length }, ...columns.map(({ name }, n) => (kinds[n] === undefined
      ? { name, type: 'BYTE_ARRAY' as const, converted_type: 'UTF8' as const, repetition_type: 'OPTIONAL' as const }
      : { name, type: kinds[n], repetition_type: 'OPTIONAL' as const }))],
  });
  const taken = (): Buffer => {
    const bytes = Buffer.from(sink.getBytes());
    sink.index = 0; // written out; `offset` goes on counting
    return bytes;
  };
  let held: ViewRow[] = [];
  const group = async (): Promise<Buffer> => {
    await writer.write({ rowGroupSize: rowsPerGroup * 2, columnData: columns.map(({ name }, n) => ({ name, data: held.map((row) => parquetValue(row[name], kinds[n])) })) });
    held = [];
    return taken();
  };
  for await (const rows of batches) {
    held.push(...rows);
    if (held.length >= rowsPerGroup) yield await group();
  }
  if (held.length > 0) yield await group();
  await writer.finish();
  yield taken();
}

function parquetValue(value: unknown, kind: 'INT32' | 'INT64' | 'DOUBLE' | 'BOOLEAN' | undefined): unknown {
  if (value === null || value === undefined) return undefined;
  if (kind === undefined) return typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value as number | boolean);
  if (kind === 'BOOLEAN') return typeof value === 'boolean' ? value : undefined;
  return typeof value === 'number' ? (kind === 'INT64' ? BigInt(Math.trunc(value)) : value) : undefined;
}
