import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connectMllp } from '@primum/ingest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admission } from '../bench/support/ward-messages.ts';
import { ask, temporaryHome } from './support/booted.ts';

const main = join(import.meta.dirname, '..', 'apps', 'primum', 'src', 'main.ts');
const { DATABASE_URL: _url, PRIMUM_HOME: _home, ...environment } = process.env;

let home: string;
let remove: () => Promise<void>;
const children: ChildProcess[] = [];
beforeAll(async () => { ({ home, remove } = await temporaryHome()); });
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await remove();
});

type Running = { child: ChildProcess; said(): string; httpPort: number; mllpPort: number; readyMs: number };

/** `primum up` as a person runs it, on an embedded PostgreSQL of its own; resolves when it says that it is ready. */
async function up(): Promise<Running> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [main, 'up', '--home', home, '--no-ward', '--no-console', '--http-port', '0', '--mllp-port', '0'], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  let text = '';
  const ready = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes('Ctrl-C stops it')) resolve();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('exit', (code) => reject(new Error(`primum up ended with ${code}: ${text}`)));
  });
  await ready;
  return {
    child, said: () => text, readyMs: performance.now() - startedAt,
    httpPort: Number(/http:\/\/localhost:(\d+)\//.exec(text)?.[1]), mllpPort: Number(/mllp:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1]),
  };
}

async function stop({ child }: Running, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit');
  child.kill(signal);
  const [code] = await ended as [number | null]; // the exit event's first argument
  return code;
}

const source = (...args: string[]): Promise<number | null> => {
  const child = spawn(process.execPath, [main, 'source', ...args], { env: { ...environment, PRIMUM_HOME: home }, stdio: 'ignore' });
  return once(child, 'exit').then(([code]) => code as number | null);
};
const send = async ({ mllpPort }: Running, text: string): Promise<string> => {
  await using client = await connectMllp({ host: '127.0.0.1', port: mllpPort });
  return (await client.send(text)).toString();
};
const signIn = async ({ httpPort }: Running, password: string): Promise<string> => {
  const answer = await ask(httpPort, { method: 'POST', path: '/api/session', body: { username: 'clinician', password } });
  return /primum_session=([^;]+)/.exec(String(answer.headers['set-cookie']))?.[1] ?? `refused with ${answer.status}`;
};
const bedsOf = async ({ httpPort }: Running, token: string): Promise<string[]> =>
  ((await ask(httpPort, { path: '/api/worklist?site=bench', token })).body as { rows: { bed: string }[] }).rows.map(({ bed }) => bed).sort(); // the contract's shape
const isOpen = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); }).on('error', () => resolve(false));
});
async function untilBeds(running: Running, token: string, beds: readonly string[]): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    if ((await bedsOf(running, token)).join() === beds.join()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  expect(await bedsOf(running, token)).toEqual(beds);
}

describe('primum up', () => {
  const at = Date.UTC(2026, 5, 1, 8);
  let password = '';

  it('prints the sign-ins once, stops cleanly at Ctrl-C, and finds its data again, also after a kill', async () => {
    const first = await up();
    expect(first.readyMs).toBeLessThan(15_000);
    expect(first.said()).toContain('not for clinical use');
    password = /\bclinician\s+(\S+)/.exec(first.said())?.[1] ?? '';
    expect(first.said().match(/^ {2}\S.*$/gm)?.length).toBeGreaterThanOrEqual(10); // three addresses, seven users
    expect(await source('add', '--application', 'BENCH', '--facility', 'BENCH', '--site', 'bench', '--mapping', 'ward-simulator')).toBe(0);
    expect(await send(first, admission({ mrn: 'R1', visit: 'RV1', bed: 'R1', admittedAt: at }, 'R1'))).toContain('MSA|AA|R1');
    const token = await signIn(first, password);
    await untilBeds(first, token, ['R1']);
    expect(existsSync(join(home, 'primum.json'))).toBe(true);
    expect(await stop(first, 'SIGINT')).toBe(0);
    expect(first.said()).toContain('Stopped');
    expect(existsSync(join(home, 'primum.json'))).toBe(false);
    expect([await isOpen(first.httpPort), await isOpen(first.mllpPort)]).toEqual([false, false]);

    const second = await up();
    expect(second.said()).not.toContain(password);
    expect(second.said()).not.toContain('Sign-ins');
    await untilBeds(second, await signIn(second, password), ['R1']);
    // The session of before outlives the restart: it is in the database.
    expect(await bedsOf(second, token)).toEqual(['R1']);
    // Acknowledged, then killed at once, with everything that it was about to do.
    expect(await send(second, admission({ mrn: 'R2', visit: 'RV2', bed: 'R2', admittedAt: at }, 'R2'))).toContain('MSA|AA|R2');
    await stop(second, 'SIGKILL');

    const third = await up();
    expect(third.readyMs).toBeLessThan(15_000);
    await untilBeds(third, token, ['R1', 'R2']);
    expect(await stop(third, 'SIGTERM')).toBe(0);
  }, 90_000);
});
