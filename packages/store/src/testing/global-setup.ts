import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { openDb } from '../database/open-db.ts';
import { migrate } from '../migrate.ts';
import { processIsAlive, runningPostmaster, stopPostmaster } from '../postgres/postmaster.ts';
import { startPostgres, type Postgres } from '../postgres/supervisor.ts';

/** A test worker asks at this socket for the server; its path travels in this variable. */
export const socketVariable = 'PRIMUM_TEST_SERVER';
export const templateDatabase = 'primum_template';

/**
 * One embedded PostgreSQL for a whole vitest run, started when the first test asks for a database. It is the real
 * one, with fsync on. Migrations run once, into a template that each test file clones.
 */
export async function setup(): Promise<() => Promise<void>> {
  await sweep();
  const home = await mkdtemp(join(tmpdir(), `primum-test-${process.pid}-`));
  await chmod(home, 0o711); // as root, PostgreSQL runs as another user, which must get through
  let starting: Promise<Postgres> | undefined;
  const answer = createServer((socket) => {
    socket.on('error', () => undefined);
    starting ??= start(join(home, 'primum'));
    starting.then(
      ({ connection }) => socket.end(connection.url),
      (error: unknown) => socket.end(`failed ${String(error)}`),
    );
  });
  const path = join(home, 'ask.sock');
  await new Promise<void>((resolve, reject) => answer.once('error', reject).listen(path, resolve));
  process.env[socketVariable] = path;
  return async () => {
    answer.close();
    await (await starting?.catch(() => undefined))?.stop();
    await rm(home, { recursive: true, force: true });
  };
}

async function start(home: string): Promise<Postgres> {
  const postgres = await startPostgres({ home, log: silentLog });
  const admin = await openDb({ url: postgres.connection.url, max: 1 });
  await admin.query(`create database ${templateDatabase}`);
  const template = await openDb({ url: databaseUrl(postgres.connection.url, templateDatabase), max: 1 });
  await migrate(template);
  await template.close();
  await admin.close();
  return postgres;
}

/** Ends what a killed test run left behind. */
async function sweep(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^primum-test-(\d+)-/.exec(name)?.[1]);
    if (!Number.isInteger(pid) || processIsAlive(pid)) continue;
    const left = join(tmpdir(), name);
    const server = runningPostmaster(join(left, 'primum', 'data'));
    if (server !== undefined) await stopPostmaster(server, 5_000);
    await rm(left, { recursive: true, force: true });
  }
}

export function databaseUrl(url: string, database: string): string {
  return url.replace(/\/[^/]*$/, `/${database}`);
}
