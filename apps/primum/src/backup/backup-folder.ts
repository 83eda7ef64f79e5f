/**
 * A directory of backups:
 *
 *     primum-backup            says what this directory is for
 *     <id>/manifest            written last; without it there is no backup
 *     <id>/0001 …              sealed parts
 *     objects/ab/abcdef…       sealed objects of all backups, by digest, copied once
 *
 * An id is the moment in UTC, to the millisecond, and eight random digits: names sort by time. A backup that is being written lies in
 * `<id>.partial` and is renamed once its manifest is on disk.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { PrimumError } from '@primum/base';

export type BackupKind = 'backup' | 'key-backup';
export const markOf = (kind: BackupKind): string => `primum-${kind}`;

const idPattern = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/;
/** An unfinished backup that nobody has written to for this long was left by a crash. */
const strayMs = 3_600_000;

export function newBackupId(at: Date): string {
  return `${at.toISOString().replaceAll(/[-:.]/g, '')}-${randomBytes(4).toString('hex')}`;
}

/** When a backup was begun, milliseconds since 1970. */
export function momentOf(id: string): number {
  return Date.parse(id.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z.*$/, '$1-$2-$3T$4:$5:$6.$7Z'));
}

/** Complete backups, oldest first. */
export async function listBackups(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => idPattern.test(name) && existsSync(join(directory, name, 'manifest'))).sort();
}

/** The named backup, else the newest. */
export async function chooseBackup(directory: string, id: string | undefined): Promise<string> {
  const all = await listBackups(directory);
  const chosen = id === undefined ? all.at(-1) : all.find((one) => one === id);
  if (chosen === undefined) throw new PrimumError('backup.not-found', directory);
  return chosen;
}

/**
 * Makes a directory ready for one kind of backups. Refused inside the home (they would be lost together) and where the
 * other kind lies: a thief of one must not find the other.
 */
export async function prepareDirectory(directory: string, kind: BackupKind, home: string): Promise<string> {
  const path = resolve(directory);
  const other = markOf(kind === 'backup' ? 'key-backup' : 'backup');
  await mkdir(path, { recursive: true, mode: 0o700 });
  const real = realpathSync(path);
  if (`${real}${sep}`.startsWith(`${existsSync(home) ? realpathSync(home) : resolve(home)}${sep}`)) throw new PrimumError('backup.place-refused', 'it is inside the data directory');
  for (let folder = real; ; folder = dirname(folder)) {
    if (existsSync(join(folder, other))) throw new PrimumError('backup.place-refused', 'backups of the other kind lie there');
    if (folder === dirname(folder)) break;
  }
  const below = await readdir(real, { withFileTypes: true });
  if (below.some((entry) => entry.isDirectory() && existsSync(join(real, entry.name, other)))) throw new PrimumError('backup.place-refused', 'backups of the other kind lie below it');
  await writeFile(join(real, markOf(kind)), '', { mode: 0o600 });
  return real;
}

/** Runs `write` in a folder that gets its name when all in it is on disk; a failure leaves nothing. */
export async function writeWhole(directory: string, id: string, write: (folder: string) => Promise<void>): Promise<void> {
  await removeStrays(directory);
  const partial = join(directory, `${id}.partial`);
  await mkdir(partial, { mode: 0o700 });
  try {
    await write(partial);
    await syncFolder(partial);
    await rename(partial, join(directory, id));
    await syncFolder(directory);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT') ? new PrimumError('store.disk-full', 'backup', { cause: error }) : error;
  }
}

/** Written and fsynced. */
export async function writeDurably(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'wx', 0o600);
  let written = 0;
  for await (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) {
    for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
    written += chunk.length;
  }
  await file.sync();
  return written;
}

export async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, 'r');
  await folder.sync();
}

async function removeStrays(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.endsWith('.partial')) continue;
    const path = join(directory, name);
    const newest = Math.max(...await Promise.all([path, ...(await readdir(path)).map((file) => join(path, file))].map(async (one) => (await stat(one)).mtimeMs)));
    if (Date.now() - newest > strayMs) await rm(path, { recursive: true, force: true });
  }
}
