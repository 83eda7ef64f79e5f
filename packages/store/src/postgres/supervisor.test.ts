import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '@primum/base';
import { openDb } from '../database/open-db.ts';
import { connectOrStart } from './connect-or-start.ts';
import { primumHome } from './home.ts';
import { layoutOf } from './layout.ts';
import { processIsAlive, runningPostmaster } from './postmaster.ts';
import { chooseRunAs } from './run-as.ts';
import { startPostgres, type StartStage } from './supervisor.ts';

let folder: string;
let home: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'primum-supervisor-'));
  await chmod(folder, 0o711);
  home = join(folder, 'home');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function until(condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (const end = performance.now() + limitMs; !(await condition());) {
    if (performance.now() > end) throw new Error('not in time');
    await sleep(20);
  }
}

/** Another process that starts PostgreSQL on the home and then waits to be killed. */
async function startElsewhere(): Promise<{ kill(): Promise<void> }> {
  const code = `
    import { startPostgres } from ${JSON.stringify(new URL('./supervisor.ts', import.meta.url).href)};
    const nothing = () => undefined;
    await startPostgres({ home: ${JSON.stringify(home)}, log: { debug: nothing, info: nothing, warn: nothing, error: nothing } });
    process.stdout.write('ready');
    setInterval(nothing, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), exited.then(() => { throw new Error('it ended'); })]);
  return { kill: async () => { child.kill('SIGKILL'); await exited; } };
}

describe('the embedded server', () => {
  it('initialises, keeps its data over a stop, and lets nobody else in', async () => {
    const stages: StartStage[] = [];
    const first = await startPostgres({ home, log: silentLog, onProgress: (stage) => stages.push(stage) });
    expect(stages.slice(0, 3)).toEqual(['installing', 'initialising', 'starting']);
    expect(stages.at(-1)).toBe('ready');
    let db = await openDb(first.connection);
    expect(await db.query("select current_setting('data_checksums') as sums, current_setting('listen_addresses') as tcp, current_setting('fsync') as fsync")).toEqual([{ sums: 'on', tcp: '', fsync: 'on' }]);
    await db.query('create table kept (a int); insert into kept values (42)');
    await db.close();
    expect((await stat(layoutOf(home).socketDirectory)).mode & 0o777).toBe(0o700);
    await first.stop();
    expect(runningPostmaster(layoutOf(home).data)).toBeUndefined();

    const second = await startPostgres({ home, log: silentLog });
    db = await openDb(second.connection);
    expect(await db.query('select a from kept')).toEqual([{ a: 42 }]);
    await db.close();
    await second.stop();
  });

  it('writes no value of a failing statement to its log', async () => {
    const postgres = await startPostgres({ home, log: silentLog });
    const db = await openDb(postgres.connection);
    await db.query('create table person (name text primary key)');
    await db.query('insert into person values ($1)', ['Canary-Name']);
    const errors = await Promise.all([
      db.query('insert into person values ($1)', ['Canary-Name']).catch(String),
      db.query('select $1::date', ['Canary-Date']).catch(String),
      db.query("select 'Canary-Text'::int").catch(String),
    ]);
    await db.close();
    await postgres.stop();
    expect(errors[0]).toContain('SQLSTATE 23505 table person constraint person_pkey');
    expect(errors.join() + (await readFile(layoutOf(home).log, 'utf8'))).not.toContain('Canary');
  });

  it('takes over from a Primum that was killed, within two seconds', async () => {
    const killed = await startElsewhere();
    const orphan = runningPostmaster(layoutOf(home).data);
    await killed.kill();
    expect(processIsAlive(orphan ?? 0)).toBe(true);
    const began = performance.now();
    const postgres = await startPostgres({ home, log: silentLog });
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(processIsAlive(orphan ?? 0)).toBe(false);
    await postgres.stop();
  });

  it('leaves another Primum\'s server alone, and lets a command work beside it', async () => {
    const other = await startPostgres({ home, log: silentLog });
    await expect(startPostgres({ home, log: silentLog })).rejects.toMatchObject({ code: 'store.in-use' });
    const beside = await connectOrStart({ home, log: silentLog });
    expect(beside.started).toBe(false);
    const db = await openDb(beside.connection);
    await beside.stop();
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await db.close();
    await other.stop();
    const alone = await connectOrStart({ home, log: silentLog });
    expect(alone.started).toBe(true);
    await alone.stop();
  });

  it('is started again when it dies, and keeps its place when one of its processes does', async () => {
    const postgres = await startPostgres({ home, log: silentLog });
    const db = await openDb(postgres.connection);
    const alive = async (): Promise<boolean> => (await db.query('select 1').catch(() => [])).length === 1;
    const [backend] = await db.query<{ pid: number }>('select pg_backend_pid() as pid');
    process.kill(backend?.pid ?? 0, 'SIGKILL'); // the server then ends all sessions and recovers
    await until(alive);
    await until(async () => (await db.query("select 1 from pg_locks where locktype = 'advisory' and granted").catch(() => [])).length === 1);
    process.kill(runningPostmaster(layoutOf(home).data) ?? 0, 'SIGKILL');
    await until(async () => !(await alive()));
    await until(alive);
    await db.close();
    await postgres.stop();
    expect(runningPostmaster(layoutOf(home).data)).toBeUndefined();
  });

  it('is refused by openDb where a commit could be lost', async () => {
    const postgres = await startPostgres({ home, log: silentLog, unsafe: { fsync: 'off', full_page_writes: 'off' } });
    await expect(openDb(postgres.connection)).rejects.toMatchObject({ code: 'store.unsafe', message: expect.stringContaining('fsync, full_page_writes is off') });
    await postgres.stop();
  });

  it('starts where the pid file names a process of somebody else', async () => {
    await writeFile(join(layoutOf(home).data, 'postmaster.pid'), `${process.pid}\n${layoutOf(home).data}\n`);
    const postgres = await startPostgres({ home, log: silentLog });
    expect(runningPostmaster(layoutOf(home).data)).not.toBe(process.pid);
    await postgres.stop();
  });

  it('refuses a data directory of another major version', async () => {
    const version = join(layoutOf(home).data, 'PG_VERSION');
    const was = await readFile(version, 'utf8');
    await writeFile(version, '14\n');
    await expect(startPostgres({ home, log: silentLog })).rejects.toMatchObject({ code: 'store.version-mismatch' });
    await writeFile(version, was);
  });

  it('keeps the socket\'s path short enough, wherever the home is', async () => {
    const deep = join('/var', 'x'.repeat(120));
    expect(join(layoutOf(deep).socketDirectory, '.s.PGSQL.5432').length).toBeLessThanOrEqual(103);
    expect(layoutOf(deep).socketDirectory).not.toBe(layoutOf(`${deep}y`).socketDirectory);
  });
});

describe('home and user', () => {
  it('follow PRIMUM_HOME, then root\'s place, then XDG', () => {
    expect(primumHome({ PRIMUM_HOME: '/srv/p' }, 0)).toBe('/srv/p');
    expect(primumHome({}, 0)).toBe('/var/lib/primum');
    expect(primumHome({ HOME: '/home/a' }, 1000)).toBe('/home/a/.local/state/primum');
    expect(primumHome({ HOME: '/home/a', XDG_STATE_HOME: '/state' }, 1000)).toBe('/state/primum');
  });

  it('drop root to a user that exists, and nobody else', () => {
    const passwd = 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n';
    expect(chooseRunAs(0, passwd)).toEqual({ name: 'nobody', uid: 65534, gid: 65534 });
    expect(chooseRunAs(0, `${passwd}postgres:x:101:104::/:/bin/sh\n`)).toMatchObject({ name: 'postgres', uid: 101 });
    expect(chooseRunAs(userInfo().uid === 0 ? 1000 : userInfo().uid, passwd)).toBeUndefined();
    expect(() => chooseRunAs(0, 'root:x:0:0::/root:/bin/sh\n')).toThrowError(/postgres or nobody/);
  });
});
