import type { Resource } from '@medplum/fhirtypes';
import type { ErrorCode } from '@primum/contract';
import { PrimumError } from '@primum/base';
import { writeResources, type WriteCall, type WriteDeps, type Written } from '@primum/record';
import { asFault } from './cells.ts';
import { findPatients } from './find-patients.ts';
import { mapRow } from './map-row.ts';
import { readTable, type NumberedRow } from './read-table.ts';
import type { TableMapping } from './table-mapping.ts';

/** Why a row was left out; never what stands in it. `column` is empty where no one column is at fault. */
export type RowFault = { row: number; column: string; code: ErrorCode };

export type TableImport = {
  file: string;
  mapping: TableMapping;
  /** Writes nothing; the report is the same. */
  dryRun?: boolean;
  /** Leaves out the rows before this one: to go on where an import stopped. */
  fromRow?: number;
  /** Refuses a resource that breaks a rule of FHIR; the code of the first that it breaks. */
  refuses?: (resource: Resource) => Promise<ErrorCode | undefined>;
  onFault: (fault: RowFault) => void | Promise<void>;
  onProgress?: (done: TableCounts) => void;
  signal?: AbortSignal;
};

/** `empty`: rows that say nothing by the mapping; `unchanged`: resources that were there already; `last`: the last row that was settled. */
export type TableCounts = { rows: number; refused: number; empty: number; created: number; updated: number; unchanged: number; last: number };

const rowsAtOnce = 500;
const mostAtOnce = 4_000;

/**
 * Imports a table row by row, some hundred rows a transaction: a row is written whole or not at all, and one that cannot be
 * is in the report. Ids come from the rows, so running it again, or going on after a stop, writes nothing twice. A dry
 * run counts what would be written as created.
 */
export async function importTable(deps: WriteDeps, call: Omit<WriteCall, 'authority' | 'action'>, options: TableImport): Promise<TableCounts> {
  const { mapping, fromRow = 1, dryRun = false } = options;
  const counts: TableCounts = { rows: 0, refused: 0, empty: 0, created: 0, updated: 0, unchanged: 0, last: fromRow - 1 };
  let batch: NumberedRow[] = [];
  const settle = async (): Promise<void> => {
    if (batch.length > 0) await importRows(deps, call, options, batch, counts, dryRun);
    batch = [];
    options.onProgress?.(counts);
  };
  for await (const row of readTable(options.file, mapping)) {
    if (options.signal?.aborted === true) break;
    if (row.number < fromRow) continue;
    batch.push(row);
    if (batch.length === rowsAtOnce) await settle();
  }
  await settle();
  if (!dryRun) await deps.audit.write(deps.db, [{ tenant: call.tenant, principal: call.principal, purpose: call.purpose, action: 'table.imported', outcome: 'success', at: deps.clock.now() }]);
  return counts;
}

type Mapped = { number: number; resources: Resource[] };

async function importRows(deps: WriteDeps, call: Omit<WriteCall, 'authority' | 'action'>, options: TableImport, rows: readonly NumberedRow[], counts: TableCounts, dryRun: boolean): Promise<void> {
  const subjects = await findPatients(deps, call.tenant, options.mapping, rows.map(({ row }) => row));
  const mapped: Mapped[] = [];
  const faults: RowFault[] = [];
  for (const [n, { number, row, fits }] of rows.entries()) {
    const subject = subjects[n] ?? null;
    try {
      if (!fits) throw new PrimumError('import.row-invalid');
      if (subject !== null && 'fault' in subject) throw subject.fault;
      const said = mapRow(deps.keys, call.tenant, options.mapping, row, subject?.patientId);
      const refusal = await firstRefusal(options, said);
      if (refusal !== undefined) throw new PrimumError(refusal);
      const resources = said.length > 0 && subject?.patient !== undefined ? [subject.patient, ...said] : said;
      if (resources.length === 0) counts.empty += 1;
      else mapped.push({ number, resources });
    } catch (error) {
      const fault = asFault(error);
      if (fault === undefined) throw error;
      faults.push({ row: number, ...fault });
    }
  }
  if (dryRun) counts.created += new Set(mapped.flatMap(({ resources }) => resources.map(({ resourceType, id }) => `${resourceType}/${id}`))).size;
  else faults.push(...await writeRows(deps, call, mapped, counts));
  for (const fault of faults.sort((a, b) => a.row - b.row)) await options.onFault(fault);
  counts.rows += rows.length;
  counts.refused += faults.length;
  counts.last = rows.at(-1)?.number ?? counts.last;
}

async function firstRefusal({ refuses }: TableImport, resources: readonly Resource[]): Promise<ErrorCode | undefined> {
  if (refuses === undefined) return undefined;
  for (const resource of resources) {
    const code = await refuses(resource);
    if (code !== undefined) return code;
  }
  return undefined;
}

/** Together, and where that is refused one row after the other, so that only the guilty ones are left out. */
async function writeRows(deps: WriteDeps, call: Omit<WriteCall, 'authority' | 'action'>, rows: readonly Mapped[], counts: TableCounts): Promise<RowFault[]> {
  const asked: WriteCall = { ...call, action: 'table.rows-written', authority: 'record.import' };
  const write = async (some: readonly Mapped[]): Promise<void> => {
    // Of one resource that several rows name, the last row's holds.
    const byPlace = new Map(some.flatMap(({ resources }) => resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource])));
    count(counts, await writeResources(deps, asked, [...byPlace.values()].map((resource) => ({ kind: 'update', resource }))));
  };
  const faults: RowFault[] = [];
  for (const part of inParts(rows)) {
    try {
      await write(part);
    } catch (error) {
      if (!isOfData(error)) throw error;
      for (const row of part) {
        try {
          await write([row]);
        } catch (single) {
          if (!isOfData(single)) throw single;
          faults.push({ row: row.number, column: '', code: single.code });
        }
      }
    }
  }
  return faults;
}

function isOfData(error: unknown): error is PrimumError {
  return error instanceof PrimumError && /^(record|fhir)\./.test(error.code) && error.code !== 'record.version-conflict';
}

function inParts(rows: readonly Mapped[]): Mapped[][] {
  const parts: Mapped[][] = [[]];
  let size = 0;
  for (const row of rows) {
    if (size + row.resources.length > mostAtOnce && size > 0) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(row);
    size += row.resources.length;
  }
  return parts.filter((part) => part.length > 0);
}

function count(counts: TableCounts, written: readonly Written[]): void {
  for (const { outcome } of written) if (outcome === 'created' || outcome === 'updated' || outcome === 'unchanged') counts[outcome] += 1;
}
