// Runs a TypeScript entry point under a Node that is new enough, in this process where that one is,
// else in a child that gets our terminal and our signals.
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { findNode } from './node-version.js';

// Room for what a burst of messages leaves behind: fewer, cheaper collections of the young generation.
const heapFlag = '--max-semi-space-size=64';

export async function launch(entry, args) {
  const node = findNode();
  if (node === undefined) {
    console.error(`primum: [config.node-too-old] Node ${process.versions.node} is too old and no pinned Node is installed for ${process.platform}-${process.arch}.`);
    console.error('Run `npm ci` without --omit=optional, or install Node 24.7 or newer.');
    process.exit(78);
  }
  if (node === process.execPath) {
    setFlagsFromString(heapFlag);
    process.argv = [process.argv[0], entry, ...args];
    await import(pathToFileURL(entry).href);
    return;
  }
  // The pinned Node stands first on PATH, so that what we start in turn (Vitest, tsc) runs on it too.
  const env = { ...process.env, PATH: `${dirname(node)}:${process.env.PATH ?? ''}` };
  const child = spawn(node, [heapFlag, entry, ...args], { stdio: 'inherit', env });
  // Ctrl-C reaches the whole group by itself; a signal sent to us alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => undefined);
  child.on('exit', (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
