import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import type { Binaries } from './binaries.ts';
import type { Layout } from './layout.ts';
import { processIsAlive } from './postmaster.ts';
import { giveTo, type RunAs } from './run-as.ts';

const initdbLimitMs = 120_000;

/** Throws store.version-mismatch where the data directory was made by another major version. */
export function assertSameMajor(layout: Layout, binaries: Binaries): void {
  const major = Number.parseInt(readFileSync(join(layout.data, 'PG_VERSION'), 'utf8'), 10);
  if (major !== binaries.major) {
    throw new PrimumError('store.version-mismatch', `${layout.data} is of PostgreSQL ${major}, the one at hand is ${binaries.major}`);
  }
}

/**
 * Makes the data directory: checksums on, UTF-8, and the C collation (sorting is by code point everywhere, and no
 * library upgrade can change an index). It is made beside its place and renamed, so that a start that was killed in
 * the middle leaves nothing that looks like a database, and of two starts at once one wins.
 */
export async function initCluster(layout: Layout, binaries: Binaries, runAs: RunAs): Promise<void> {
  await removeLeftovers(layout);
  const partial = join(layout.home, `data.new-${process.pid}`);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { mode: 0o700 });
  await chmod(partial, 0o700);
  giveTo(runAs, partial);
  const locale = binaries.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : [];
  const args = ['-D', partial, '-U', 'primum', '--auth=peer', '--encoding=UTF8', '--data-checksums', '--locale=C', '--no-instructions', ...locale];
  await run(join(binaries.bin, 'initdb'), args, runAs, partial);
  try {
    await rename(partial, layout.data);
    await using folder = await open(layout.home, 'r');
    await folder.sync();
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    if (!existsSync(join(layout.data, 'PG_VERSION'))) throw error;
  }
}

async function removeLeftovers(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.home)) {
    const pid = Number(/^data\.new-(\d+)$/.exec(name)?.[1]);
    if (Number.isInteger(pid) && pid !== process.pid && !processIsAlive(pid)) {
      await rm(join(layout.home, name), { recursive: true, force: true });
    }
  }
}

function run(command: string, args: string[], runAs: RunAs, cwd: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: initdbLimitMs,
      ...(runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }),
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-2_000); });
    child.on('error', (error) => reject(new PrimumError('store.start-failed', `initdb: ${error.message}`)));
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const full = /No space left on device/.test(said);
      reject(new PrimumError(full ? 'store.disk-full' : 'store.start-failed', `initdb: ${said.trim().split('\n').slice(-3).join(' ')}`));
    });
  });
}
