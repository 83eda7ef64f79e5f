import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createObjects } from './objects.ts';

const scratch = (): string => mkdtempSync(join(tmpdir(), 'primum-objects-'));

describe('objects', () => {
  it('gives back what was put, under the digest of its bytes', async () => {
    const objects = createObjects(scratch());
    const digest = await objects.put(Buffer.from('abc'));
    // FIPS 180-4, example of SHA-256 for "abc".
    expect(digest).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect((await objects.get(digest)).toString()).toBe('abc');
    expect(await objects.put(Buffer.from('abc'))).toBe(digest);
  });

  it('takes the same bytes many times at once', async () => {
    const directory = scratch();
    const objects = createObjects(directory);
    const digests = await Promise.all(Array.from({ length: 20 }, () => objects.put(Buffer.from('same'))));
    expect(new Set(digests).size).toBe(1);
    expect(readdirSync(directory, { recursive: true }).filter((name) => String(name).includes('.'))).toEqual([]);
  });

  it('says when an object is missing, was altered, or has no digest for a name', async () => {
    const directory = scratch();
    const objects = createObjects(directory);
    const digest = await objects.put(Buffer.from('content'));
    writeFileSync(join(directory, digest.slice(0, 2), digest.slice(2, 4), digest), 'altered');
    await expect(objects.get(digest)).rejects.toMatchObject({ code: 'store.object-corrupt' });
    await objects.remove(digest);
    expect(await objects.has(digest)).toBe(false);
    await expect(objects.get(digest)).rejects.toMatchObject({ code: 'store.object-missing' });
    await expect(objects.get('../../etc/passwd')).rejects.toMatchObject({ code: 'store.object-missing' });
  });
});
