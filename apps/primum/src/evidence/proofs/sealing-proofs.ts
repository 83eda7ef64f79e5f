import { existsSync, openSync, readFileSync, readdirSync, readSync, closeSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageAad } from '@primum/ingest';
import { resourceAad } from '@primum/record';
import { payloadAad } from '@primum/serving';
import type { Db } from '@primum/store';
import { mintSystemPrincipal, type Keys } from '@primum/trust';
import { tenant, type Core } from '../../core.ts';
import { rotateKeys } from '../../key-rotation.ts';
import { expectThat, type Proof } from '../proof.ts';
import type { Scratch } from '../scratch.ts';

/** A text as it may lie in bytes: in three cases; as UTF-8, UTF-16, hexadecimal, and in base64 at each of its three alignments. */
function formsOf(marker: string): Buffer[] {
  return [marker, marker.toLowerCase(), marker.toUpperCase()].flatMap((text) => {
    const bytes = Buffer.from(text);
    const aligned = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift === 0 ? 0 : shift + 1, -4));
    return [bytes, Buffer.from(text, 'utf16le'), Buffer.from(bytes.toString('hex')), ...aligned.map((part) => Buffer.from(part))];
  });
}

const chunkBytes = 16 * 1024 * 1024;

/** One expression for all forms, over bytes as characters: one pass instead of one a form. */
function anyOf(forms: readonly Buffer[]): RegExp {
  // Letters and digits but for two characters of base64.
  return new RegExp(forms.map((form) => form.toString('latin1').replaceAll(/[+/]/g, '\\$&')).join('|'));
}

function fileHolds(path: string, forms: readonly Buffer[], pattern: RegExp): { bytes: number; held: boolean } {
  const chunk = Buffer.alloc(Math.min(chunkBytes, Math.max(1, statSync(path, { throwIfNoEntry: false })?.size ?? 1)));
  const overlap = Math.max(...forms.map(({ length }) => length));
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return { bytes: 0, held: false }; // a temporary file of the server that is gone again
  }
  try {
    for (let at = 0, read = 0; ; at += read - overlap) {
      read = readSync(fd, chunk, 0, chunk.length, at);
      if (pattern.test(chunk.toString('latin1', 0, read))) return { bytes: at + read, held: true };
      if (read < chunkBytes) return { bytes: at + read, held: false };
    }
  } finally {
    closeSync(fd);
  }
}

/** Every file of the home and every row of every table, for what was planted in names, numbers and notes. */
export const canaryScan: Proof<Scratch> = {
  id: 'canary-scan', title: 'Planted names and numbers lie nowhere in clear', again: 'npm run torture -- canary',
  run: async ({ folder, home, marker, patients, as, primum: { core } }) => {
    await as('privacy-officer', { method: 'POST', path: '/api/rights/objections', body: { patientId: patients[0]?.patientId, scope: 'research', givenBy: 'patient', note: `said by ${marker}` } });
    await core.db.query('checkpoint');
    const forms = formsOf(marker);
    const pattern = anyOf(forms);
    const control = join(folder, 'control.txt');
    writeFileSync(control, Buffer.from(`before x${marker}y after`).toString('base64'));
    expectThat(fileHolds(control, forms, pattern).held, 'the scan did not find its own control');
    const leaks: string[] = [];
    const counts = { files: 0, bytes: 0, tables: 0 };
    for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      if (path.startsWith(join(home, 'postgresql'))) continue; // the server's own binaries, copied from its package
      const { bytes, held } = fileHolds(path, forms, pattern);
      counts.files += 1;
      counts.bytes += bytes;
      if (held) leaks.push(path.slice(home.length + 1));
    }
    // What PostgreSQL compressed in its files shows in the rows.
    for (const { name } of await core.db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'")) {
      counts.tables += 1;
      if ((await core.db.query(`select from "${name}" t where t::text ilike $1 limit 1`, [`%${marker}%`])).length > 0) leaks.push(`table ${name}`);
    }
    return {
      passed: leaks.length === 0 && counts.files > 100,
      says: `${patients.length} invented people came in by HL7 and were worked with; ${counts.files} files (${Math.round(counts.bytes / 1e6)} MB) and ${counts.tables} tables were read for their names and numbers in ${forms.length} forms: found in ${leaks.length} places. A control in clear was found.`,
      figures: { people: patients.length, planted: patients.length * 3, forms: forms.length, ...counts, leaks, controlFound: true },
    };
  },
};

type Sample = { kind: string; sealed: Buffer; aad: string };

async function samplesOf(db: Db, limit: number): Promise<Sample[]> {
  const resources = await db.query<{ type: string; id: string; version: number; body: Buffer }>('select type, id, version, body from resource where tenant = $1 order by random() limit $2', [tenant, limit]);
  const messages = await db.query<{ id: string; sealed: Buffer }>("select id, sealed from message where tenant = $1 and sealed is not null and status <> 'received' order by arrival desc limit $2", [tenant, limit]);
  const predictions = await db.query<{ id: string; sealed: Buffer }>('select id, sealed from prediction where tenant = $1 order by id desc limit $2', [tenant, limit]);
  return [
    ...resources.map(({ type, id, version, body }) => ({ kind: 'resource', sealed: body, aad: resourceAad(tenant, type, id, version) })),
    ...messages.map(({ id, sealed }) => ({ kind: 'message', sealed, aad: messageAad(tenant, id) })),
    ...predictions.map(({ id, sealed }) => ({ kind: 'prediction', sealed, aad: payloadAad(id) })),
  ];
}

