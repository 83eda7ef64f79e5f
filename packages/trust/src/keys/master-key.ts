import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';

/**
 * The key that wraps all others. Embedded, it is a file beside them (0600), made once; in production it comes from
 * outside (a KMS, a secret mounted at start), and the key store alone opens nothing.
 * A key store that has keys but no master key is never given a new one: that would only hide the loss.
 */
export function loadOrCreateMasterKey(directory: string): Buffer {
  const path = join(directory, 'master.key');
  if (!existsSync(path)) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (readdirSync(directory).some((entry) => /^\d+$/.test(entry))) {
      throw new PrimumError('trust.key-store-unusable', 'master.key is missing beside existing keys');
    }
    createDurably(directory, path, `${randomBytes(32).toString('hex')}\n`);
  }
  const text = readFileSync(path, 'utf8').trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new PrimumError('trust.key-store-unusable', 'master.key is not 64 hexadecimal digits');
  return Buffer.from(text, 'hex');
}

/** Two processes may start at once: the link of the slower fails, and both read the faster's. */
function createDurably(directory: string, path: string, text: string): void {
  const temporary = join(directory, `${randomBytes(12).toString('hex')}.tmp`);
  const fd = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
    if (!existsSync(path)) linkSync(temporary, path);
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    closeSync(fd);
    rmSync(temporary, { force: true });
  }
  const folder = openSync(directory, 'r');
  fsyncSync(folder);
  closeSync(folder);
}
