/**
 * A small client of the HTTP API of OpenBao and HashiCorp Vault (the same for what is used here: KV version 2, transit,
 * token, AppRole and Kubernetes authentication). Over `node:https` and not `fetch`, which takes no CA of one's own.
 * Credentials are read from files at each login, so that what an agent renews there is taken up.
 */
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { assert, isLoopbackHost, PrimumError } from '@primum/base';

export type VaultAuth =
  | { method: 'token'; tokenFile: string }
  /** The file is JSON: `role_id`, `secret_id`. */
  | { method: 'approle'; credentialsFile: string; mount?: string }
  | { method: 'kubernetes'; role: string; tokenFile?: string; mount?: string };

export type VaultOptions = {
  /** https://host:port; http only on this machine. */
  address: string;
  auth: VaultAuth;
  namespace?: string;
  /** PEM of the authority that the server's certificate is checked against; Node's own list where absent. */
  caFile?: string;
  timeoutMs?: number;
  maxConnections?: number;
};

export type VaultAnswer = { status: number; body: Record<string, unknown> };

/** Answers that mean something to the caller come back (200, 204, 400, 404); everything else throws. */
export type VaultClient = { request(method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'LIST', path: string, body?: object): Promise<VaultAnswer>; close(): void };

const maxAnswerBytes = 4 * 1024 * 1024;
const kubernetesToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export function createVaultClient(options: VaultOptions): VaultClient {
  const address = new URL(options.address);
  const secure = address.protocol === 'https:';
  if (!secure && !isLoopbackHost(address.hostname)) throw new PrimumError('net.plaintext-refused', `OpenBao/Vault at ${address.host}`);
  const { timeoutMs = 10_000, maxConnections = 16 } = options;
  const agentOptions = { keepAlive: true, maxSockets: maxConnections };
  const agent = secure
    ? new https.Agent({ ...agentOptions, minVersion: 'TLSv1.2', ...(options.caFile === undefined ? {} : { ca: readText(options.caFile) }) })
    : new http.Agent(agentOptions);
  let login: { token: string; renewAtMs: number } | undefined;
  let loggingIn: Promise<string> | undefined;

  const send = (method: string, path: string, token: string | undefined, body?: object): Promise<VaultAnswer> => new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    // LIST is a method of theirs that not every proxy lets pass; `?list=true` is the same.
    const request = (secure ? https : http).request(new URL(`/v1/${path}${method === 'LIST' ? '?list=true' : ''}`, address), {
      method: method === 'LIST' ? 'GET' : method, agent, timeout: timeoutMs,
      headers: {
        'x-vault-request': 'true', ...(token === undefined ? {} : { 'x-vault-token': token }), ...(options.namespace === undefined ? {} : { 'x-vault-namespace': options.namespace }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      },
    }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) request.destroy(new Error('the answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: objectOf(Buffer.concat(chunks).toString()) }));
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.end(payload);
  });
  const ask: typeof send = async (method, path, token, body) => {
    try {
      return await send(method, path, token, body);
    } catch (cause) {
      throw new PrimumError('trust.key-store-unreachable', `${address.host}: ${cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer'}`, { cause });
    }
  };

  const logIn = async (): Promise<string> => {
    const { auth } = options;
    if (auth.method === 'token') {
      // Its holder renews it; what the file says is looked at again every minute and after a refusal.
      login = { token: readText(auth.tokenFile).trim(), renewAtMs: performance.now() + 60_000 };
      return login.token;
    }
    const answer = auth.method === 'approle'
      ? await ask('POST', `auth/${auth.mount ?? 'approle'}/login`, undefined, objectOf(readText(auth.credentialsFile)))
      : await ask('POST', `auth/${auth.mount ?? 'kubernetes'}/login`, undefined, { role: auth.role, jwt: readText(auth.tokenFile ?? kubernetesToken).trim() });
    const granted = partOf(answer.body, 'auth');
    if (answer.status !== 200 || typeof granted['client_token'] !== 'string') throw new PrimumError('trust.key-store-denied', `login by ${auth.method}: ${answer.status}`);
    const leaseMs = Number(granted['lease_duration'] ?? 0) * 1_000;
    // A new login instead of a renewal: one path, and it outlives the longest that a token may be renewed.
    login = { token: granted['client_token'], renewAtMs: leaseMs === 0 ? Infinity : performance.now() + leaseMs * (2 / 3) };
    return login.token;
  };
  const tokenNow = async (): Promise<string> => {
    if (login !== undefined && performance.now() < login.renewAtMs) return login.token;
    loggingIn ??= logIn().finally(() => { loggingIn = undefined; });
    return loggingIn;
  };

  return {
    request: async (method, path, body) => {
      let answer = await ask(method, path, await tokenNow(), body);
      if (answer.status === 403) {
        login = undefined;
        answer = await ask(method, path, await tokenNow(), body);
      }
      if (answer.status === 403) throw new PrimumError('trust.key-store-denied', `${method} ${path.split('/').slice(0, 2).join('/')}`);
      // 503: sealed, or standing by without a leader; 429 and 5xx: not now.
      if (answer.status === 429 || answer.status >= 472) throw new PrimumError('trust.key-store-unreachable', `${address.host} answered ${answer.status}`);
      assert([200, 204, 400, 404].includes(answer.status), `OpenBao/Vault answered ${answer.status}`);
      return answer;
    },
    close: () => agent.destroy(),
  };
}

export function partOf(value: Record<string, unknown>, name: string): Record<string, unknown> {
  const part = value[name];
  // An object that is not an array has string keys.
  return typeof part === 'object' && part !== null ? part as Record<string, unknown> : {};
}

function objectOf(text: string): Record<string, unknown> {
  try {
    return partOf({ parsed: JSON.parse(text) }, 'parsed');
  } catch {
    return {};
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PrimumError('trust.key-store-denied', `${path} cannot be read`, { cause });
  }
}
