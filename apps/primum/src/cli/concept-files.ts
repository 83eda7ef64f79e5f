import { createReadStream, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { PrimumError } from '@primum/base';
import type { Concept } from '@primum/record';
import { parse } from 'csv-parse';

/** Columns by what they are called: ours, and LOINC's own table. */
const codeColumns = ['code', 'LOINC_NUM'] as const;
const displayColumns = ['display', 'LONG_COMMON_NAME'] as const;

/** Concepts of a file (CSV, NDJSON, also gzip), or of a folder that holds a snapshot of SNOMED CT (RF2). */
export function conceptsIn(path: string): AsyncGenerator<Concept> {
  return statSync(path).isDirectory() ? conceptsInRf2(path) : conceptsInFile(path);
}

async function* conceptsInFile(file: string): AsyncGenerator<Concept> {
  const bytes = file.endsWith('.gz') ? createReadStream(file).pipe(createGunzip()) : createReadStream(file);
  const invalid = (n: number): PrimumError => new PrimumError('terminology.file-invalid', `line ${n}`);
  let n = 1;
  if (/\.ndjson(\.gz)?$/.test(file)) {
    for await (const line of createInterface({ input: bytes, crlfDelay: Infinity })) {
      if (line.trim() === '') continue;
      const { code, display, parents = [] } = readLine(line) ?? {};
      if (typeof code !== 'string' || !Array.isArray(parents)) throw invalid(n);
      yield { code, display: typeof display === 'string' ? display : code, parents: parents.map(String) };
      n += 1;
    }
    return;
  }
  const rows = bytes.pipe(parse({ columns: true, bom: true, skip_empty_lines: true, relax_quotes: true }));
  for await (const row of rows as AsyncIterable<Record<string, string>>) { // named by the first line
    n += 1;
    const code = codeColumns.map((name) => row[name]).find((value) => value !== undefined && value !== '');
    if (code === undefined) throw invalid(n);
    yield { code, display: displayColumns.map((name) => row[name]).find((value) => value !== undefined && value !== '') ?? code, parents: (row['parents'] ?? '').split(' ').filter((one) => one !== '') };
  }
}

function readLine(line: string): { code?: unknown; display?: unknown; parents?: unknown } | null {
  try {
    return JSON.parse(line) as { code?: unknown } | null; // looked at by whoever asks
  } catch {
    return null;
  }
}

const isA = '116680003';
const fullName = '900000000000003001';

/**
 * SNOMED CT Release Format 2, snapshot: active concepts with their fully specified names and active is-a relationships
 * (SNOMED International, Release File Specification, section 4.2). All of them are held while it is read, some 200 MB.
 */
async function* conceptsInRf2(folder: string): AsyncGenerator<Concept> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const rowsOf = (kind: string): AsyncGenerator<string[]> => {
    const found = files.filter((name) => new RegExp(`(^|[\\\\/])x?sct2_${kind}_.*Snapshot.*\\.txt$`).test(name));
    if (found.length === 0) throw new PrimumError('terminology.file-invalid', `no sct2_${kind}_…Snapshot….txt`);
    return rf2Rows(found.map((name) => join(folder, name)));
  };
  const parents = new Map<string, string[]>();
  for await (const [, , active, , source = '', destination = '', , type] of rowsOf('Relationship')) if (active === '1' && type === isA) parents.set(source, [...(parents.get(source) ?? []), destination]);
  const names = new Map<string, string>();
  for await (const [, , active, , concept = '', , type, term = ''] of rowsOf('Description')) if (active === '1' && type === fullName) names.set(concept, term);
  for await (const [code = '', , active] of rowsOf('Concept')) if (active === '1') yield { code, display: names.get(code) ?? code, parents: parents.get(code) ?? [] };
}

/** Tabs between, no quotes; the first line names the columns. */
async function* rf2Rows(files: readonly string[]): AsyncGenerator<string[]> {
  for (const file of files) {
    let first = true;
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      if (!first && line !== '') yield line.split('\t');
      first = false;
    }
  }
}
