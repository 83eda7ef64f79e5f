import { mkdtemp, readdir, writeFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDb, type Db } from './database/open-db.ts';
import { migrate, migrationsDirectory } from './migrate.ts';
import { createTestDatabase } from './testing/index.ts';

describe('migrate', () => {
  let test: Awaited<ReturnType<typeof createTestDatabase>>;
  let db: Db;
  let directory: string;
  beforeAll(async () => {
    test = await createTestDatabase();
    db = test.db;
    await db.query('create schema trial');
    directory = await mkdtemp(join(tmpdir(), 'migrations-'));
    await writeFile(join(directory, '0001_one.sql'), 'create table one (a int);\ncreate table also (a int);');
    await writeFile(join(directory, '0002_two.sql'), 'insert into one values (1);');
  });
  afterAll(async () => {
    await test.drop();
    await rm(directory, { recursive: true });
  });

  /** A handle whose tables lie in a schema of their own, apart from the template's. */
  async function trial(): Promise<Db> {
    return openDb({ url: `${test.url}?options=-csearch_path%3Dtrial` });
  }

  it('has given the test database every table of the product', async () => {
    const files = (await readdir(migrationsDirectory)).map((name) => name.replace('.sql', ''));
    const rows = await db.query<{ name: string }>('select name from public.schema_migration order by version');
    expect(rows.map(({ name }) => name)).toEqual(files.sort());
    expect(await db.query("select to_regclass('public.stream_event')::text as t")).toEqual([{ t: 'stream_event' }]);
  });

  it('applies the whole series once, also when two start at the same time', async () => {
    const [a, b] = await Promise.all([trial(), trial()]);
    const results = await Promise.all([migrate(a, { directory }), migrate(b, { directory })]);
    expect(results.flatMap(({ applied }) => applied).sort()).toEqual(['0001_one', '0002_two']);
    expect(await a.query('select count(*)::int as n from one')).toEqual([{ n: 1 }]);
    expect(await migrate(a, { directory })).toEqual({ applied: [], version: 2 });
    await Promise.all([a.close(), b.close()]);
  });

  it('undoes a migration that fails in the middle, and goes on from there', async () => {
    const handle = await trial();
    await writeFile(join(directory, '0003_three.sql'), 'create table three (a int); select 1 / 0;');
    await expect(migrate(handle, { directory })).rejects.toMatchObject({ code: 'internal.bug' });
    expect(await handle.query("select to_regclass('three') as t")).toEqual([{ t: null }]);
    await writeFile(join(directory, '0003_three.sql'), 'create table three (a int);');
    expect((await migrate(handle, { directory })).applied).toEqual(['0003_three']);
    await handle.close();
  });

  it('refuses an edited migration and a newer schema', async () => {
    const handle = await trial();
    await writeFile(join(directory, '0002_two.sql'), 'insert into one values (2);');
    await expect(migrate(handle, { directory })).rejects.toMatchObject({ code: 'store.migration-changed' });
    await writeFile(join(directory, '0002_two.sql'), 'insert into one values (1);\r\n'.replace('\r\n', ''));
    await rm(join(directory, '0003_three.sql'));
    await expect(migrate(handle, { directory })).rejects.toMatchObject({ code: 'store.schema-newer' });
    await handle.close();
  });
});
