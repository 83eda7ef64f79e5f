import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { brotliDecompressSync, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { PrimumError } from '@primum/base';
import { parse } from 'csv-parse';
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer } from 'hyparquet';
import type { Row } from './cells.ts';

/** A row with its number, from 1, the header not counted; `fits` is false where it has another number of cells than the header. */
export type NumberedRow = { number: number; row: Row; fits: boolean };

export type TableOptions = { columns: readonly string[]; delimiter: string };

const longestRecordBytes = 1024 * 1024;
const largestGroupBytes = 512 * 1024 * 1024;

/**
 * Rows of a CSV file (RFC 4180; `.gz` and `.zst` too) as a stream, or of a Parquet file one row group at a time, whose
 * columns that nobody maps are not read. Memory is bounded by a record of 1 MiB, or a row group of 512 MiB.
 * Errors: import.file-unreadable, import.column-missing.
 */
export async function* readTable(file: string, options: TableOptions): AsyncGenerator<NumberedRow> {
  try {
    yield* /\.parquet$/i.test(file) ? readParquet(file, options) : readCsv(file, options);
  } catch (error) {
    // What a parser says quotes the file.
    throw error instanceof PrimumError ? error : new PrimumError('import.file-unreadable', error instanceof Error && 'code' in error ? String(error.code) : 'not a table');
  }
}

async function* readCsv(file: string, { columns, delimiter }: TableOptions): AsyncGenerator<NumberedRow> {
  const source = createReadStream(file);
  const bytes: Readable = /\.gz$/i.test(file) ? source.compose(createGunzip()) : /\.zst$/i.test(file) ? source.compose(createZstdDecompress()) : source;
  const records = bytes.compose(parse({ bom: true, delimiter, relax_column_count: true, skip_empty_lines: true, max_record_size: longestRecordBytes }));
  let header: readonly string[] | undefined;
  let number = 0;
  for await (const record of records as AsyncIterable<string[]>) { // csv-parse gives lists where no columns are named
    if (header === undefined) {
      header = record.map((name) => name.trim());
      demandColumns(header, columns);
      continue;
    }
    number += 1;
    yield { number, row: Object.fromEntries(header.map((name, n) => [name, record[n]])), fits: record.length === header.length };
  }
  if (header === undefined) throw new PrimumError('import.file-unreadable', 'no header');
}

const compressors = { GZIP: (input: Uint8Array) => gunzipSync(input), ZSTD: (input: Uint8Array) => zstdDecompressSync(input), BROTLI: (input: Uint8Array) => brotliDecompressSync(input) };

async function* readParquet(path: string, { columns }: TableOptions): AsyncGenerator<NumberedRow> {
  await using handle = await open(path);
  const file: AsyncBuffer = {
    byteLength: (await handle.stat()).size,
    slice: async (start, end = file.byteLength) => {
      const bytes = new ArrayBuffer(end - start);
      await handle.read(new Uint8Array(bytes), 0, end - start, start);
      return bytes;
    },
  };
  const metadata = await parquetMetadataAsync(file);
  demandColumns(parquetSchema(metadata).children.map(({ element }) => element.name), columns);
  let from = 0;
  for (const group of metadata.row_groups) {
    const rows = Number(group.num_rows);
    if (Number(group.total_byte_size) > largestGroupBytes) throw new PrimumError('import.file-unreadable', 'a row group is larger than 512 MiB');
    const read = await parquetReadObjects({ file, metadata, columns: [...columns], rowStart: from, rowEnd: from + rows, compressors });
    for (const [n, row] of read.entries()) yield { number: from + n + 1, row, fits: true };
    from += rows;
  }
}

function demandColumns(there: readonly string[], wanted: readonly string[]): void {
  for (const name of wanted) if (!there.includes(name)) throw new PrimumError('import.column-missing', name);
}