async function opensAs(keys: Keys, sealed: Buffer, aad: string): Promise<'opened' | 'refused' | 'erased'> {
  try {
    await keys.open(tenant, sealed, aad);
    return 'opened';
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'trust.key-missing' ? 'erased' : 'refused';
  }
}

/** Of this home as it is: what lies in the database is ciphertext that opens under its own name and under no other. */
export const encryptionAtRest: Proof<Core> = {
  id: 'encryption-at-rest', title: 'A sample of this home’s content is sealed, and bound to where it belongs', again: 'docs/keys.md; npx vitest run packages/trust/src/keys',
  run: async ({ db, keys, home }) => {
    const samples = await samplesOf(db, 100);
    if (samples.length === 0) return { passed: null, says: 'This home holds no content yet.', figures: { samples: 0 } };
    const counts: Record<string, { opened: number; erased: number; refused: number; movedRefused: number; readable: number }> = {};
    for (const { kind, sealed, aad } of samples) {
      const one = (counts[kind] ??= { opened: 0, erased: 0, refused: 0, movedRefused: 0, readable: 0 });
      const opened = await opensAs(keys, sealed, aad);
      one[opened] += 1;
      if (await opensAs(keys, sealed, `${aad}x`) !== 'opened') one.movedRefused += 1;
      if (/resourceType|MSH\||"[a-z]{3,}":/.test(sealed.toString('latin1'))) one.readable += 1;
    }
    const all = Object.values(counts);
    const openKeysMode = existsSync(join(home, 'keys')) ? statSync(join(home, 'keys')).mode & 0o077 : 0;
    return {
      passed: all.every(({ refused, readable, movedRefused, opened, erased }) => refused === 0 && readable === 0 && movedRefused === opened + erased) && openKeysMode === 0,
      says: `${samples.length} values of ${all.length} kinds: none readable as they lie, each opened with its key under its own name, none under another. The key store’s folder is its owner’s alone.`,
      figures: { algorithm: 'AES-256-GCM', kinds: counts, keyFolderOthers: openKeysMode },
    };
  },
};

const usualFields = ['time', 'level', 'event', 'fieldsDropped'];

/** The log of this home: every line is the allow-listed log's, so no call site could write another field. */
export const logFields = (allowed: readonly string[]): Proof<Core> => ({
  id: 'log-fields', title: 'This home’s log holds allow-listed fields alone', again: 'packages/base/src/log.ts',
  run: async ({ home }) => {
    const file = join(home, 'primum.log');
    if (!existsSync(file)) return { passed: null, says: 'There is no log yet.', figures: {} };
    const others = new Map<string, number>();
    const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').slice(-100_000);
    let unreadable = 0;
    for (const line of lines) {
      try {
        for (const name of Object.keys(JSON.parse(line) as object)) if (!allowed.includes(name) && !usualFields.includes(name)) others.set(name, (others.get(name) ?? 0) + 1); // a line is an object
      } catch {
        unreadable += 1;
      }
    }
    return {
      passed: others.size === 0 && unreadable <= 1, // the last line of a process that was killed may be cut
      says: `${lines.length} lines were read: ${others.size} fields outside the ${allowed.length} that are allowed.`, figures: { lines: lines.length, unreadable, otherFields: [...others.keys()].slice(0, 20), allowed: allowed.length },
    };
  },
});

export const keyRotation: Proof<Scratch> = {
  id: 'key-rotation', title: 'Master and data keys are rotated without a stop', again: 'primum keys rotate; primum keys status',
  run: async ({ primum: { core }, as, patients }) => {
    const samples = await samplesOf(core.db, 50);
    const principal = mintSystemPrincipal('cli:evidence');
    const master = await rotateKeys(core, 'master', principal);
    const data = await rotateKeys(core, 'tenant', principal);
    const walk = await core.keys.walk();
    const resting = Object.entries(walk.byGeneration).filter(([generation, keys]) => Number(generation) !== master && keys > 0);
    const answers = await Promise.all(samples.map(({ sealed, aad }) => opensAs(core.keys, sealed, aad)));
    await as('clinician', { path: `/api/stays/${patients[0]?.stayId}` });
    return {
      passed: resting.length === 0 && walk.unreadable === 0 && answers.every((answer) => answer === 'opened') && samples.length > 0,
      says: `Master key generation ${master} and data key generation ${data} were made; ${walk.byGeneration[master] ?? 0} keys rest on the new master key and none on an older one; ${answers.length} values sealed before opened after, and a clinician went on reading.`,
      figures: { master, data, rewrapped: walk.rewrapped, byGeneration: walk.byGeneration, unreadable: walk.unreadable, opened: answers.length },
    };
  },
};
