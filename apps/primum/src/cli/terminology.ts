import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { PrimumError } from '@primum/base';
import { loadLargeSystem, type Concept } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { parse } from 'csv-parse';
import { tenant } from '../core.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const terminologyUsage = 'primum terminology load FILE --system URL --version VERSION [--name NAME]';
/** Columns by what they are called: ours, and LOINC's own table. */
const codeColumns = ['code', 'LOINC_NUM'] as const;
const displayColumns = ['display', 'LONG_COMMON_NAME'] as const;

/** A code system from the hospital's own file, by its own licence: CSV (code, display, parents) or NDJSON, also gzip. */
export async function terminology(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { home: { type: 'string' }, system: { type: 'string' }, version: { type: 'string' }, name: { type: 'string' } } });
  const [command, file] = positionals;
  const { system, version } = values;
  if (command !== 'load' || file === undefined || system === undefined || version === undefined) throw new PrimumError('config.usage', terminologyUsage);
  await withCore(homeOf(values.home), async (core) => {
    const at = core.clock.now();
    const count = await core.db.transaction(async (tx) => {
      const loaded = await loadLargeSystem(tx, tenant, { system, version, name: values.name ?? null, at }, conceptsIn(file));
      await core.audit.write(tx, [{ tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT', action: 'terminology.loaded', outcome: 'success', at, entities: [{ type: 'code-system', id: `${system}|${version}`.slice(0, 200) }] }]);
      return loaded;
    });
    console.log(`${count} codes of ${system} ${version} loaded.`);
  });
}

async function* conceptsIn(file: string): AsyncGenerator<Concept> {
  const bytes = file.endsWith('.gz') ? createReadStream(file).pipe(createGunzip()) : createReadStream(file);
  const invalid = (n: number): PrimumError => new PrimumError('terminology.file-invalid', `line ${n}`);
  let n = 1;
  if (/\.ndjson(\.gz)?$/.test(file)) {
    for await (const line of createInterface({ input: bytes, crlfDelay: Infinity })) {
      if (line.trim() === '') continue;
      const { code, display, parents = [] } = JSON.parse(line) as { code?: unknown; display?: unknown; parents?: unknown }; // looked at just below
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
