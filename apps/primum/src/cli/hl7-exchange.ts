import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { decodeMessage, parseMessage } from '@primum/formats';
import { createAcceptor, createBacklog, createSourceDirectory, disableDestination, listDestinations, listUndelivered, queueHl7, roomIn, setDestination, splitBatch, stepOutgoing } from '@primum/ingest';
import { mintSystemPrincipal } from '@primum/trust';
import { tenant, type Core } from '../core.ts';
import { homeOf, isUuid, osUser, wholeNumber, withCore } from './settings.ts';

export type Hl7Values = {
  home?: string | undefined; to?: string | undefined; patient?: string | undefined; host?: string | undefined; port?: string | undefined; tls?: boolean | undefined; ca?: string | undefined;
  application?: string | undefined; facility?: string | undefined; requeue?: string | undefined; discard?: string | undefined; source?: string | undefined; messages?: string | undefined; json?: boolean | undefined;
};

const mostFiles = 100_000;
const mostBytes = 512 * 1024 * 1024;
/** Committed together, in their order. */
const atOnce = 64;
/** So many of these between two looks at how many wait. */
const perLook = 16;
const noted = (core: Core, action: string, type: string, id: string) => ({ tenant, principal: mintSystemPrincipal(`cli:${osUser()}`), purpose: 'HOPERAT' as const, action, outcome: 'success' as const, at: core.clock.now(), entities: [{ type, id }] });

/** Files of messages and batches (FHS, BHS): each message is kept as a listener keeps it, and applied by a Primum that runs. */
export async function importFiles(values: Hl7Values, [place]: readonly string[]): Promise<void> {
  if (place === undefined) throw new PrimumError('config.usage', 'primum hl7 import FILE|FOLDER');
  const files = statSync(place).isDirectory() ? readdirSync(place).toSorted().map((name) => join(place, name)).filter((path) => statSync(path).isFile()) : [place];
  if (files.length > mostFiles) throw new PrimumError('config.usage', `a folder of at most ${mostFiles} files`);
  await withCore(homeOf(values.home), async (core) => {
    const { db, keys, clock, log } = core;
    await core.audit.write(db, [noted(core, 'message.import', 'files', String(files.length))]);
    const backlog = createBacklog({ db }, tenant);
    const acceptor = createAcceptor({ db, keys, clock, log, backlog, sources: createSourceDirectory({ db, now: () => clock.now().getTime() }, tenant), onCommitted: () => undefined }, { tenant });
    const counts = { AA: 0, AE: 0, AR: 0 };
    let unreadable = 0;
    let taken = 0;
    for (const file of files) {
      if (statSync(file).size > mostBytes) throw new PrimumError('config.usage', 'files of at most 512 MiB: cut this one in parts');
      const { messages, mismatches } = splitBatch(readFileSync(file));
      for (const { trailer, said, found } of mismatches) console.error(`${file}: ${trailer}-1 says ${said}, there are ${found}`);
      if (messages.length === 0) {
        console.error(`${file}: no message is in it`);
        unreadable += 1;
      }
      const answers: string[] = [];
      for (let at = 0; at < messages.length; at += atOnce) {
        if (taken % perLook === 0 && !await roomIn(backlog)) throw new PrimumError('ingest.backlog-full', `at ${file}, message ${at + 1}`);
        taken += 1;
        for (const answer of await Promise.all(messages.slice(at, at + atOnce).map((message) => acceptor.accept(message, { remote: 'file' })))) answers.push(answer.toString('latin1'));
      }
      for (const [n, answer] of answers.entries()) {
        const code = (/\rMSA\|(A[AER])/.exec(answer)?.[1] ?? 'AR') as keyof typeof counts; // one of the three
        counts[code] += 1;
        if (code !== 'AA') console.error(`${file}: message ${n + 1}: ${code} ${/\rERR\|[^|]*\|([^|]*)\|[^|]*\|[^|]*\|([^|^]*)/.exec(answer)?.slice(1).join(' ') ?? ''}`);
      }
    }
    await acceptor.close();
    console.log(`${counts.AA} accepted, ${counts.AE} kept in quarantine, ${counts.AR} not kept.`);
    if (counts.AE + counts.AR + unreadable > 0) process.exitCode = 1;
  });
}

