import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PrimumError, silentLog } from '@primum/base';
import { openDb, type Db } from '../database/open-db.ts';
import { startPostgres, type Postgres } from './supervisor.ts';

const canMount = process.platform === 'linux' && process.getuid?.() === 0;

/** A file system of 300 MB in memory, filled and emptied by a ballast file. */
describe.skipIf(!canMount)('a full disk (needs root on Linux)', () => {
  let folder: string;
  let disk: string;
  let postgres: Postgres;
  let db: Db;
  const ballast = (): string => join(disk, 'ballast');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'primum-full-'));
    await chmod(folder, 0o711);
    disk = join(folder, 'disk');
    await mkdir(disk);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=300m,mode=0711', 'tmpfs', disk], { encoding: 'utf8' });
    if (mounted.status !== 0) throw new Error(mounted.stderr);
    postgres = await startPostgres({ home: join(disk, 'home'), log: silentLog });
    db = await openDb(postgres.connection);
    await db.query('create table kept (n int primary key, filler text)');
    await db.query("insert into kept values (0, '')");
  });
  afterAll(async () => {
    await db.close();
    await postgres.stop();
    spawnSync('umount', [disk]);
    await rm(folder, { recursive: true });
  });

  async function fill(): Promise<void> {
    const { bavail, bsize } = statfsSync(disk);
    await writeFile(ballast(), Buffer.alloc(Math.max(0, bavail * bsize - 4_096)));
  }

  async function worksAgain(): Promise<void> {
    for (const end = performance.now() + 30_000; ; await sleep(50)) {
      try {
        await db.query("insert into kept values ((select max(n) + 1 from kept), '')");
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
      }
    }
  }

  it('refuses the commit as store.disk-full, and goes on when there is space', async () => {
    await fill();
    const insert = db.query("insert into kept select n, repeat(md5(n::text), 200) from generate_series(1000000, 1005000) n");
    await expect(insert).rejects.toMatchObject({ code: 'store.disk-full' });
    expect(await db.query('select count(*)::int as n from kept')).toEqual([{ n: 1 }]);
    await rm(ballast());
    await worksAgain();
  });

  it('comes back by itself after the log had no place left, with everything that was committed', async () => {
    const before = await db.query<{ n: number }>('select count(*)::int as n from kept');
    await fill();
    // Writes the log only, until it can't be written: the server gives up, and can't recover while the disk is full.
    const codes = new Set<string>();
    for (let i = 0; i < 12; i += 1) {
      await db.query("select pg_logical_emit_message(true, 'test', repeat('x', 8000000))").catch((error: unknown) => {
        codes.add(error instanceof PrimumError ? error.code : String(error));
      });
    }
    expect([...codes].filter((code) => code !== 'store.disk-full' && code !== 'store.unreachable')).toEqual([]);
    expect(codes.size).toBeGreaterThan(0);
    await sleep(500);
    await rm(ballast());
    await worksAgain();
    expect(await db.query('select count(*)::int as n from kept')).toEqual([{ n: (before[0]?.n ?? 0) + 1 }]);
  });
});
