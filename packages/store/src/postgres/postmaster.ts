import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that has ended but was not yet collected by its parent (a zombie) is not alive. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    // proc(5): "pid (comm) state …"; comm may hold spaces and brackets.
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * The process id of the server that runs on a data directory, from the first line of postmaster.pid; undefined where
 * none does. A pid file outlives a crash, and after a reboot or in a container its number soon belongs to another
 * process: on Linux the process must stand in the data directory (where a postmaster changes to), else the file is
 * stale and removed, because PostgreSQL itself would refuse to start on it.
 */
export function runningPostmaster(data: string): number | undefined {
  const path = join(data, 'postmaster.pid');
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
  } catch {
    return undefined;
  }
  if (!Number.isInteger(pid) || pid <= 0 || !processIsAlive(pid)) return undefined;
  if (process.platform !== 'linux') return pid;
  try {
    if (realpathSync(data) === readlinkSync(`/proc/${pid}/cwd`)) return pid;
  } catch {
    if (processIsAlive(pid)) return pid; // not ours to look at: let PostgreSQL decide
    return undefined;
  }
  rmSync(path, { force: true });
  return undefined;
}

/**
 * Stops a server: fast (sessions are ended, a checkpoint written), then immediate, then by force. Each is safe for
 * committed data; the later ones only make the next start replay its log.
 */
export async function stopPostmaster(pid: number, fastMs = 30_000): Promise<void> {
  const steps: [NodeJS.Signals, number][] = [['SIGINT', fastMs], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]];
  for (const [signal, patienceMs] of steps) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = performance.now() + patienceMs;
    while (performance.now() < deadline) {
      if (!processIsAlive(pid)) return;
      await sleep(10);
    }
  }
}
