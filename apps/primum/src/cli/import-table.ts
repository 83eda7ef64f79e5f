import { createWriteStream, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { importTable, parseTableMapping, type RowFault, type TableCounts } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { openFhir, writeDepsOf } from '../fhir.ts';
import { loadServedModel } from '../models.ts';
import { homeOf, osUser, wholeNumber, withCore } from './settings.ts';

const usage = 'primum import table FILE.csv[.gz|.zst]|FILE.parquet --mapping M.json [--dry-run] [--report R.csv|R.ndjson] [--from-row N]';
const mostShown = 10;

export async function importTableCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, mapping: { type: 'string' }, 'dry-run': { type: 'boolean', default: false }, report: { type: 'string' }, 'from-row': { type: 'string' } },
  });
  const [file] = positionals;
  if (file === undefined || values.mapping === undefined) throw new PrimumError('config.usage', usage);
  const mapping = parseTableMapping(readJson(values.mapping));
  const fromRow = wholeNumber('from-row', values['from-row'], 1, Number.MAX_SAFE_INTEGER);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const report = values.report === undefined ? undefined : openReport(values.report);
  await withCore(homeOf(values.home), async (core) => {
    const fhir = openFhir(core, (await loadServedModel(core.home)).codes);
    const byCode = new Map<string, number>();
    const done = await importTable(writeDepsOf(core, fhir), { tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT' }, {
      file, mapping, dryRun: values['dry-run'], signal: stop.signal, ...(fromRow === undefined ? {} : { fromRow }),
      refuses: async (resource) => (fhir.validator.validate(resource).issues.some(({ severity }) => severity === 'error') ? 'fhir.unprocessable' : undefined),
      onFault: async (fault) => {
        byCode.set(fault.code, (byCode.get(fault.code) ?? 0) + 1);
        await report?.write(fault);
      },
      onProgress: ({ last }) => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[Krow ${last}`); },
    });
    await report?.end();
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    console.log(said(done, values['dry-run'], stop.signal.aborted));
    for (const [code, rows] of [...byCode].slice(0, mostShown)) console.log(`  ${rows} rows left out  [${code}]`);
  });
}

function said({ rows, created, updated, unchanged, refused, empty, last }: TableCounts, dryRun: boolean, stopped: boolean): string {
  const what = dryRun ? `${created} resources would be written` : `${created} resources written, ${updated} changed, ${unchanged} there already`;
  return `${rows} rows: ${what}; ${refused} rows left out, ${empty} say nothing.${stopped ? ` Stopped; go on with --from-row ${last + 1}.` : ''}`;
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new PrimumError('table.mapping-invalid', 'the file is not there or is not JSON');
  }
}

/** A row a fault: NDJSON where the name says so, else CSV. */
function openReport(path: string): { write(fault: RowFault): Promise<void>; end(): Promise<void> } {
  const asJson = /\.(ndjson|jsonl)$/i.test(path);
  const stream = createWriteStream(path, { mode: 0o600 });
  const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  if (!asJson) stream.write('row,column,code\n');
  return {
    write: async (fault) => {
      const line = asJson ? JSON.stringify(fault) : `${fault.row},${quoted(fault.column)},${fault.code}`;
      if (!stream.write(`${line}\n`)) await once(stream, 'drain');
    },
    end: async () => {
      stream.end();
      await once(stream, 'finish');
    },
  };
}
