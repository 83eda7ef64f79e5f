import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLog, type Log } from '@primum/base';
import { connectMllp, registerSource } from '@primum/ingest';
import { createTestDatabase } from '@primum/store/testing';
import { bootPrimum, type BootOptions, type Primum } from '../../apps/primum/src/boot.ts';
import { tenant } from '../../apps/primum/src/core.ts';
import { settled } from '../../apps/primum/src/settle.ts';
import { benchSource } from '../../bench/support/ward-messages.ts';

const patienceMs = 25_000;

/** A folder that a PostgreSQL under another user may pass through (its server drops root). */
export async function temporaryHome(): Promise<{ home: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'primum-system-'));
  await chmod(directory, 0o711);
  return { home: join(directory, 'home'), remove: () => rm(directory, { recursive: true, force: true }) };
}

/** A whole Primum without ward and console, on a database of its own, that knows the sender of `bench/support/ward-messages.ts`. */
export type Booted = Primum & {
  home: string;
  /** Sends over one MLLP connection, waits until all is applied and scored, gives the answers. */
  send(...messages: readonly (string | Buffer)[]): Promise<string[]>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `ownDatabase`: a PostgreSQL in the home itself, started and stopped with it. */
export async function bootForTest({ log = silentLog, ownDatabase = false, mqtt }: { log?: Log; ownDatabase?: boolean; mqtt?: BootOptions['mqtt'] } = {}): Promise<Booted> {
  await using stack = new AsyncDisposableStack();
  const { home, remove } = await temporaryHome();
  stack.defer(remove);
  const database = ownDatabase ? undefined : await createTestDatabase();
  stack.defer(async () => { await database?.drop(); });
  const primum = await bootPrimum({ home, log, ...(database === undefined ? {} : { databaseUrl: database.url }), httpPort: 0, mllpPort: 0, wardRate: null, console: false, ...(mqtt === undefined ? {} : { mqtt }) });
  stack.defer(() => primum.stop());
  // A clock that only messages move, so that nothing depends on how fast this machine is.
  await registerSource(primum.core.db, { tenant, ...benchSource, clockRate: 0, simulated: true });
  const owned = stack.move();
  return {
    ...primum, home,
    async send(...messages) {
      await using client = await connectMllp({ host: '127.0.0.1', port: primum.mllpPort });
      const answers: string[] = [];
      for (const message of messages) answers.push((await client.send(message)).toString());
      // Said before the test's own limit, which would not say what was waited for.
      const inTime = await Promise.race([primum.applied().then(() => true), sleep(patienceMs, false, { ref: false })]);
      if (!inTime) throw new Error('not applied in time');
      if (!await settled(primum.core.db, patienceMs)) throw new Error('not scored in time');
      return answers;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export type Answer = { status: number; headers: Readonly<Record<string, string | string[] | undefined>>; text: string; body: unknown };
export type Asked = { method?: string; path: string; body?: unknown; token?: string | undefined; headers?: Readonly<Record<string, string>> };

/**
 * One request on a connection of its own, with headers that `fetch` would not send (Host, Origin). A stream of events
 * is cut after its first bytes.
 */
export function ask(port: number, { method = 'GET', path, body, token, headers = {} }: Asked): Promise<Answer> {
  const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1', port, method, path, agent: false,
      headers: {
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) }),
        ...(token === undefined ? {} : { cookie: `primum_session=${token}` }),
        ...headers,
      },
    }, (response) => {
      let text = '';
      const done = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (response.headers['content-type'] !== 'text/event-stream') return;
        done();
        response.destroy();
      }).on('end', done).on('error', reject);
    });
    sent.on('error', reject).end(payload);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Signs in and gives the session's token. */
export async function signIn({ httpPort }: Primum, username: string, password: string): Promise<string> {
  const answer = await ask(httpPort, { method: 'POST', path: '/api/session', body: { username, password } });
  const [cookie] = [answer.headers['set-cookie'] ?? []].flat();
  const token = /^primum_session=([^;]+)/.exec(cookie ?? '')?.[1];
  if (answer.status !== 200 || token === undefined) throw new Error(`sign-in answered ${answer.status}`);
  return token;
}
