import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PrimumError } from '@primum/base';

/** Content by its digest; what is put here is ciphertext already. */
export type Objects = {
  /** SHA-256 of the bytes, hex. Resolves when file and folders are on disk; the same bytes again cost a look. */
  put(bytes: Uint8Array): Promise<string>;
  /** Throws store.object-missing, store.object-corrupt. */
  get(digest: string): Promise<Buffer>;
  has(digest: string): Promise<boolean>;
  remove(digest: string): Promise<void>;
};

/**
 * A directory of objects, two levels of folders by digest. Writing: a temporary file, fsync, rename, fsync of every
 * folder that got an entry; so a crash leaves the object whole or not at all. Reading checks the digest.
 */
export function createObjects(directory: string): Objects {
  const pathOf = (digest: string): string => {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw new PrimumError('store.object-missing', 'not a digest');
    return join(directory, digest.slice(0, 2), digest.slice(2, 4), digest);
  };
  const has = (digest: string): Promise<boolean> => stat(pathOf(digest)).then(() => true, () => false);
  return {
    has,
    async put(bytes) {
      const digest = createHash('sha256').update(bytes).digest('hex');
      const path = pathOf(digest);
      if (await has(digest)) return digest;
      await makeFolders(directory, dirname(path));
      const temporary = `${path}.${randomBytes(6).toString('hex')}`;
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
        await syncFolder(dirname(path));
      } catch (error) {
        await rm(temporary, { force: true });
        throw storeError(error);
      }
      return digest;
    },
    async get(digest) {
      let bytes: Buffer;
      try {
        bytes = await readFile(pathOf(digest));
      } catch (error) {
        if (codeOf(error) === 'ENOENT') throw new PrimumError('store.object-missing', digest);
        throw storeError(error);
      }
      if (createHash('sha256').update(bytes).digest('hex') !== digest) throw new PrimumError('store.object-corrupt', digest);
      return bytes;
    },
    async remove(digest) {
      const path = pathOf(digest);
      await rm(path, { force: true });
      await syncFolder(dirname(path)).catch(() => undefined); // the folder was never made: nothing was there
    },
  };
}

async function makeFolders(root: string, folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (made === undefined) return;
  // From the first folder that is new, up to its parent: each got an entry.
  for (let at = folder; at.length >= dirname(made).length && at.length >= root.length - 1; at = dirname(at)) await syncFolder(at);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

function storeError(error: unknown): unknown {
  return codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT' ? new PrimumError('store.disk-full', 'objects', { cause: error }) : error;
}
