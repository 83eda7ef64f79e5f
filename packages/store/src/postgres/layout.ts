import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { PrimumError } from '@primum/base';
import { giveTo, type RunAs } from './run-as.ts';
import { pgHbaConf, pgIdentConf, postgresqlConf, type UnsafeSettings } from './settings.ts';

/** Where the embedded server's files lie under a home. */
export type Layout = { home: string; data: string; conf: string; log: string; socketDirectory: string; url: string };

/** sun_path is 108 bytes on Linux and 104 on macOS, with the closing zero. */
const longestSocketPath = 103;
const socketName = '.s.PGSQL.5432';

export function layoutOf(home: string): Layout {
  const inHome = join(home, 'run');
  const fits = Buffer.byteLength(join(inHome, socketName)) <= longestSocketPath;
  const socketDirectory = fits ? inHome : join(shortRoot(), `primum-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`);
  return {
    home,
    data: join(home, 'data'),
    conf: join(home, 'conf'),
    log: join(home, 'postgres.log'),
    socketDirectory,
    url: `postgresql://primum@${encodeURIComponent(socketDirectory)}/primum`,
  };
}

function shortRoot(): string {
  if (process.platform === 'linux' && process.getuid?.() === 0) return '/run';
  const tmp = tmpdir();
  return Buffer.byteLength(tmp) <= 60 ? tmp : '/tmp';
}

/** The home itself may be entered by the user that PostgreSQL runs as, not listed; what lies in it guards itself. */
export function makeHome(home: string, runAs: RunAs): void {
  mkdirSync(home, { recursive: true, mode: runAs === undefined ? 0o700 : 0o711 });
  if (runAs !== undefined) chmodSync(home, 0o711);
}

/** Settings are written anew at each start, owned by us and not by the server's user. */
export function writeConf(layout: Layout, runAs: RunAs, major: number, unsafe?: UnsafeSettings): void {
  mkdirSync(layout.conf, { recursive: true, mode: 0o755 });
  chmodSync(layout.conf, 0o755);
  const hbaFile = join(layout.conf, 'pg_hba.conf');
  const identFile = join(layout.conf, 'pg_ident.conf');
  const files: [string, string][] = [
    [hbaFile, pgHbaConf],
    [identFile, pgIdentConf(userInfo().username)],
    [join(layout.conf, 'postgresql.conf'), postgresqlConf({ major, socketDirectory: layout.socketDirectory, hbaFile, identFile, unsafe })],
  ];
  for (const [path, text] of files) {
    writeFileSync(path, text, { mode: 0o644 });
    chmodSync(path, 0o644);
  }
  makeSocketDirectory(layout.socketDirectory, runAs);
}

/**
 * 0700 and the server user's. As root it lies in a folder that only root writes, so it is made so; in a shared place
 * (/tmp) a directory that somebody else made first is refused.
 */
function makeSocketDirectory(directory: string, runAs: RunAs): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const stat = lstatSync(directory);
  if (runAs !== undefined && stat.isDirectory()) {
    chmodSync(directory, 0o700);
    giveTo(runAs, directory);
    return;
  }
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new PrimumError('store.start-failed', `${directory} is not a directory of our own with mode 0700`);
  }
}
