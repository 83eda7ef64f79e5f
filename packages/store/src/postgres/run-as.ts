import { chownSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PrimumError } from '@primum/base';

/** The user that PostgreSQL runs as; undefined: as whoever runs Primum. */
export type RunAs = { name: string; uid: number; gid: number } | undefined;

/**
 * PostgreSQL refuses to run as root, so root drops to a user that is already there: `postgres`, else `nobody`.
 * No user is ever created.
 */
export function chooseRunAs(ourUid: number = process.getuid?.() ?? -1, passwd: string = readPasswd()): RunAs {
  if (ourUid !== 0) return undefined;
  const users = passwd.split('\n').map((line) => line.split(':'));
  for (const wanted of ['postgres', '_postgres', 'nobody']) {
    const found = users.find(([name]) => name === wanted);
    const uid = Number(found?.[2]);
    const gid = Number(found?.[3]);
    // macOS writes nobody as -2: the unsigned form is what setuid takes.
    if (found !== undefined && Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0) {
      return { name: wanted, uid: uid >>> 0, gid: gid >>> 0 };
    }
  }
  throw new PrimumError('store.start-failed', 'root needs a user named postgres or nobody to run PostgreSQL as');
}

/** A data directory belongs to the user that made it, whoever would be chosen today. */
export function ownerOf(path: string): RunAs {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(path);
  return { name: `with uid ${uid}`, uid, gid };
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}

export function giveTo(runAs: RunAs, path: string): void {
  if (runAs !== undefined) chownSync(path, runAs.uid, runAs.gid);
}

/** Throws where a folder on the way to `path` is closed to the user: initdb's own message would not say which. */
export function assertReachable(runAs: RunAs, path: string): void {
  if (runAs === undefined) return;
  for (let folder = path; ; folder = dirname(folder)) {
    const { mode, uid, gid } = statSync(folder);
    const bit = uid === runAs.uid ? 0o100 : gid === runAs.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new PrimumError('store.start-failed', `the user ${runAs.name} cannot enter ${folder}; set PRIMUM_HOME to a directory that it can reach`);
    }
    if (folder === dirname(folder)) return;
  }
}
