/**
 * The key store's files: one per key, `<directory>/<tenant>/<kind>/…/<id>.key`. A key is written to a file of its own,
 * fsynced, linked to its name (a link never replaces, so of two processes that make the same key the slower takes the
 * faster's), and its folder fsynced, before anyone may seal with it.
 *
 * A destroyed key has a tombstone, `<id>.dead`, durable before the key's bytes are overwritten, fsynced and unlinked;
 * where there is a tombstone, whatever else is there is no key. Replacing a wrapping renames over the key's file, which
 * could set a file beside a tombstone written meanwhile: so it looks for one afterwards and shreds what it set. One of
 * the two, the destroyer or the replacer, sees the other's file; what a replacer killed in between has left is shredded
 * by the next walk over all keys (`list`).
 */
import * as fs from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { PrimumError } from '@primum/base';
import type { KeyName } from './key-scope.ts';
import { shardOf, shards, type KeyStore, type StoredKey } from './key-store.ts';
import { maxWrappedBytes } from './wrapped-key.ts';

/** The file system's calls that changes make, so that a test can let the nth one fail. */
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

/** A temporary file of a running process is never this old. */
const strayMs = 600_000;
/** Earlier versions wrote this over the key's own file. */
const tombstone = Buffer.from('destroyed\n');

export function createFileKeyStore(directory: string, io: KeyFileIo = realIo): KeyStore {
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const folders = new Set<string>();
  const folderOf = (tenant: number, kind: string, shard: string | undefined): string => join(directory, String(tenant), kind, ...(shard === undefined ? [] : [shard]));
  const pathOf = (name: KeyName): string => join(folderOf(name.tenant, name.kind, shardOf(name)), `${name.id}.key`);
  const tombstoneOf = (path: string): string => path.replace(/key$/, 'dead');

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

  /** Renames fsynced bytes to their name, over whatever is there. */
  const place = async (bytes: Uint8Array, path: string): Promise<void> => {
    const written = writeTemporary(bytes);
    try {
      await io.fsync(written.fd);
      io.renameSync(written.path, path);
    } finally {
      io.closeSync(written.fd);
      fs.rmSync(written.path, { force: true });
    }
    await syncFolder(dirname(path));
  };

  /** Two may shred the same file. */
  const shred = async (path: string): Promise<void> => {
    try {
      if (!isThere(path)) return;
      await overwrite(path, io);
      io.unlinkSync(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    await syncFolder(dirname(path));
  };

  const read = (name: KeyName): StoredKey => {
    const path = pathOf(name);
    if (isThere(tombstoneOf(path))) return { state: 'destroyed' };
    const bytes = readIfThere(path);
    // Destroyed between the two looks, or never made.
    if (bytes === undefined) return isThere(tombstoneOf(path)) ? { state: 'destroyed' } : { state: 'absent' };
    if (bytes.equals(tombstone)) return { state: 'destroyed' };
    if (bytes.length > maxWrappedBytes) throw new PrimumError('trust.key-store-unusable', `a ${name.kind} key file has ${bytes.length} bytes`);
    return { state: 'present', wrapped: bytes };
  };

  return {
    kind: 'files',
    read,

    create: (keys) => faultsNamed(async () => {
      const targets = keys.map(({ name, wrapped }) => ({ target: pathOf(name), wrapped }));
      for (const folder of new Set([directory, ...targets.map(({ target }) => dirname(target))])) await ensureFolder(folder);
      const written: { path: string; fd: number }[] = [];
      try {
        for (const { wrapped } of targets) written.push(writeTemporary(wrapped));
        await Promise.all(written.map(({ fd }) => io.fsync(fd)));
        for (const [index, { target }] of targets.entries()) {
          if (!isThere(tombstoneOf(target))) linkUnlessThere(io, written[index]!.path, target);
        }
      } finally {
        for (const { path, fd } of written) {
          io.closeSync(fd);
          fs.rmSync(path, { force: true });
        }
      }
      await Promise.all([...new Set(targets.map(({ target }) => dirname(target)))].map(syncFolder));
    }),

    replace: async (name, wrapped) => {
      if (read(name).state !== 'present') return false;
      const path = pathOf(name);
      await faultsNamed(() => place(wrapped, path));
      if (!isThere(tombstoneOf(path))) return true;
      await faultsNamed(() => shred(path));
      return false;
    },

    destroy: (name, options) => faultsNamed(async () => {
      const path = pathOf(name);
      await ensureFolder(dirname(path));
      if (options.tombstone && !isThere(tombstoneOf(path))) await place(tombstone, tombstoneOf(path));
      await shred(path);
    }),

    async* list(tenant, kind) {
      for (const shard of kind === 'patient' ? shards : [undefined]) {
        const folder = folderOf(tenant, kind, shard);
        if (!fs.existsSync(folder)) continue;
        const files = await fs.promises.readdir(folder);
        const dead = new Set(files.filter((file) => file.endsWith('.dead')).map((file) => file.slice(0, -5)));
        const ids: string[] = [];
        for (const id of files.filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -4)).sort()) {
          if (dead.has(id)) await faultsNamed(() => shred(join(folder, `${id}.key`)));
          else ids.push(id);
        }
        yield ids;
      }
    },

    tenants: async () => (await fs.promises.readdir(directory)).filter((entry) => /^\d+$/.test(entry)).map(Number).sort((a, b) => a - b),
  };
}

async function overwrite(path: string, io: KeyFileIo): Promise<void> {
  const fd = io.openSync(path, 'r+');
  try {
    io.writeSync(fd, randomBytes(fs.fstatSync(fd).size));
    await io.fsync(fd);
  } finally {
    io.closeSync(fd);
  }
}

function isThere(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Most reads of an absent key come from its creation; a stat is cheaper than an exception. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return isThere(path) ? fs.readFileSync(path) : undefined;
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

export async function faultsNamed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof PrimumError) throw error;
    const code = codeOf(error);
    throw new PrimumError(code === 'ENOSPC' ? 'store.disk-full' : 'trust.key-store-unusable', `key store: ${code}`, { cause: error });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
