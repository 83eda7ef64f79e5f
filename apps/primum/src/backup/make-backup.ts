import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdCompress } from 'node:zlib';
import type { Clock } from '@primum/base';
import { withDatabaseSnapshot, type Db, type DatabaseSnapshot } from '@primum/store';
import { createBackupKey, sealStream, type Audit, type Keys, type SystemPrincipal } from '@primum/trust';
import { tenant } from '../core.ts';
import { listBackups, newBackupId, prepareDirectory, syncFolder, writeDurably, writeWhole } from './backup-folder.ts';
import { partName, readManifest, writeManifest, type Manifest } from './manifest.ts';
import { readPart } from './read-part.ts';

export type BackupDeps = { home: string; db: Db; keys: Keys; audit: Audit; clock: Clock };
export type BackupMade = { backup: string; tables: number; rows: number; objects: number; bytes: number; seconds: number; removed: number };

/** Beside the database: what a home needs to go on, of what is neither key nor log. */
const homeEntries = ['mode', 'issuer.json', 'listeners.json', 'mappings', 'models', 'policies', 'quality', 'residency.json', 'retention.json', 'stays.json', 'trusted-keys.json', 'ward.json'];

/**
 * Takes a backup while everything goes on: one snapshot of the database, each table COPY → zstd → sealed → file, then
 * objects and files of the home, the manifest last. Memory is bounded by a few chunks. On the audit log as `backup.made`.
 * `keep`: how many complete backups stay; older ones and objects that only they named are removed.
 */
export async function makeBackup(deps: BackupDeps, principal: SystemPrincipal, options: { directory: string; keep?: number | undefined }): Promise<BackupMade> {
  const { db, keys, clock, home } = deps;
  const startedMs = performance.now();
  const directory = await prepareDirectory(options.directory, 'backup', home);
  const id = newBackupId(clock.now());
  const { key, sealed } = await createBackupKey(keys, id);
  let bytes = 0;
  let manifest: Manifest | undefined;
  await writeWhole(directory, id, async (folder) => {
    let parts = 0;
    const write = async (rows: AsyncIterable<Uint8Array>): Promise<{ part: string; storedBytes: number }> => {
      parts += 1;
      const part = String(parts).padStart(4, '0');
      const storedBytes = await writeDurably(join(folder, part), sealStream(key, partName(id, part), compressed(rows)));
      bytes += storedBytes;
      return { part, storedBytes };
    };
    manifest = await withDatabaseSnapshot(db.url, async (snapshot) => {
      const snapshotAt = clock.now();
      const stored = new Map<string, { part: string; storedBytes: number }>();
      const tables = await snapshot.copyTables(async (name, rows) => { stored.set(name, await write(rows)); });
      const digests = await copyObjects(join(home, 'objects'), join(directory, 'objects'));
      const objects = { count: digests.length, part: (await write(Readable.from(digests.map((digest) => Buffer.from(`${digest}\n`))))).part };
      const files: Manifest['files'] = [];
      for (const path of await homeFiles(home)) files.push({ path, part: (await write(createReadStream(join(home, path)))).part });
      return {
        format: 1, id, snapshotAt: snapshotAt.toISOString(), finishedAt: clock.now().toISOString(),
        mode: decodeURIComponent(db.url).includes(home) ? 'embedded' : 'external',
        ...await contextOf(snapshot), tables: tables.map((table) => ({ ...table, ...stored.get(table.name)! })),
        sequences: await snapshot.sequences(), objects, files,
      };
    });
    await writeManifest(folder, manifest, key, sealed);
  });
  const { tables, objects } = manifest!;
  const removed = options.keep === undefined ? 0 : await removeOld(directory, options.keep, keys);
  await deps.audit.write(db, [{ tenant, principal, purpose: 'HSYSADMIN', action: 'backup.made', outcome: 'success', at: clock.now(), entities: [{ type: 'backup', id }] }]);
  return {
    backup: id, tables: tables.length, rows: tables.reduce((sum, { rows }) => sum + rows, 0), objects: objects.count, bytes, removed,
    seconds: Math.round(performance.now() - startedMs) / 1000,
  };
}

