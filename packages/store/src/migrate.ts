import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrimumError } from '@primum/base';
import type { Db } from './database/open-db.ts';
import type { Sql } from './database/sql.ts';

/** One numbered series for the one database. */
export const migrationsDirectory = fileURLToPath(new URL('../migrations', import.meta.url));

type Migration = { version: number; name: string; sql: string; digest: Buffer };

const lockKey = 0x5052_4d47;

/**
 * Brings the database to the newest migration, each in a transaction of its own with its entry in
 * `schema_migration`, so that a start that is cut short goes on where it stopped. A lock keeps two starts apart.
 * Throws store.schema-newer and store.migration-changed before anything is changed.
 */
export async function migrate(db: Db, options: { directory?: string; /** The last one to apply, for a restore. */ upTo?: number } = {}): Promise<{ applied: string[]; version: number }> {
  const { upTo = Number.POSITIVE_INFINITY } = options;
  const migrations = (await readMigrations(options.directory ?? migrationsDirectory)).filter(({ version }) => version <= upTo);
  const applied: string[] = [];
  await db.transaction(async (tx) => {
    await lock(tx);
    await tx.query(`create table if not exists schema_migration (
      version int primary key, name text not null, digest bytea not null, applied_at timestamptz not null default now())`);
    await assertFits(tx, migrations);
  });
  for (const migration of migrations) {
    const isNew = await db.transaction(async (tx) => {
      await lock(tx);
      if ((await tx.query('select 1 from schema_migration where version = $1', [migration.version])).length > 0) return false;
      await tx.query(migration.sql);
      await tx.query('insert into schema_migration (version, name, digest) values ($1, $2, $3)', [migration.version, migration.name, migration.digest]);
      return true;
    });
    if (isNew) applied.push(migration.name);
  }
  return { applied, version: migrations.at(-1)?.version ?? 0 };
}

async function lock(tx: Sql): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [lockKey]);
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const misnamed = names.find((name) => !/^\d{4}_[a-z0-9_]+\.sql$/.test(name));
  if (misnamed !== undefined) throw new PrimumError('internal.bug', `a migration is not named 0000_name.sql: ${misnamed}`);
  const migrations = await Promise.all(names.map(async (name): Promise<Migration> => {
    // Checkouts may turn line ends around; the digest must not.
    const sql = (await readFile(join(directory, name), 'utf8')).replaceAll('\r\n', '\n');
    return { version: Number(name.slice(0, 4)), name: name.slice(0, -4), sql, digest: createHash('sha256').update(sql).digest() };
  }));
  const twice = migrations.find(({ version }, i) => migrations[i - 1]?.version === version);
  if (twice !== undefined) throw new PrimumError('internal.bug', `two migrations are numbered ${twice.version}`);
  return migrations;
}

async function assertFits(tx: Sql, migrations: readonly Migration[]): Promise<void> {
  const done = await tx.query<{ version: number; name: string; digest: Buffer }>('select version, name, digest from schema_migration order by version');
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  const newest = migrations.at(-1)?.version ?? 0;
  for (const { version, name, digest } of done) {
    const migration = known.get(version);
    if (migration === undefined && version > newest) throw new PrimumError('store.schema-newer', `${name}; this Primum knows migrations up to ${newest}`);
    if (migration === undefined || !migration.digest.equals(digest)) throw new PrimumError('store.migration-changed', name);
  }
}
