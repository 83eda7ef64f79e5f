import { PrimumError } from '@primum/base';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '..', '..', '..');
const consoleRoot = join(repository, 'apps', 'console');

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesUnder(path) : [path];
  }).sort();
}

/** SHA-256 over all that the build reads of ours: the console, the contract and the lock. */
function sourcesDigest(): string {
  const hash = createHash('sha256');
  const inputs = [join(consoleRoot, 'index.html'), join(consoleRoot, 'vite.config.ts'), join(repository, 'package-lock.json'),
    ...filesUnder(join(consoleRoot, 'public')), ...filesUnder(join(consoleRoot, 'src')), ...filesUnder(join(repository, 'packages', 'contract', 'src'))];
  for (const file of inputs) hash.update(file.slice(repository.length)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

/**
 * Folder of the built console. In a clone it is built on the first start and again when its sources changed;
 * a published package carries it built.
 */
export async function builtConsole(onBuild: () => void = () => undefined): Promise<string> {
  const dist = join(consoleRoot, 'dist');
  if (!existsSync(join(consoleRoot, 'src'))) {
    if (existsSync(join(dist, 'index.html'))) return dist;
    throw new PrimumError('config.invalid', 'the console is neither built nor here as source');
  }
  const stamp = join(dist, '.sources');
  const digest = sourcesDigest();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return dist;
  onBuild();
  const { build } = await import('vite');
  await build({ root: consoleRoot, logLevel: 'error' });
  writeFileSync(stamp, digest);
  return dist;
}
