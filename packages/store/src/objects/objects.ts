import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PrimumError } from '@primum/base';

/**
 * Sealed content in files, addressed by the SHA-256 of its ciphertext (64 hex digits): <directory>/ab/abcdef….
 * Whoever puts has sealed before; nothing here knows what it holds.
 */
export type Objects = {
  /** Resolves when the object is on disk: file written and fsynced, renamed to its digest, folder fsynced. */
  put(content: Uint8Array | AsyncIterable<Uint8Array>): Promise<string>;
  /** The whole object, checked against its digest. Throws store.object-missing and store.object-corrupt. */
  get(digest: string): Promise<Buffer>;
  has(digest: string): Promise<boolean>;
  /** Whether it was there. */
  remove(digest: string): Promise<boolean>;
  /** What was last put from `sinceMs` to before `beforeMs` (Unix time), a folder of a 256th part at a time. */
  putBetween(sinceMs: number, beforeMs: number): AsyncGenerator<string[]>;
  /** Removes it if nobody put it again since; whether it did. */
  removeOlder(digest: string, beforeMs: number): Promise<boolean>;
};

/** The calls to the file system, so that a test can make the nth one fail. */
export type ObjectFiles = {
  create(path: string): Promise<Pick<FileHandle, 'write' | 'sync' | 'close'>>;
  rename(from: string, to: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
};

const nodeFiles: ObjectFiles = {
  create: (path) => open(path, 'wx', 0o600),
  rename,
  syncFolder: async (path) => {
    await using folder = await open(path, 'r');
    await folder.sync();
  },
};

export function createObjects(directory: string, files: ObjectFiles = nodeFiles): Objects {
  const partial = join(directory, 'partial');
  let preparing: Promise<void> | undefined;

  /** Once, before the first put: what a process that is gone left half written was acknowledged to nobody. */
  const prepare = async (): Promise<void> => {
    await makeFolder(files, directory);
    await makeFolder(files, partial);
    for (const name of await readdir(partial)) {
      const pid = Number(/^(\d+)-/.exec(name)?.[1] ?? 0);
      if (!isAlive(pid)) await rm(join(partial, name), { force: true });
    }
  };

  const pathOf = (digest: string): string => {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new PrimumError('internal.bug', 'an object digest is not 64 hex digits');
    return join(directory, digest.slice(0, 2), digest);
  };

  const prepared = async (): Promise<void> => {
    preparing ??= prepare();
    await preparing.catch((error: unknown) => {
      preparing = undefined;
      throw error;
    });
  };
  const aside = (): string => join(partial, `${process.pid}-${randomUUID()}`);

  return {
    put: async (content) => {
      const temporary = aside();
      try {
        await prepared();
        const digest = await write(files, temporary, content);
        const path = pathOf(digest);
        await makeFolder(files, dirname(path));
        // Replacing an object by the same bytes is harmless; and an earlier put may not have reached its folder's fsync.
        await files.rename(temporary, path);
        await files.syncFolder(dirname(path));
        return digest;
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw asStoreError(error);
      }
    },
    get: async (digest) => {
      const content = await readFile(pathOf(digest)).catch((error: unknown) => {
        throw errnoOf(error) === 'ENOENT' ? new PrimumError('store.object-missing', digest) : asStoreError(error);
      });
      if (createHash('sha256').update(content).digest('hex') !== digest) throw new PrimumError('store.object-corrupt', digest);
      return content;
    },
    has: async (digest) => (await stat(pathOf(digest)).catch(() => undefined))?.isFile() === true,
    remove: async (digest) => {
      const path = pathOf(digest);
      try {
        await rm(path);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return false;
        throw asStoreError(error);
      }
      await files.syncFolder(dirname(path));
      return true;
    },
    putBetween: async function* (sinceMs, beforeMs) {
      for (const prefix of (await readdir(directory).catch(() => [])).filter((name) => /^[0-9a-f]{2}$/.test(name)).sort()) {
        const found: string[] = [];
        for (const digest of await readdir(join(directory, prefix))) {
          if (!/^[0-9a-f]{64}$/.test(digest)) continue;
          const put = await stat(join(directory, prefix, digest)).catch(() => undefined); // removed meanwhile
          if (put !== undefined && put.mtimeMs >= sinceMs && put.mtimeMs < beforeMs) found.push(digest);
        }
        if (found.length > 0) yield found;
      }
    },
    removeOlder: async (digest, beforeMs) => {
      const [path, taken] = [pathOf(digest), aside()];
      await prepared();
      // Taken away first: between a look and a removal the same bytes could be put again.
      try {
        await files.rename(path, taken);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return false;
        throw asStoreError(error);
      }
      if ((await stat(taken)).mtimeMs >= beforeMs) {
        await files.rename(taken, path);
        return false;
      }
      await rm(taken);
      await files.syncFolder(dirname(path));
      return true;
    },
  };
}

async function write(files: ObjectFiles, path: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  const file = await files.create(path);
  try {
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** A new folder lasts only once its parent is fsynced too. */
async function makeFolder(files: ObjectFiles, path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 });
  if (made !== undefined) await files.syncFolder(dirname(made));
  if (made !== undefined && made !== path) await files.syncFolder(dirname(path));
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function asStoreError(error: unknown): unknown {
  return errnoOf(error) === 'ENOSPC' || errnoOf(error) === 'EDQUOT' ? new PrimumError('store.disk-full', 'objects', { cause: error }) : error;
}

/** Another process may be writing beside this one; one of the same number is at worst waited for until the next start. */
function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}
