import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..', '..');

/** A working folder whose every file is scanned: home, output of all processes, their temporary files, backups. */
export type Bench = { work: string; home: string; output: string; temporary: string };
export type Server = { child: ChildProcess; httpPort: number; mllpPort: number; databaseUrl: string };

function environment({ home, temporary }: Bench): NodeJS.ProcessEnv {
  const { DATABASE_URL: _none, ...env } = process.env;
  return { ...env, TMPDIR: temporary, PRIMUM_HOME: home };
}

let outputs = 0;
function outputFiles({ output }: Bench, name: string): [number, number] {
  outputs += 1;
  const plain = /^[a-z]+$/.test(name) ? name : 'other'; // what was planted in the name of a file of ours would be found there
  return ['out', 'err'].map((stream) => openSync(join(output, `${outputs}-${plain}.${stream}`), 'a', 0o600)) as [number, number]; // two names give two
}

/** A command beside the server; its output is kept. Gives the exit status. */
export function command(bench: Bench, ...args: string[]): Promise<number | null> {
  const child = spawn(process.execPath, [join(root, 'bin/primum.js'), ...args], { cwd: bench.temporary, env: environment(bench), stdio: ['ignore', ...outputFiles(bench, args[0] ?? 'none')], timeout: 120_000 });
  return new Promise((resolve) => child.once('exit', resolve));
}

export async function startServer(bench: Bench): Promise<Server> {
  rmSync(join(bench.home, 'primum.json'), { force: true });
  const child = spawn(process.execPath, [join(root, 'bin/primum.js'), 'up', '--no-ward', '--no-console', '--http-port', '0', '--mllp-port', '0'], { cwd: bench.temporary, env: environment(bench), stdio: ['ignore', ...outputFiles(bench, 'up')] });
  for (const until = Date.now() + 60_000; Date.now() < until; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`primum up ended with ${child.exitCode}; see ${bench.output}`);
    if (!existsSync(join(bench.home, 'primum.json'))) continue;
    const { httpPort, mllpPort, databaseUrl } = JSON.parse(readFileSync(join(bench.home, 'primum.json'), 'utf8')) as Omit<Server, 'child'>; // written by primum up
    return { child, httpPort, mllpPort, databaseUrl };
  }
  throw new Error('primum up did not come up');
}

/** User names and passwords that the first start printed. */
export function printedSignIns({ output }: Bench): { username: string; password: string }[] {
  const text = readdirSync(output).filter((name) => name.endsWith('-up.out')).map((name) => readFileSync(join(output, name), 'utf8')).join('');
  return [...text.matchAll(/^ {2}\S.*\s+([a-z][a-z.-]+)\s+(\S{8,})\s*$/gm)].map(([, username, password]) => ({ username: username!, password: password! }));
}

/** kill -9 of the server and of the PostgreSQL that it started. */
export async function killServer({ child }: Server, { home }: Bench): Promise<void> {
  const pids = [child.pid!, ...readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(home, 'data'));
    } catch {
      return false; // it ended meanwhile
    }
  })];
  for (const pid of pids) try { process.kill(pid, 'SIGKILL'); } catch { /* gone */ }
  for (const until = Date.now() + 10_000; Date.now() < until && pids.some((pid) => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '');) await sleep(50);
}

export async function stopServer({ child }: Server): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}
