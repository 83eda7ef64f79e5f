import type { KeyObject } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { PrimumError } from '@primum/base';
import { assertEmptyDatabase, createObjects, digestTables, fillDatabase, migrate, openDb, type TableCopied } from '@primum/store';
import type { Keys } from '@primum/trust';
import { writeDurably } from './backup-folder.ts';
import { readManifest, type Manifest } from './manifest.ts';
import { readObjectList } from './make-backup.ts';
import { readPart } from './read-part.ts';

export type Restored = { manifest: Manifest; /** Tables whose rows are not those of the backup. */ differing: string[]; rows: number };

/** Data that come back only by mistake: whoever was signed in then signs in anew, and what was revoked since stays revoked. */
const leftOut = ['session', 'oidc_payload'];

/**
 * Fills an empty database and an empty home from a backup: the schema as it was then, rows, sequences; then every
 * table's digest is compared with the backup's, newer migrations run, and objects and files follow.
 */
export async function restoreBackup(
  target: { home: string; databaseUrl: string; keys: Keys }, source: { directory: string; id: string },
): Promise<Restored> {
  const { home, databaseUrl, keys } = target;
  const { directory, id } = source;
  const { manifest, key } = await readManifest(directory, id, keys);
  await assertEmptyDatabase(databaseUrl);
  const db = await openDb({ url: databaseUrl, max: 2 });
  try {
    const { version } = await migrate(db, { upTo: manifest.schemaVersion });
    if (version < manifest.schemaVersion) throw new PrimumError('store.schema-newer', `the backup's is ${manifest.schemaVersion}`);
    const parts = new Map(manifest.tables.map(({ name, part }) => [name, part]));
    await fillDatabase(databaseUrl, manifest, (name) => readPart(directory, id, parts.get(name)!, key));
    const differing = differences(manifest.tables, await digestTables(databaseUrl));
    await migrate(db);
    for (const table of leftOut) await db.query(`delete from ${table}`);
    await restoreObjects(directory, manifest, key, home);
    await restoreFiles(directory, manifest, key, home);
    return { manifest, differing, rows: manifest.tables.reduce((sum, { rows }) => sum + rows, 0) };
  } finally {
    await db.close();
  }
}

/** A home may be restored into when nothing lies in it but keys and where they are. */
export async function assertEmptyHome(home: string): Promise<void> {
  const there = (await readdir(home).catch(() => [])).filter((name) => !['keys', 'keys.json', 'primum.log'].includes(name));
  if (there.length > 0) throw new PrimumError('backup.target-not-empty', home);
}

function differences(backedUp: readonly TableCopied[], restored: readonly TableCopied[]): string[] {
  const now = new Map(restored.map((table) => [table.name, table]));
  return backedUp.filter(({ name, rows, digest }) => now.get(name)?.rows !== rows || now.get(name)?.digest !== digest).map(({ name }) => name);
}

async function restoreObjects(directory: string, manifest: Manifest, key: KeyObject, home: string): Promise<void> {
  const objects = createObjects(join(home, 'objects'));
  for (const digest of await readObjectList(directory, manifest, key)) {
    const stored = await objects.put(createReadStream(join(directory, 'objects', digest.slice(0, 2), digest)));
    if (stored !== digest) throw new PrimumError('backup.damaged', `object ${digest}`);
  }
}

async function restoreFiles(directory: string, manifest: Manifest, key: KeyObject, home: string): Promise<void> {
  for (const { path, part } of manifest.files) {
    const to = resolve(home, path);
    if (!to.startsWith(`${resolve(home)}${sep}`)) throw new PrimumError('backup.damaged', 'a file is not of a home');
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await writeDurably(to, readPart(directory, manifest.id, part, key));
  }
}
