import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * SHA-256, hex, of the source under the folders: path and content of each .ts or .js file in path order, tests left
 * out. Prediction records and manifests name code by it, so that a replay can tell whether it runs what ran then.
 */
export async function codeDigest(folders: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const [index, folder] of folders.entries()) {
    const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
    for (const name of names.filter((item) => /(?<!\.test|\.d)\.[jt]s$/.test(item)).sort()) {
      hash.update(`${index}/${name}\0`).update(await readFile(join(folder, name))).update('\0');
    }
  }
  return hash.digest('hex');
}
