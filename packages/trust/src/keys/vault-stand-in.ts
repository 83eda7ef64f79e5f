/**
 * A stand-in for OpenBao/Vault, on a real socket, for machines that have no such server: KV version 2, transit and
 * AppRole as their documentation describes what is used here, nothing more. `PRIMUM_TEST_VAULT_ADDR` (with
 * `PRIMUM_TEST_VAULT_TOKEN`) runs the same tests against a real one.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

type Secret = { versions: ({ data: unknown; destroyed: boolean })[] };
export type StandIn = { address: string; expireTokens(): void; seal(sealed: boolean): void; logins: () => number; close(): Promise<void> };

export async function startVaultStandIn(options: { token: string; tls?: { cert: string; key: string } }): Promise<StandIn> {
  const secrets = new Map<string, Secret>();
  const transitKey = randomBytes(32);
  const tokens = new Set([options.token]);
  let sealed = false;
  let logins = 0;

  const kv = (method: string, path: string, body: Record<string, unknown>): [number, object?] => {
    const [kind = '', ...rest] = path.split('/');
    const name = rest.join('/');
    const secret = secrets.get(name);
    const newest = secret?.versions.at(-1);
    if (kind === 'data' && method === 'GET') {
      if (secret === undefined || newest === undefined) return [404, { errors: [] }];
      const answer = { data: { data: newest.destroyed ? null : newest.data, metadata: { version: secret.versions.length, destroyed: newest.destroyed } } };
      return [newest.destroyed ? 404 : 200, answer];
    }
    if (kind === 'data' && method === 'POST') {
      const cas = Object(body['options'])['cas'];
      if (cas !== undefined && cas !== (secret?.versions.length ?? 0)) return [400, { errors: ['check-and-set parameter did not match the current version'] }];
      secrets.set(name, { versions: [...(secret?.versions ?? []), { data: body['data'], destroyed: false }] });
      return [200, { data: { version: (secret?.versions.length ?? 0) + 1 } }];
    }
    if (kind === 'destroy' && method === 'PUT') {
      for (const version of Object(body['versions'])) {
        const found = secret?.versions[version - 1];
        if (found !== undefined) Object.assign(found, { destroyed: true, data: null });
      }
      return [204];
    }
    if (kind === 'metadata' && method === 'DELETE') return secrets.delete(name) ? [204] : [204];
    if (kind === 'metadata' && method === 'GET') {
      if (secret === undefined) return [404, { errors: [] }];
      return [200, { data: { versions: Object.fromEntries(secret.versions.map(({ destroyed }, index) => [index + 1, { destroyed }])) } }];
    }
    if (kind === 'metadata' && method === 'LIST') {
      const folder = name.replace(/\/?$/, '/');
      const keys = new Set([...secrets.keys()].filter((one) => one.startsWith(folder)).map((one) => one.slice(folder.length).replace(/\/.*/, '/')));
      return keys.size === 0 ? [404, { errors: [] }] : [200, { data: { keys: [...keys].sort() } }];
    }
    return [405];
  };
  const transit = (verb: string, body: Record<string, unknown>): [number, object?] => {
    if (verb === 'encrypt') {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', transitKey, nonce);
      const text = Buffer.concat([nonce, cipher.update(Buffer.from(String(body['plaintext']), 'base64')), cipher.final(), cipher.getAuthTag()]);
      return [200, { data: { ciphertext: `vault:v1:${text.toString('base64')}` } }];
    }
    const text = Buffer.from(String(body['ciphertext']).slice('vault:v1:'.length), 'base64');
    const decipher = createDecipheriv('aes-256-gcm', transitKey, text.subarray(0, 12));
    decipher.setAuthTag(text.subarray(-16));
    return [200, { data: { plaintext: Buffer.concat([decipher.update(text.subarray(12, -16)), decipher.final()]).toString('base64') } }];
  };

  const answer: RequestListener = (request, response) => {
    let text = '';
    request.on('data', (chunk) => { text += String(chunk); });
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'http://stand-in');
      const path = url.pathname.replace(/^\/v1\//, '');
      const method = url.searchParams.get('list') === 'true' ? 'LIST' : request.method ?? '';
      const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text);
      const [status, said] = ((): [number, object?] => {
        if (sealed) return [503, { errors: ['Vault is sealed'] }];
        if (path === 'auth/approle/login' || path === 'auth/kubernetes/login') {
          const known = path === 'auth/approle/login' ? body['role_id'] === 'role' && body['secret_id'] === 'secret' : body['role'] === 'primum' && body['jwt'] === 'pod';
          if (!known) return [400, { errors: ['invalid role or secret ID'] }];
          const token = randomBytes(12).toString('hex');
          tokens.add(token);
          logins += 1;
          return [200, { auth: { client_token: token, lease_duration: 3_600, renewable: true } }];
        }
        if (!tokens.has(String(request.headers['x-vault-token']))) return [403, { errors: ['permission denied'] }];
        if (path.startsWith('secret/')) return kv(method, path.slice('secret/'.length), body);
        return transit(path.split('/')[1] ?? '', body);
      })();
      response.writeHead(status, { 'content-type': 'application/json' }).end(said === undefined ? undefined : JSON.stringify(said));
    });
  };
  const server = options.tls === undefined ? createServer(answer) : createTlsServer(options.tls, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  return {
    address: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    expireTokens: () => tokens.clear(),
    seal: (value) => { sealed = value; },
    logins: () => logins,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