/** zstd at its usual level: most of a backup is sealed content, which does not shrink. */
async function* compressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const from = Readable.from(source, { objectMode: false });
  const zstd = createZstdCompress();
  from.on('error', (error) => zstd.destroy(error));
  yield* from.pipe(zstd) as AsyncIterable<Buffer>; // without an encoding a stream gives Buffers
}

async function contextOf({ sql }: DatabaseSnapshot): Promise<Pick<Manifest, 'schemaVersion' | 'heads' | 'newestMessageAt'>> {
  const [version] = await sql.query<{ version: number }>('select max(version) as version from schema_migration');
  const heads = await sql.query<Manifest['heads'][number]>("select 'stream' as log, tenant, seq from stream_head union all select 'audit', tenant, seq from audit_head");
  const [newest] = await sql.query<{ at: Date | null }>('select max(received_at) as at from message');
  return { schemaVersion: version!.version, heads, newestMessageAt: newest!.at?.toISOString() ?? null };
}

/**
 * Objects never change, so one that is there already is not copied again. They are listed after the snapshot began:
 * every object that a row of it names was put before that row was committed.
 */
async function copyObjects(from: string, to: string): Promise<string[]> {
  const digests: string[] = [];
  for (const shard of (await readdir(from).catch(() => [])).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
    await mkdir(join(to, shard), { recursive: true, mode: 0o700 });
    const there = new Set(await readdir(join(to, shard)));
    for (const digest of (await readdir(join(from, shard))).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      if (!there.has(digest) && !await copyDurably(join(from, shard, digest), join(to, shard, digest))) continue;
      digests.push(digest);
    }
    await syncFolder(join(to, shard));
  }
  return digests.sort();
}

/** False where the object was removed meanwhile. */
async function copyDurably(from: string, to: string): Promise<boolean> {
  const partial = `${to}.partial`;
  try {
    await copyFile(from, partial);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
  await using file = await open(partial, 'r');
  await file.sync();
  await rename(partial, to);
  return true;
}

async function homeFiles(home: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of homeEntries) {
    const below = await readdir(join(home, entry), { recursive: true, withFileTypes: true }).catch(() => undefined);
    if (below !== undefined) found.push(...below.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name).slice(home.length + 1)));
    else if (await open(join(home, entry), 'r').then((file) => file.close().then(() => true), () => false)) found.push(entry);
  }
  return found.sort();
}

/** Removes all but the newest `keep` backups, then the objects that none of the rest names. */
async function removeOld(directory: string, keep: number, keys: Keys): Promise<number> {
  const all = await listBackups(directory);
  const old = all.slice(0, Math.max(0, all.length - keep));
  for (const id of old) {
    await rm(join(directory, id, 'manifest'));
    await rm(join(directory, id), { recursive: true });
  }
  if (old.length === 0) return 0;
  const named = new Set<string>();
  for (const id of all.slice(old.length)) for (const digest of await objectsOf(directory, id, keys)) named.add(digest);
  for (const file of await readdir(join(directory, 'objects'), { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (file.isFile() && !named.has(file.name)) await rm(join(file.parentPath, file.name), { force: true });
  }
  return old.length;
}

async function objectsOf(directory: string, id: string, keys: Keys): Promise<string[]> {
  const { manifest, key } = await readManifest(directory, id, keys);
  return readObjectList(directory, manifest, key);
}

export async function readObjectList(directory: string, manifest: Manifest, key: KeyObject): Promise<string[]> {
  const text = Buffer.concat(await Array.fromAsync(readPart(directory, manifest.id, manifest.objects.part, key))).toString();
  return text.split('\n').filter((line) => line !== '');
}
