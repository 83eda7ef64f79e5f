import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScannedListener } from '@primum/trust';

/** Where a running Primum can be reached, for the commands that speak to it. */
export type RunFile = {
  pid: number; httpPort: number;
  /** On loopback, in plain text, for senders on this machine. */
  mllpPort: number;
  databaseUrl: string; startedAt: string;
  /** All that listens, for `scanTransport`. */
  listeners: readonly ScannedListener[];
  /** Where else something of this home goes, as the command line says it. */
  places: { backups?: string | undefined; keyBackups?: string | undefined; witnesses: readonly { name: string; url: string }[] };
};

const pathOf = (home: string): string => join(home, 'primum.json');

export function writeRunFile(home: string, content: RunFile): void {
  const temporary = `${pathOf(home)}.new`;
  writeFileSync(temporary, JSON.stringify(content), { mode: 0o600 });
  renameSync(temporary, pathOf(home));
}

/** Undefined where none runs: the file of a Primum that was killed names a process that is gone. */
export function readRunFile(home: string): RunFile | undefined {
  try {
    const content: RunFile = JSON.parse(readFileSync(pathOf(home), 'utf8'));
    process.kill(content.pid, 0);
    return content;
  } catch {
    return undefined;
  }
}

export function removeRunFile(home: string): void {
  rmSync(pathOf(home), { force: true });
}
