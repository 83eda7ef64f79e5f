import { createReadStream } from 'node:fs';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { PrimumError, asPrimumError } from '@primum/base';
import { physionetColumns } from './physionet-conventions.ts';

/** One ICU stay of the challenge's files. */
export type PhysionetStay = {
  id: string;
  /** Years, two decimals; null = unknown. */
  ageYears: number | null;
  /** 1 male, 0 female. */
  male: 0 | 1 | null;
  unit: 'MICU' | 'SICU' | null;
  /** Hospital admission relative to ICU admission, hours (negative: before). */
  hospAdmHours: number | null;
  rows: PhysionetRow[];
};

export type PhysionetRow = {
  /** ICULOS. */
  hour: number;
  /** In the order of `physionetColumns`; NaN = not measured. */
  values: Float64Array;
  /** SepsisLabel: 1 from six hours before onset. */
  label: 0 | 1;
};

const maxLineLength = 65_536;
const maxRowsPerStay = 10_000;
const contextColumns = ['patient_id', 'Age', 'Gender', 'Unit1', 'Unit2', 'HospAdmTime', 'ICULOS', 'SepsisLabel'] as const;

/**
 * Reads stays from a CSV file or stream, gzip or plain, one at a time. A stay's rows stand together, ICULOS ascending.
 * Throws `import.file-unreadable`, `import.column-missing`, `import.row-invalid` (with the line, never a value).
 */
export async function* physionetStays(input: string | Readable): AsyncGenerator<PhysionetStay> {
  let columns: Columns | null = null;
  let stay: PhysionetStay | null = null;
  const seen = new Set<string>();
  let lineNumber = 0;
  for await (const line of lines(input)) {
    lineNumber += 1;
    if (columns === null) {
      columns = readHeader(line);
      continue;
    }
    if (line === '') continue;
    const cells = line.split(',');
    if (cells.length !== columns.count) throw rowInvalid(lineNumber, 'number of cells');
    const id = cells[columns.context.patient_id]!;
    if (stay === null || stay.id !== id) {
      if (stay !== null) yield stay;
      if (id === '' || seen.has(id)) throw rowInvalid(lineNumber, 'patient_id: rows of a stay must stand together');
      seen.add(id);
      stay = readStay(cells, columns, id, lineNumber);
    }
    const row = readRow(cells, columns, lineNumber);
    if (row.hour <= (stay.rows.at(-1)?.hour ?? 0) || stay.rows.length >= maxRowsPerStay) throw rowInvalid(lineNumber, 'ICULOS');
    stay.rows.push(row);
  }
  if (columns === null) throw new PrimumError('import.column-missing', 'the file is empty');
  if (stay !== null) yield stay;
}

type Columns = { count: number; context: Record<(typeof contextColumns)[number], number>; measured: number[] };

function readHeader(line: string): Columns {
  const names = line.split(',');
  const find = (name: string): number => {
    const index = names.indexOf(name);
    if (index < 0) throw new PrimumError('import.column-missing', name);
    return index;
  };
  const context = Object.fromEntries(contextColumns.map((name) => [name, find(name)])) as Columns['context']; // its keys are contextColumns
  return { count: names.length, context, measured: physionetColumns.map(find) };
}

function readStay(cells: string[], { context }: Columns, id: string, line: number): PhysionetStay {
  const gender = cell(cells, context.Gender, line, 'Gender');
  const unit1 = cell(cells, context.Unit1, line, 'Unit1');
  const unit2 = cell(cells, context.Unit2, line, 'Unit2');
  const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
  return {
    id,
    ageYears: orNull(cell(cells, context.Age, line, 'Age')),
    male: gender === 1 ? 1 : gender === 0 ? 0 : null,
    unit: unit1 === 1 ? 'MICU' : unit2 === 1 ? 'SICU' : null,
    hospAdmHours: orNull(cell(cells, context.HospAdmTime, line, 'HospAdmTime')),
    rows: [],
  };
}

function readRow(cells: string[], { context, measured }: Columns, line: number): PhysionetRow {
  const hour = cell(cells, context.ICULOS, line, 'ICULOS');
  if (!Number.isInteger(hour) || hour < 1) throw rowInvalid(line, 'ICULOS');
  const label = cell(cells, context.SepsisLabel, line, 'SepsisLabel');
  if (label !== 0 && label !== 1) throw rowInvalid(line, 'SepsisLabel');
  const values = new Float64Array(measured.length);
  for (let index = 0; index < values.length; index += 1) values[index] = cell(cells, measured[index]!, line, physionetColumns[index]!);
  return { hour, values, label };
}

function cell(cells: string[], index: number, line: number, column: string): number {
  const text = cells[index]!;
  if (text === '' || text === 'NaN') return Number.NaN;
  const value = Number(text);
  if (!Number.isFinite(value)) throw rowInvalid(line, column);
  return value;
}

const rowInvalid = (line: number, what: string): PrimumError => new PrimumError('import.row-invalid', `line ${line}, ${what}`);

async function* lines(input: string | Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const text of decoded(input)) {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > maxLineLength) throw new PrimumError('import.row-invalid', 'a line is too long');
    for (const part of parts) yield part.endsWith('\r') ? part.slice(0, -1) : part;
  }
  if (rest !== '') yield rest.endsWith('\r') ? rest.slice(0, -1) : rest;
}

/** The text of a file or stream: gzip is known by its magic number (RFC 1952, 2.3.1), a UTF-8 byte order mark is dropped. */
async function* decoded(input: string | Readable): AsyncGenerator<string> {
  const source = typeof input === 'string' ? createReadStream(input) : input;
  const decoder = new TextDecoder();
  try {
    const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>; // byte streams only: no encoding is set
    const first = await chunks.next();
    if (first.done === true) return;
    const all = async function* (): AsyncGenerator<Uint8Array> {
      yield first.value;
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
    };
    const bytes = first.value[0] === 0x1f && first.value[1] === 0x8b ? gunzip(all()) : all();
    for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
  } catch (error) {
    throw asPrimumError(error, 'import.file-unreadable');
  } finally {
    source.destroy();
  }
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unzip = createGunzip();
  pipeline(Readable.from(chunks), unzip, () => undefined); // an error reaches the loop below through `unzip`
  yield* unzip as AsyncIterable<Uint8Array>; // no encoding is set
}
