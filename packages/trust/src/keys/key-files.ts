/**
 * The key store's files: one per key, `<directory>/<tenant>/<kind>/…/<id>.key`, outside the database, its log and its
 * backups. A key is written to a file of its own, fsynced, linked to its name (a link never replaces, so of two
 * processes that make the same key the slower takes the faster's), and its folder fsynced, before anyone may seal with
 * it. A destroyed key's bytes are overwritten and fsynced, then a tombstone is renamed over its name: the same id is
 * never given a key again.
 */
import * as fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PrimumError } from '@primum/base';
import type { KeyName } from './key-scope.ts';
import { wrappedKeyBytes } from './wrapped-key.ts';

/** The file system's calls that creating and destroying make, so that a test can let the nth one fail. */
export type KeyFileIo = {
  openSync(path: string, flags: string, mode?: number): number;
  writeSync(fd: number, bytes: Uint8Array): number;
  closeSync(fd: number): void;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  mkdirSync(path: string, options: { recursive: true; mode: number }): unknown;
  fsync(fd: number): Promise<void>;
};
const realIo: KeyFileIo = { ...fs, fsync: promisify(fs.fsync) };

/** `absent`: no such key yet. `destroyed`: there was one, and there will be none. */
export type KeyFile = { state: 'present'; wrapped: Buffer } | { state: 'absent' } | { state: 'destroyed' };

export type KeyFiles = {
  read(name: KeyName): KeyFile;
  /** Creates those that are absent, durably; an existing one stays as it is. At most `maxBatch` at a time. */
  create(keys: readonly { name: KeyName; wrapped: Uint8Array }[]): Promise<void>;
  destroy(name: KeyName, options: { tombstone: boolean }): Promise<void>;
  /** Ids of a kind that has few keys and no shards (intake, tenant, index). */
  list(tenant: number, kind: 'intake' | 'tenant' | 'index'): string[];
};

export const maxBatch = 64;
/** A temporary file of a running process is never this old. */
const strayMs = 600_000;
const tombstone = Buffer.from('destroyed\n');

export function createKeyFiles(directory: string, io: KeyFileIo = realIo): KeyFiles {
  const folders = new Set<string>();
  const pathOf = ({ tenant, kind, id }: KeyName): string =>
    kind === 'patient' ? join(directory, String(tenant), kind, id.slice(-2), `${id}.key`) : join(directory, String(tenant), kind, `${id}.key`);

  // What a killed process was writing; nobody has sealed with it.
  for (const file of fs.readdirSync(directory).filter((name) => name.endsWith('.tmp'))) {
    const path = join(directory, file);
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > strayMs) fs.rmSync(path, { force: true });
  }

  const syncFolder = async (folder: string): Promise<void> => {
    const fd = io.openSync(folder, 'r');
    try {
      await io.fsync(fd);
    } finally {
      io.closeSync(fd);
    }
  };

  /** Folders number at most 256 per tenant and a few; the set remembers which are known to be durable. */
  const ensureFolder = async (folder: string): Promise<void> => {
    if (folders.has(folder)) return;
    if (folder !== directory) await ensureFolder(dirname(folder));
    io.mkdirSync(folder, { recursive: true, mode: 0o700 });
    await syncFolder(dirname(folder));
    folders.add(folder);
  };

  const writeTemporary = (bytes: Uint8Array): { path: string; fd: number } => {
    const path = join(directory, `${randomBytes(12).toString('hex')}.tmp`);
    const fd = io.openSync(path, 'wx', 0o600);
    try {
      io.writeSync(fd, bytes);
    } catch (error) {
      io.closeSync(fd);
      fs.rmSync(path, { force: true });
      throw error;
    }
    return { path, fd };
  };

  return {
    read: (name) => {
      const path = pathOf(name);
      const bytes = readIfThere(path);
      if (bytes === undefined) return { state: 'absent' };
      if (bytes.equals(tombstone)) return { state: 'destroyed' };
      if (bytes.length !== wrappedKeyBytes) throw new PrimumError('trust.key-store-unusable', `a ${name.kind} key file has ${bytes.length} bytes`);
      return { state: 'present', wrapped: bytes };
    },

    create: (keys) => faultsNamed(async () => {
      const targets = keys.map(({ name, wrapped }) => ({ target: pathOf(name), wrapped }));
      for (const folder of new Set([directory, ...targets.map(({ target }) => dirname(target))])) await ensureFolder(folder);
      const written: { path: string; fd: number }[] = [];
      try {
        for (const { wrapped } of targets) written.push(writeTemporary(wrapped));
        await Promise.all(written.map(({ fd }) => io.fsync(fd)));
        for (const [index, { target }] of targets.entries()) linkUnlessThere(io, written[index]!.path, target);
      } finally {
        for (const { path, fd } of written) {
          io.closeSync(fd);
          fs.rmSync(path, { force: true });
        }
      }
      await Promise.all([...new Set(targets.map(({ target }) => dirname(target)))].map(syncFolder));
    }),

    destroy: (name, options) => faultsNamed(async () => {
      const path = pathOf(name);
      await ensureFolder(dirname(path));
      if (fs.statSync(path, { throwIfNoEntry: false }) !== undefined) {
        const fd = io.openSync(path, 'r+');
        try {
          io.writeSync(fd, randomBytes(wrappedKeyBytes));
          await io.fsync(fd);
        } finally {
          io.closeSync(fd);
        }
        if (!options.tombstone) io.unlinkSync(path);
      }
      if (options.tombstone) {
        const stone = writeTemporary(tombstone);
        try {
          await io.fsync(stone.fd);
          io.renameSync(stone.path, path);
        } finally {
          io.closeSync(stone.fd);
          fs.rmSync(stone.path, { force: true });
        }
      }
      await syncFolder(dirname(path));
    }),

    list: (tenant, kind) => {
      const folder = join(directory, String(tenant), kind);
      if (!fs.existsSync(folder)) return [];
      return fs.readdirSync(folder).filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -4)).sort();
    },
  };
}

/** Most reads of an absent key come from its creation; a stat is cheaper than an exception. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) === undefined ? undefined : fs.readFileSync(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return undefined; // destroyed between the two calls
    throw new PrimumError('trust.key-store-unusable', `reading a key: ${code}`, { cause: error });
  }
}

function linkUnlessThere(io: KeyFileIo, from: string, to: string): void {
  try {
    io.linkSync(from, to);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

async function faultsNamed(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof PrimumError) throw error;
    const code = codeOf(error);
    throw new PrimumError(code === 'ENOSPC' ? 'store.disk-full' : 'trust.key-store-unusable', `key store: ${code}`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
