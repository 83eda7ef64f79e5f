import { createHash } from 'node:crypto';
import { mkdtemp, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createObjects, type ObjectFiles } from './objects.ts';

let directory: string;
beforeEach(async () => { directory = await mkdtemp(join(tmpdir(), 'objects-')); });
afterEach(() => rm(directory, { recursive: true }));

const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Real files whose nth call fails; writes are cut to 10 bytes so that there are several. */
function failingFiles(n: number): ObjectFiles & { calls: number } {
  const step = (): void => {
    files.calls += 1;
    if (files.calls === n) throw Object.assign(new Error('forced'), { code: 'ENOSPC' });
  };
  const files: ObjectFiles & { calls: number } = {
    calls: 0,
    create: async (path) => {
      step();
      const file = await open(path, 'wx');
      return {
        // Only (chunk, at) is called; FileHandle's overloads can't be written as one function.
        write: (async (chunk: Uint8Array, at: number) => { step(); return file.write(chunk, at, Math.min(10, chunk.length - at)); }) as never,
        sync: async () => { step(); await file.sync(); },
        close: () => file.close(),
      };
    },
    rename: async (from, to) => { step(); await rename(from, to); },
    syncFolder: async () => step(),
  };
  return files;
}

describe('objects', () => {
  it('gives back what was put, under the digest of its bytes, as a whole or in pieces', async () => {
    const objects = createObjects(directory);
    const content = Buffer.from('sealed bytes of some length');
    const digest = await objects.put(content);
    expect(digest).toBe(digestOf(content));
    expect(await objects.put((async function* () { yield content.subarray(0, 7); yield content.subarray(7); })())).toBe(digest);
    expect(await objects.get(digest)).toEqual(content);
    expect(await readdir(join(directory, digest.slice(0, 2)))).toEqual([digest]);
    expect(await objects.has(digest)).toBe(true);
    expect(await objects.remove(digest)).toBe(true);
    expect(await objects.remove(digest)).toBe(false);
    expect(await objects.has(digest)).toBe(false);
    await expect(objects.get(digest)).rejects.toMatchObject({ code: 'store.object-missing' });
  });

  it('notices an object that was altered', async () => {
    const objects = createObjects(directory);
    const digest = await objects.put(Buffer.from('original'));
    await writeFile(join(directory, digest.slice(0, 2), digest), 'altered!');
    await expect(objects.get(digest)).rejects.toMatchObject({ code: 'store.object-corrupt' });
  });

  it('takes no path for a digest', async () => {
    const objects = createObjects(directory);
    await expect(objects.get('../../etc/passwd')).rejects.toMatchObject({ code: 'internal.bug' });
  });

  it('leaves no half object and says disk-full, whichever call fails', async () => {
    const content = Buffer.from('thirty-five bytes of sealed content');
    const counted = failingFiles(0);
    await createObjects(directory, counted).put(content);
    expect(counted.calls).toBeGreaterThanOrEqual(10); // folders, create, four writes, sync, folder, rename, folder
    for (let n = 1; n <= counted.calls; n += 1) {
      const home = await mkdtemp(join(directory, 'nth-'));
      const objects = createObjects(home, failingFiles(n));
      await expect(objects.put(content), `call ${n}`).rejects.toMatchObject({ code: 'store.disk-full' });
      expect(await readdir(join(home, 'partial')).catch(() => [])).toEqual([]);
      expect(await objects.put(content)).toBe(digestOf(content));
      expect(await objects.get(digestOf(content))).toEqual(content);
    }
  });

  it('clears what a crash left half written', async () => {
    await createObjects(directory).put(Buffer.from('a'));
    await writeFile(join(directory, 'partial', 'left'), 'half');
    await createObjects(directory).put(Buffer.from('b'));
    expect(await readdir(join(directory, 'partial'))).toEqual([]);
  });
});
