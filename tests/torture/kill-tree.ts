import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Every process below `pid`, and the servers that it started in sessions of their own (their folder names them). */
function processTree(pid: number, home: string): number[] {
  const parents = new Map<number, number>();
  const ours = new Set<number>([pid]);
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(home)) ours.add(Number(name));
    } catch { /* it ended meanwhile */ }
  }
  for (let grew = true; grew;) {
    grew = false;
    for (const [child, parent] of parents) if (ours.has(parent) && !ours.has(child)) { ours.add(child); grew = true; }
  }
  ours.delete(process.pid);
  return [...ours];
}

/** `kill -9` of a Primum and everything that it started, PostgreSQL too. */
export function killTree(child: ChildProcess, home: string): void {
  for (const pid of processTree(child.pid ?? -1, home)) try { process.kill(pid, 'SIGKILL'); } catch { /* gone */ }
}
