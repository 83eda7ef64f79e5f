import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { PrimumError, type Clock } from '@primum/base';
import type { Db } from '@primum/store';
import type { Audit, SystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { chooseBackup, listBackups, momentOf, newBackupId, prepareDirectory, syncFolder, writeDurably, writeWhole } from './backup-folder.ts';

/**
 * Backups of the key store: wrapped keys and tombstones in one file of lines, `manifest` with its digest beside it.
 * Master keys are never in it: who finds it can open nothing. How long these backups are kept decides when an erasure
 * is final, so they are kept for days, and each new one carries the tombstones into the older ones of its directory.
 */
export type KeyBackupMade = { backup: string; keys: number; tombstones: number; forgotten: number; removed: number };

type Entry = { path: string; bytes: string };
type KeyManifest = { keys: number; tombstones: number; sha256: string };
/** The audit log's signing key lies beside them, sealed under the tenant's: without it a restored log begins a new origin. */
const keyFile = /^(\d+(\/[a-z]+){1,2}(\/[0-9a-f]{2})?\/[0-9a-z-]+\.(key|dead)|audit-log-\d+\.sealed)$/;
const dayMs = 86_400_000;

export async function makeKeyBackup(
  deps: { home: string; db: Db; audit: Audit; clock: Clock }, principal: SystemPrincipal, options: { directory: string; keepDays?: number | undefined },
): Promise<KeyBackupMade> {
  const { home, clock } = deps;
  const directory = await prepareDirectory(options.directory, 'key-backup', home);
  const paths = await keyPaths(join(home, 'keys'));
  if (paths.length === 0) throw new PrimumError('backup.not-found', 'no keys lie in this data directory; a key store elsewhere is backed up there');
  const entries: Entry[] = [];
  for (const path of paths) {
    const bytes = await readFile(join(home, 'keys', path)).catch(() => undefined); // destroyed meanwhile
    if (bytes !== undefined) entries.push({ path, bytes: bytes.toString('base64') });
  }
  const dead = new Set(entries.filter(({ path }) => path.endsWith('.dead')).map(({ path }) => path.replace(/dead$/, 'key')));
  const id = newBackupId(clock.now());
  await writeWhole(directory, id, (folder) => writeKeys(folder, entries.filter(({ path }) => !dead.has(path))));
  let removed = 0;
  let forgotten = 0;
  const oldestKept = clock.now().getTime() - (options.keepDays ?? 7) * dayMs;
  for (const old of await listBackups(directory)) {
    if (old === id) continue;
    if (momentOf(old) < oldestKept) {
      await rm(join(directory, old), { recursive: true });
      removed += 1;
    } else forgotten += await forget(directory, old, dead);
  }
  await deps.audit.write(deps.db, [{ tenant, principal, purpose: 'HSYSADMIN', action: 'key-backup.made', outcome: 'success', at: clock.now(), entities: [{ type: 'backup', id }] }]);
  return { backup: id, keys: entries.length - dead.size, tombstones: dead.size, forgotten, removed };
}

/**
 * Brings keys back into a key store that may have some already: what is there stays, and a tombstone of either side
 * wins, so a destroyed key does not come back with an old backup.
 */
export async function restoreKeys(home: string, options: { directory: string; id?: string | undefined }): Promise<{ backup: string; keys: number; tombstones: number }> {
  const id = await chooseBackup(options.directory, options.id);
  const into = join(home, 'keys');
  await mkdir(into, { recursive: true, mode: 0o700 });
  const entries = await readKeys(join(options.directory, id));
  const folders = new Set<string>();
  let keys = 0;
  let tombstones = 0;
  // Tombstones first: cut short, a second run goes on and no key was ever there that should not be.
  for (const { path, bytes } of [...entries].sort((a, b) => Number(b.path.endsWith('.dead')) - Number(a.path.endsWith('.dead')))) {
    const to = join(into, path);
    const isTombstone = path.endsWith('.dead');
    if (isTombstone) await rm(to.replace(/dead$/, 'key'), { force: true });
    if (existsSync(to) || existsSync(to.replace(/key$/, 'dead'))) continue;
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await writeFile(to, Buffer.from(bytes, 'base64'), { mode: 0o600, flush: true });
    folders.add(dirname(to));
    if (isTombstone) tombstones += 1;
    else keys += 1;
  }
  for (const folder of folders) await syncFolder(folder);
  return { backup: id, keys, tombstones };
}

async function keyPaths(directory: string): Promise<string[]> {
  const all = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return all.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1)).filter((path) => keyFile.test(path)).sort();
}

async function writeKeys(folder: string, entries: readonly Entry[]): Promise<void> {
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  const tombstones = entries.filter(({ path }) => path.endsWith('.dead')).length;
  const manifest: KeyManifest = { keys: entries.length - tombstones, tombstones, sha256: createHash('sha256').update(text).digest('hex') };
  await writeDurably(join(folder, 'keys'), Buffer.from(text));
  await writeDurably(join(folder, 'manifest'), Buffer.from(`${JSON.stringify(manifest)}\n`));
}

async function readKeys(folder: string): Promise<Entry[]> {
  // Written by writeKeys; the digest says whether it still is what was written.
  const manifest = JSON.parse(await readFile(join(folder, 'manifest'), 'utf8')) as KeyManifest;
  const entries: Entry[] = [];
  const digest = createHash('sha256');
  for await (const line of createInterface({ input: createReadStream(join(folder, 'keys')), crlfDelay: Number.POSITIVE_INFINITY })) {
    digest.update(`${line}\n`);
    const entry = entryOf(line);
    if (entry !== undefined) entries.push(entry);
  }
  if (digest.digest('hex') !== manifest.sha256) throw new PrimumError('backup.damaged', 'the keys do not have their digest');
  return entries;
}

/** Only paths of keys: a forged line must not write elsewhere. */
function entryOf(line: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry === 'object' && entry !== null && 'path' in entry && 'bytes' in entry && typeof entry.path === 'string' && typeof entry.bytes === 'string' && keyFile.test(entry.path)) {
      return { path: entry.path, bytes: entry.bytes };
    }
  } catch { /* the digest will not be right either */ }
  return undefined;
}

/** Writes an older backup again without the keys that were destroyed since; the old file is overwritten by the new one's name. */
async function forget(directory: string, id: string, dead: ReadonlySet<string>): Promise<number> {
  const folder = join(directory, id);
  const entries = await readKeys(folder);
  const kept = entries.filter(({ path }) => !dead.has(path));
  const forgotten = entries.length - kept.length;
  if (forgotten === 0) return 0;
  const next = `${folder}.partial`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { mode: 0o700 });
  const stones = [...dead].map((path) => ({ path: path.replace(/key$/, 'dead'), bytes: Buffer.from('destroyed\n').toString('base64') }));
  await writeKeys(next, [...kept.filter(({ path }) => !path.endsWith('.dead')), ...stones].sort((a, b) => (a.path < b.path ? -1 : 1)));
  await overwrite(join(folder, 'keys'));
  await rm(folder, { recursive: true });
  await rename(next, folder);
  await syncFolder(directory);
  return forgotten;
}

/** So that what was forgotten does not lie in freed blocks, where the disk writes in place. */
async function overwrite(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  const { size } = await file.stat();
  const zeros = Buffer.alloc(65_536);
  for (let at = 0; at < size; at += zeros.length) await file.write(zeros, 0, Math.min(zeros.length, size - at), at);
  await file.sync();
}
