import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The packages whose code a score depends on: facts, features, trees, inference, alert policy, and this one. */
const computing = ['@primum/record', '@primum/datasets', '@primum/formats', '@primum/inference', '@primum/registry', '@primum/serving'] as const;

/**
 * SHA-256 over the source files that compute a score: for each package, each file's relative path and content, in
 * path order, tests left out. Read once at start. It says which code ran, it proves nothing about who wrote it.
 */
export async function codeDigest(packages: readonly string[] = computing): Promise<Buffer> {
  const hash = createHash('sha256');
  for (const name of packages) {
    const root = dirname(fileURLToPath(import.meta.resolve(name)));
    for (const path of await sourceFiles(root)) {
      hash.update(`${name}/${relative(root, path).split(sep).join('/')}\0`);
      hash.update(createHash('sha256').update(await readFile(path)).digest());
    }
  }
  return hash.digest();
}

async function sourceFiles(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name) && !/\.test\.(ts|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}
