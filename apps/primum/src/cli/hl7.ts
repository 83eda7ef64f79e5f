import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PrimumError } from '@primum/base';
import { decodeMessage, field, locationOf, parseMessage, type Hl7Message } from '@primum/formats';
import { convertMessage, coverageOfSource, createCoverage, loadV2Mappings, type Conversion, type FieldCoverage } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { destinations, importFiles, sendFile, undelivered, type Hl7Values } from './hl7-exchange.ts';
import { homeOf, osUser, wholeNumber, withCore } from './settings.ts';

const usage = `primum hl7 explain FILE|FOLDER [--json] [--values] [--home DIR]
  primum hl7 coverage --source A|F [--messages N] [--json]  which fields of what is kept of a sender are lost
  primum hl7 import FILE|FOLDER                 messages and batches, accepted as a listener would
  primum hl7 destination list | add NAME --host HOST --port PORT [--tls] [--ca FILE] [--application A] [--facility F] | disable NAME
  primum hl7 send FILE --to NAME [--patient ID] one message; its MSH is written anew
  primum hl7 undelivered [--requeue ID | --discard ID]`;
const mostFiles = 10_000;

/**
 * Explains what the mapping tables make of messages in a file or a folder of the caller's own; nothing is read from or
 * written to the database. Values are printed only when asked for.
 */
export async function hl7(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true, options: {
      home: { type: 'string' }, json: { type: 'boolean' }, values: { type: 'boolean' }, to: { type: 'string' }, patient: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' }, tls: { type: 'boolean' }, ca: { type: 'string' },
      application: { type: 'string' }, facility: { type: 'string' }, requeue: { type: 'string' }, discard: { type: 'string' }, source: { type: 'string' }, messages: { type: 'string' },
    },
  });
  const [verb, path] = positionals;
  const other = verb === undefined ? undefined : others[verb];
  if (other !== undefined) return other(values, positionals.slice(1));
  if (verb !== 'explain' || path === undefined) throw new PrimumError('config.usage', usage);
  const tables = await loadV2Mappings(join(homeOf(values.home), 'mappings', 'v2'));
  const files = await filesAt(path);
  if (files.folder) {
    let [messages, unread] = [0, 0];
    const counted = createCoverage();
    for (const name of files.names) {
      for (const message of await messagesIn(name, () => { unread += 1; })) {
        messages += 1;
        counted.add(convertMessage(message, tables).trace);
      }
    }
    const coverage = counted.fields();
    console.log(values.json === true ? JSON.stringify({ messages, unread, coverage }) : coverageText(coverage, messages, unread));
    return;
  }
  for (const message of await messagesIn(path, (code) => { throw new PrimumError(code, 'the message'); })) {
    const conversion = convertMessage(message, tables);
    if (values.json === true) {
      const { trace, deletions, bundle } = conversion;
      console.log(JSON.stringify(values.values === true ? { trace, deletions, bundle } : { trace, deletions: deletions.map(({ element, rule }) => ({ element, rule })) }));
    } else console.log(explanation(message, conversion, values.values === true));
  }
}

async function coverage(values: Hl7Values): Promise<void> {
  const { source, messages, json } = values;
  if (source === undefined) throw new PrimumError('config.usage', usage);
  const wanted = wholeNumber('messages', messages, 1, 10_000);
  await withCore(homeOf(values.home), async (core) => {
    const tables = await loadV2Mappings(join(core.home, 'mappings', 'v2'));
    const found = await coverageOfSource({ ...core, tables }, mintSystemPrincipal(`cli:${osUser()}`), tenant, { source, ...(wanted === undefined ? {} : { messages: wanted }) });
    console.log(json === true ? JSON.stringify(found) : coverageText(found.fields, found.messages, found.unread));
  });
}

const others: Readonly<Record<string, (values: Hl7Values, rest: readonly string[]) => Promise<void>>> = { coverage, import: importFiles, destination: destinations, send: sendFile, undelivered };

async function filesAt(path: string): Promise<{ folder: boolean; names: string[] }> {
  try {
    if (!(await stat(path)).isDirectory()) return { folder: false, names: [path] };
    const names = (await readdir(path, { withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(path, entry.name)).sort();
    if (names.length > mostFiles) throw new PrimumError('config.usage', `a folder of at most ${mostFiles} files`);
    return { folder: true, names };
  } catch (error) {
    if (error instanceof PrimumError) throw error;
    throw new PrimumError('import.file-unreadable');
  }
}

/** Several messages may follow one another in a file; a file without a character set of its own is read as UTF-8. */
async function messagesIn(path: string, refuse: (code: PrimumError['code']) => void): Promise<Hl7Message[]> {
  const decoded = decodeMessage(await readFile(path), { defaultCharset: 'UNICODE UTF-8' });
  if (!decoded.ok) { refuse(decoded.problem.code); return []; }
  const messages: Hl7Message[] = [];
  for (const text of decoded.text.split(/(?<=[\r\n])(?=MSH)/)) {
    const parsed = parseMessage(text, { charset: decoded.charset });
    if (parsed.ok) messages.push(parsed.message);
    else refuse(parsed.problem.code);
  }
  return messages;
}

function explanation(message: Hl7Message, { trace, unread }: Conversion, withValues: boolean): string {
  const lines = trace.map(({ segment, sequence, field: number, targets, unmapped, deletes }) => {
    const of = message.segments.find((one) => one.name === segment && one.sequence === sequence);
    const place = of === undefined ? segment : locationOf(of, number);
    const where = targets.length === 0 ? ['not mapped'] : targets.map(({ element, rule }) => `${element}  (${rule})`);
    const lost = targets.length > 0 && unmapped.length > 0 ? `  not mapped: ${unmapped.join(', ')}` : '';
    const value = withValues && of !== undefined ? `  ${field(of, number)}` : '';
    return `${place.padEnd(12)} ${where.join(`\n${' '.repeat(13)}`)}${deletes === true ? '  deletes' : ''}${lost}${value}`;
  });
  const mapped = trace.filter(({ targets }) => targets.length > 0).length;
  const segments = [...new Set(unread.map(({ name }) => name))];
  return [...lines, `${mapped} of ${trace.length} fields mapped${segments.length === 0 ? '' : `; kept as sent, read by no rule: ${segments.join(', ')}`}.`].join('\n');
}

function coverageText(coverage: readonly FieldCoverage[], messages: number, unread: number): string {
  const lines = coverage.filter(({ dropped, droppedComponents }) => dropped > 0 || Object.keys(droppedComponents).length > 0).map(({ segment, field: number, valued, dropped, droppedComponents }) => {
    const parts = Object.entries(droppedComponents).map(([place, count]) => `.${place} × ${count}`);
    return `${`${segment}-${number}`.padEnd(8)} ${dropped === 0 ? 'mapped' : `dropped ${dropped} of ${valued}`}${parts.length === 0 ? '' : `  components ${parts.join(', ')}`}`;
  });
  const [valued, dropped] = coverage.reduce(([all, lost], one) => [all + one.valued, lost + one.dropped], [0, 0]);
  return [...lines, `${messages} messages; ${valued - dropped} of ${valued} valued fields mapped${unread === 0 ? '' : `; ${unread} could not be read`}.`].join('\n');
}
