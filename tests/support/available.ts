import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** Folder of the real data that tests and benches read, where the machine has it. */
export function sharedData(): string | undefined {
  const path = process.env['PRIMUM_DATA'] ?? join(root, '..', 'shared', 'data');
  return existsSync(path) ? path : undefined;
}

const chromiumPaths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export function chromiumPath(): string | undefined {
  return [process.env['PRIMUM_CHROMIUM'] ?? '', ...chromiumPaths].find((path) => path !== '' && existsSync(path));
}

/** Mounting a disk of a test's own. */
export function canMountDisks(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

/** What this machine lacks that some tests need, a phrase each. */
export function missingParts(): string[] {
  const missing: string[] = [];
  if (chromiumPath() === undefined) missing.push('browser tests (no Chromium; install it or set PRIMUM_CHROMIUM)');
  if (sharedData() === undefined) missing.push('tests on real patients\' data (no ../shared/data; set PRIMUM_DATA)');
  if (!canMountDisks()) missing.push('full-disk and power-cut tests (they need root on Linux)');
  return missing;
}
