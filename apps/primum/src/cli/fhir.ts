import { createReadStream, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { createGunzip, gunzipSync } from 'node:zlib';
import { isLoopbackHost, PrimumError } from '@primum/base';
import { createSearchIndex, parseFhir, reindex } from '@primum/record';
import { mintSystemPrincipal } from '@primum/trust';
import { bulkRules } from '../bulk/fetch-within.ts';
import { pull } from '../bulk/pull.ts';
import { importLines, type Imported } from '../bulk/run-import.ts';
import { tenant, type Core } from '../core.ts';
import { openFhir, type Fhir } from '../fhir.ts';
import { createBundles } from '../http/fhir/bundle.ts';
import { createFhirDeps } from '../http/fhir/fhir-deps.ts';
import { createHistory } from '../http/fhir/history.ts';
import type { FhirCaller } from '../http/fhir/interaction.ts';
import { outcomeOf } from '../http/fhir/outcome.ts';
import { createWrites } from '../http/fhir/write.ts';
import { loadServedModel } from '../models.ts';
import { homeOf, osUser, withCore } from './settings.ts';

const fhirUsage = `primum fhir reindex [--all] [--from TYPE/ID]
  primum fhir import FILE|FOLDER       NDJSON of resources, or transaction and batch Bundles (.json); also gzip
  primum fhir pull URL --client ID --key FILE [--scope SCOPES] [--type TYPE,…]`;
const maxBundleBytes = 256 * 1024 * 1024;

export async function fhir(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: { home: { type: 'string' }, all: { type: 'boolean', default: false }, from: { type: 'string' }, client: { type: 'string' }, key: { type: 'string' }, scope: { type: 'string' }, type: { type: 'string' } },
  });
  const [command, place] = positionals;
  if (command === 'reindex') return reindexed(values);
  if (place === undefined) throw new PrimumError('config.usage', fhirUsage);
  if (command === 'import') return withFhir(values.home, (core, open) => imported(core, open, place));
  if (command !== 'pull' || values.client === undefined || values.key === undefined) throw new PrimumError('config.usage', fhirUsage);
  const request = { url: place.replace(/\/$/, ''), clientId: values.client, keyFile: values.key, scope: values.scope ?? 'system/*.rs', types: values.type?.split(',') ?? [] };
  return withFhir(values.home, async (core, open) => {
    // Whoever sits here names the server: this machine itself is one of them.
    const rules = bulkRules(process.env, core.mode === 'demonstration');
    const { imported: lines, refused, transactionTime } = await pull(core, open, principal(), { ...rules, loopback: rules.loopback || (URL.canParse(request.url) && isLoopbackHost(new URL(request.url).hostname)) }, request, (event) => {
      if ('waiting' in event) console.error(`waiting${event.waiting === '' ? '' : `: ${event.waiting}`}`);
      else if ('imported' in event) sayRefused(event.type, event.imported);
    });
    console.log(`${lines} resources imported, ${refused} refused${transactionTime === null ? '' : `; as of ${transactionTime}`}.`);
    if (refused > 0) process.exitCode = 1;
  });
}

const principal = (): ReturnType<typeof mintSystemPrincipal> => mintSystemPrincipal(`cli:${osUser()}`);

async function withFhir(home: string | undefined, work: (core: Core, open: Fhir) => Promise<void>): Promise<void> {
  const at = homeOf(home);
  await withCore(at, async (core) => work(core, openFhir(core, (await loadServedModel(at)).codes)));
}

async function imported(core: Core, open: Fhir, place: string): Promise<void> {
  const files = statSync(place).isDirectory() ? readdirSync(place).filter((name) => /\.(ndjson|json)(\.gz)?$/.test(name)).toSorted(patientsFirst).map((name) => join(place, name)) : [place];
  if (files.length === 0) throw new PrimumError('bulk.file-invalid', 'no .ndjson and no .json in the folder');
  const deps = createFhirDeps(core, open);
  const writes = createWrites(deps);
  const bundles = createBundles({ ...deps, writes, history: createHistory(core, deps.reads) });
  const caller: FhirCaller = { principal: principal(), purpose: 'HOPERAT', prefer: { return: 'minimal', handling: 'strict', respondAsync: false }, base: '', project: 'default' };
  let done = 0;
  let refused = 0;
  for (const file of files) {
    if (/\.ndjson(\.gz)?$/.test(file)) {
      const source: Readable = file.endsWith('.gz') ? createReadStream(file).pipe(createGunzip()) : createReadStream(file);
      await importLines({ core, fhir: open, valid: deps.valid }, { principal: caller.principal, purpose: caller.purpose }, source, 0, async (_line, batch) => {
        done += batch.done;
        refused += batch.refused.length;
        sayRefused(file, batch);
        return true;
      });
      continue;
    }
    try {
      const bytes = await readFile(file);
      const text = (file.endsWith('.gz') ? gunzipSync(bytes, { maxOutputLength: maxBundleBytes }) : bytes).toString();
      const { entry = [] } = await bundles(caller, parseFhir(text));
      const bad = entry.filter(({ response }) => Number(response?.status ?? 0) >= 400).length;
      done += entry.length - bad;
      refused += bad;
    } catch (error) {
      if (!(error instanceof PrimumError)) throw error;
      refused += 1;
      console.error(`${file}: ${outcomeOf(error).issue.slice(0, 5).map(({ details, expression }) => `${expression?.[0] ?? ''} ${details?.text ?? ''}`.trim()).join('; ')}`);
    }
  }
  console.log(`${done} resources imported, ${refused} refused.`);
  if (refused > 0) process.exitCode = 1;
}

function patientsFirst(a: string, b: string): number {
  return Number(b.startsWith('Patient')) - Number(a.startsWith('Patient')) || (a < b ? -1 : 1);
}

function sayRefused(file: string, { refused }: Imported): void {
  for (const { outcome } of refused.slice(0, 20)) console.error(`${file} ${outcome.issue[0]?.location?.[0] ?? ''}: ${outcome.issue[0]?.expression?.[0] ?? ''} ${outcome.issue[0]?.details?.text ?? ''}`);
}

async function reindexed(values: { home?: string | undefined; all: boolean; from?: string | undefined }): Promise<void> {
  const [, type, id] = values.from === undefined ? [] : /^([A-Z][A-Za-z]+)\/([0-9a-f-]{36})$/.exec(values.from) ?? [];
  if (values.from !== undefined && (type === undefined || id === undefined)) throw new PrimumError('config.usage', fhirUsage);
  await withCore(homeOf(values.home), async (core) => {
    await core.audit.write(core.db, [{ tenant, principal: principal(), purpose: 'HOPERAT', action: 'search.reindex', outcome: 'success', at: core.clock.now() }]);
    const indexed = await reindex({ ...core, search: createSearchIndex(core, tenant) }, tenant, {
      all: values.all, ...(type === undefined || id === undefined ? {} : { from: { type, id } }),
      onChunk: (at, made) => { console.error(`${made} made, up to ${at.type}/${at.id}`); },
    });
    console.log(`${indexed} resources can be found again.`);
  });
}
