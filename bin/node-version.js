// Plain JavaScript that any Node >= 20 can run: finds a Node new enough to run TypeScript as it stands.
// The platform packages of Node are pinned optional dependencies, so a machine with an older Node
// still needs only `npm ci`.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Node 24.7 brought argon2 into node:crypto; type stripping is stable in all of 24. */
const needed = [24, 7];

export function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > needed[0] || (major === needed[0] && minor >= needed[1]);
}

/** Path of a Node that runs Primum, or undefined where neither this one nor a pinned one does. */
export function findNode() {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(binary) ? binary : undefined;
  } catch {
    return undefined;
  }
}
