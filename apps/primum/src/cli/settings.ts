import { openSync, writeSync, mkdirSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createLog, PrimumError, type Log } from '@primum/base';
import { primumHome } from '@primum/store';
import { openCore, type Core } from '../core.ts';
import { readRunFile, type RunFile } from '../run-file.ts';

export function homeOf(given: string | undefined): string {
  return primumHome(given === undefined ? process.env : { ...process.env, PRIMUM_HOME: given });
}

/** The log of this home: NDJSON, appended, for the owner only. */
export function openLog(home: string): Log {
  mkdirSync(home, { recursive: true });
  const descriptor = openSync(join(home, 'primum.log'), 'a', 0o600);
  return createLog((line) => { writeSync(descriptor, line); });
}

export function wholeNumber(name: string, text: string | undefined, low: number, high: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high) throw new PrimumError('config.usage', `--${name} takes a whole number from ${low} to ${high}`);
  return value;
}

export function runningAt(home: string): RunFile {
  const running = readRunFile(home);
  if (running === undefined) throw new PrimumError('config.not-running', home);
  return running;
}

/** The core of this home, beside a Primum that runs on it or on a database started for this command. */
export async function withCore<T>(home: string, work: (core: Core) => Promise<T>): Promise<T> {
  const core = await openCore({ home, log: openLog(home), databaseUrl: process.env['DATABASE_URL'], maxConnections: 4, beside: true });
  try {
    return await work(core);
  } finally {
    await core.close();
  }
}

/** Who runs a command on this machine, for the audit log: as the system knows them. What `USER` says is whoever sets it. */
export function osUser(environment: NodeJS.ProcessEnv = process.env): string {
  const uid = process.getuid?.() ?? -1;
  const sudoer = environment['SUDO_USER'];
  if (uid === 0 && sudoer !== undefined && /^[a-z_][a-z0-9_.-]{0,31}$/i.test(sudoer)) return sudoer;
  try {
    return userInfo().username;
  } catch {
    return String(uid); // a user without an entry, in a container
  }
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