export async function destinations(values: Hl7Values, [command, name]: readonly string[]): Promise<void> {
  await withCore(homeOf(values.home), async (core) => {
    if (command === 'list') {
      const rows = await listDestinations(core.db, tenant);
      if (rows.length === 0) console.log('No destinations.');
      for (const row of rows) {
        console.log(`${row.name}: ${row.host}:${row.port}${row.tls ? ' over TLS' : ''}${row.disabled ? ', disabled' : ''}; ${row.queued} wait${row.oldestQueuedAt === null ? '' : ` since ${row.oldestQueuedAt.toISOString()}`}, ${row.undelivered} not delivered${row.failures === 0 ? '' : `, failed ${row.failures} times in a row`}`);
      }
      return;
    }
    const [host, port] = [values.host, wholeNumber('port', values.port, 1, 65_535)];
    if (name === undefined || !/^[a-z0-9][a-z0-9_-]{0,39}$/i.test(name)) throw new PrimumError('config.usage', 'primum hl7 destination list | add NAME … | disable NAME');
    await core.db.transaction(async (tx) => {
      if (command === 'disable') await disableDestination(tx, tenant, name);
      else if (command === 'add' && host !== undefined && port !== undefined) {
        await setDestination(tx, tenant, { name, host, port, tls: values.tls === true, caFile: values.ca ?? null, application: values.application ?? '', facility: values.facility ?? '', timeoutMs: 30_000 });
      } else throw new PrimumError('config.usage', 'primum hl7 destination add NAME --host HOST --port PORT');
      await core.audit.write(tx, [noted(core, `destination.${command}`, 'destination', name)]);
    });
    console.log(command === 'add' ? `Messages for ${name} go to ${host}:${port}.` : `Nothing is sent to ${name} any more; what waits stays.`);
  });
}

export async function sendFile(values: Hl7Values, [file]: readonly string[]): Promise<void> {
  const { to, patient } = values;
  if (file === undefined || to === undefined || (patient !== undefined && !isUuid(patient))) throw new PrimumError('config.usage', 'primum hl7 send FILE --to NAME [--patient ID]');
  const decoded = decodeMessage(readFileSync(file), { defaultCharset: 'UNICODE UTF-8' });
  const parsed = decoded.ok ? parseMessage(decoded.text, { charset: decoded.charset }) : decoded;
  if (!parsed.ok) throw new PrimumError(parsed.problem.code, parsed.problem.location);
  const [msh, ...segments] = parsed.message.segments;
  if (!/^\s*MSH\|\^~\\&/.test(decoded.ok ? decoded.text : '')) throw new PrimumError('hl7.encoding-invalid', 'MSH-1 and MSH-2 of a message that is sent are |^~\\&');
  const type = (msh?.fields[9] ?? '').split('^');
  if (msh?.name !== 'MSH' || type[0] === '' || type[1] === undefined) throw new PrimumError('hl7.field-missing', 'MSH-9');
  await withCore(homeOf(values.home), async (core) => {
    if (patient !== undefined) await core.keys.ensure(tenant, [{ kind: 'patient', patientId: patient }]);
    const { controlId } = await core.db.transaction(async (tx) => {
      const queued = await queueHl7(tx, core.keys, tenant, to, { type: [type[0]!, type[1]!, ...(type[2] === undefined ? [] : [type[2]])] as [string, string], patientId: patient ?? null, at: core.clock.now(), segments: segments.map(({ name, fields }) => [name, ...fields.slice(1)].join('|')) });
      await core.audit.write(tx, [{ ...noted(core, 'message.queued', 'outgoing-message', queued.id), ...(patient === undefined ? {} : { patientId: patient }) }]);
      return queued;
    });
    console.log(`Queued for ${to} as ${controlId}; a Primum that runs sends it.`);
  });
}

export async function undelivered(values: Hl7Values): Promise<void> {
  await withCore(homeOf(values.home), async (core) => {
    for (const [id, event, action, said] of [[values.requeue, 'requeue', 'message.requeued', 'It is sent again.'], [values.discard, 'discard', 'message.discarded', 'It is given up.']] as const) {
      if (id === undefined) continue;
      await core.db.transaction(async (tx) => {
        if (!isUuid(id) || !await stepOutgoing(tx, tenant, id, event, null)) throw new PrimumError('sending.not-found');
        await core.audit.write(tx, [noted(core, action, 'outgoing-message', id)]);
      });
      console.log(said);
    }
    if (values.requeue !== undefined || values.discard !== undefined) return;
    const rows = await listUndelivered(core.db, tenant);
    if (rows.length === 0) console.log('Everything was delivered, or waits for its turn.');
    for (const { id: message, destination, controlId, type, status, code, attempts, createdAt } of rows) console.log(`${message} ${type} ${controlId} to ${destination}: ${status} (${code}) after ${attempts} attempts, queued ${createdAt.toISOString()}`);
  });
}
