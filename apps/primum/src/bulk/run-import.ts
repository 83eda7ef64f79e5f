import type { Readable } from 'node:stream';
import type { OperationOutcome, Resource } from '@medplum/fhirtypes';
import { PrimumError, uuidv7 } from '@primum/base';
import { errorCatalogue } from '@primum/contract';
import { parseFhir, repeatsName, storeParts, type WriteOperation } from '@primum/record';
import type { Principal, Purpose } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import type { Fhir } from '../fhir.ts';
import { FhirIssues, outcomeOf } from '../http/fhir/outcome.ts';
import { resourceOf } from '../http/fhir/interaction.ts';
import { writeAll } from '../http/fhir/write-all.ts';
import { linesOf } from './lines.ts';

export type ImportDeps = { core: Core; fhir: Fhir; valid<T extends Resource>(resource: T): Promise<T> };
export type Importer = { principal: Principal; purpose: Purpose };
/** What became of some lines; `refused` in the order of the lines. */
export type Imported = { done: number; refused: { line: number; outcome: OperationOutcome }[] };

/** `text`: null where it is too long. */
type Line = { line: number; text: string | null };

const linesPerBatch = 200;
const bytesPerBatch = 8 * 1024 * 1024;
/** As a resource by itself (`maxBodyBytes` of its routes); what is larger comes as a Binary. */
const longestLine = 16 * 1024 * 1024;

/**
 * NDJSON of resources, from line `from` on (counted from 0), in transactions of 200 lines or 8 MiB: each is an upsert under its
 * own id, so a line that is sent again changes nothing. Where a transaction is refused its lines are tried one by one, so one bad line
 * costs itself alone. `onBatch` hears how far it came after each commit; false ends it.
 */
export async function importLines(deps: ImportDeps, importer: Importer, source: Readable, from: number, onBatch: (nextLine: number, imported: Imported) => Promise<boolean>): Promise<boolean> {
  let line = 0;
  let batch: Line[] = [];
  let held = 0;
  const flush = async (): Promise<boolean> => {
    const imported = await importBatch(deps, importer, batch);
    batch = [];
    held = 0;
    return onBatch(line, imported);
  };
  for await (const text of linesOf(source, longestLine)) {
    if (line >= from && text?.trim() !== '') {
      batch.push({ line, text });
      held += text?.length ?? 0;
    }
    line += 1;
    if ((batch.length >= linesPerBatch || held >= bytesPerBatch) && !await flush()) return false;
  }
  return batch.length === 0 ? onBatch(line, { done: 0, refused: [] }) : flush();
}

async function importBatch(deps: ImportDeps, importer: Importer, lines: readonly Line[]): Promise<Imported> {
  const refused: Imported['refused'] = [];
  const ready: { line: number; operation: WriteOperation }[] = [];
  const standing = new Set<string>();
  for (const { line, text } of lines) {
    try {
      const operation = await operationOf(deps, text);
      const place = `${operation.resource.resourceType}/${operation.resource.id}`;
      if (standing.has(place)) throw new PrimumError('record.repeated', 'twice in a few lines');
      standing.add(place);
      ready.push({ line, operation });
    } catch (error) {
      refused.push({ line, outcome: outcomeOfLine(error, line) });
    }
  }
  try {
    await writeAll(deps, importer, ready.map(({ operation }) => operation));
    return { done: ready.length, refused };
  } catch (error) {
    if (!isCallers(error)) throw error;
  }
  let done = 0;
  for (const { line, operation } of ready) {
    try {
      await writeAll(deps, importer, [operation]);
      done += 1;
    } catch (error) {
      refused.push({ line, outcome: outcomeOfLine(error, line) });
    }
  }
  return { done, refused: refused.toSorted((a, b) => a.line - b.line) };
}

async function operationOf({ valid }: ImportDeps, text: string | null): Promise<Extract<WriteOperation, { kind: 'create' | 'update' }>> {
  if (text === null) throw new PrimumError('bulk.file-invalid', 'the line is too long');
  let parsed: unknown;
  try {
    parsed = parseFhir(text);
  } catch {
    throw new PrimumError('fhir.invalid', 'the line is not JSON');
  }
  if (repeatsName(text, parsed)) throw new PrimumError('fhir.invalid', 'a name stands twice in one object');
  const resource = await valid(resourceOf(parsed));
  return resource.id === undefined ? { kind: 'create', resource: { ...resource, id: uuidv7() } } : { kind: 'update', resource };
}

const isCallers = (error: unknown): error is PrimumError => error instanceof PrimumError && errorCatalogue[error.code].http < 500;

function outcomeOfLine(error: unknown, line: number): OperationOutcome {
  if (!isCallers(error)) throw error;
  const outcome = error instanceof FhirIssues ? outcomeOf(error) : outcomeOf(error);
  return { ...outcome, issue: outcome.issue.map((issue) => ({ ...issue, location: [`line ${line + 1}`] })) };
}

/** Errors of a job as a file of OperationOutcomes, one a line. */
export async function storeOutcomes(core: Core, outcomes: readonly OperationOutcome[]): ReturnType<typeof storeParts> {
  return storeParts(core, tenant, { id: uuidv7(), patientId: null }, (async function* () {
    yield Buffer.from(`${outcomes.map((outcome) => JSON.stringify(outcome)).join('\n')}\n`);
  })(), Number.MAX_SAFE_INTEGER);
}
