import { connect } from 'node:net';
import { createLog } from '@primum/base';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageOfOurs } from '../../apps/primum/src/http/oidc/external-sign-in.ts';
import { passwordRefusal } from '../../packages/trust/src/identity/password-rules.ts';
import { ask, bootForTest, signIn, type Asked, type Booted } from '../support/booted.ts';

let primum: Booted;
const lines: string[] = [];
const tokenOf = (role: string): Promise<string> => {
  const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
  return signIn(primum, username, password);
};
const signingIn: Asked = { method: 'POST', path: '/api/session', body: { username: 'a', password: 'b' } };

beforeAll(async () => { primum = await bootForTest({ log: createLog((line) => { lines.push(line); }, 'debug') }); });
afterAll(() => primum[Symbol.asyncDispose]());

/** One request as raw bytes; what came back until the other side closed or fell silent. */
function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(primum.httpPort, '127.0.0.1');
    let answer = '';
    socket.setTimeout(2_000, () => socket.destroy());
    socket.on('data', (chunk) => { answer += chunk.toString('latin1'); }).on('close', () => resolve(answer)).on('error', () => undefined);
    socket.write(text, 'latin1');
  });
}

describe('every answer', () => {
  it('says how a browser is to treat it: streams, downloads, errors and the issuer\'s too', async () => {
    const [clinician, auditor] = [await tokenOf('clinician'), await tokenOf('auditor')];
    const asked: Asked[] = [
      { path: '/api/health' }, { path: '/api/worklist' }, { path: '/api/nowhere' }, { path: '/%61pi/session', token: clinician }, { path: '/api/events', token: clinician }, { ...signingIn, body: '{' },
      { path: '/api/audit/export?format=csv', token: auditor }, { path: '/oidc/.well-known/openid-configuration' }, { path: '/oidc/auth?client_id=x' }, { path: '/oidc/nowhere' }, { path: '/', headers: { host: 'evil.example' } },
    ];
    for (const one of asked) {
      const { headers } = await ask(primum.httpPort, one);
      expect({ path: one.path, ...headers }).toMatchObject({
        path: one.path, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': expect.stringMatching(/frame-ancestors 'none'.*base-uri 'none'|base-uri 'none'.*frame-ancestors 'none'/), 'cache-control': expect.stringContaining('no-store'),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    }
    expect((await ask(primum.httpPort, { path: '/api/health' })).headers['content-security-policy']).toContain("object-src 'none'");
  });

  it('of an error holds no stack, no path and no statement', async () => {
    const token = await tokenOf('clinician');
    for (const one of [{ path: '/api/stays/%00' }, { path: `/api/stays/${'9'.repeat(500)}` }, { path: '/api/fhir/Patient/%ff' }, { ...signingIn, body: '{"a":' }, { path: '/api/lineage?node=' + 'x'.repeat(300) }]) {
      const { status, text } = await ask(primum.httpPort, { ...one, token });
      expect(status).toBeLessThan(500);
      expect(text).not.toMatch(/node_modules|\.ts:|at [A-Za-z]+ \(|select |\/work\/|\/tmp\//);
    }
  });
});

describe('another site', () => {
  it.each(['cross-site', 'same-site'])('changes nothing where the browser says so without an Origin (%s)', async (site) => {
    expect((await ask(primum.httpPort, { ...signingIn, headers: { 'sec-fetch-site': site } })).body).toMatchObject({ code: 'auth.origin-refused' });
  });

  it('is never where a sign-in goes on to', () => {
    for (const next of ['//evil.example', '/\t/evil.example', '/\n/evil.example', '/\\evil.example', '\\/evil.example', '/\r\n//evil.example', 'https://evil.example', 'javascript:alert(1)', '/..//evil.example', '/.//evil.example', '', ' /x', '/%0d%0a//x'])
      expect({ next, on: new URL(pageOfOurs(next), 'https://primum.example').origin }).toEqual({ next, on: 'https://primum.example' });
    for (const next of ['/', '/stays/1?hours=24', '/audit#x']) expect(pageOfOurs(next)).toBe(next);
  });

  it('reads FHIR from no origin that no app has, and gets no cookie sent along from one that has', async () => {
    const app = { id: 'cors-app', name: 'App', kind: 'app', scopes: ['openid'], redirectUris: ['https://app.example/back'] };
    expect((await ask(primum.httpPort, { method: 'POST', path: '/api/clients', token: await tokenOf('security-officer'), body: app })).status).toBe(200);
    const path = '/api/fhir/Patient/00000000-0000-7000-8000-000000000000';
    for (const origin of ['https://app.example.evil', 'http://app.example', 'https://app.example:444', 'null', 'https://evil.example']) {
      const answer = await ask(primum.httpPort, { method: 'OPTIONS', path, headers: { origin, 'access-control-request-method': 'GET' } });
      expect({ origin, allowed: answer.headers['access-control-allow-origin'] }).toEqual({ origin, allowed: undefined });
    }
    const { headers } = await ask(primum.httpPort, { method: 'OPTIONS', path, headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' } });
    expect(headers['access-control-allow-origin']).toBe('https://app.example');
    expect(headers).not.toHaveProperty('access-control-allow-credentials');
    expect(headers['access-control-allow-methods']).toBe('GET, POST, PUT, PATCH, DELETE');
  });
});

describe('a request that is made to be misread', () => {
  it('is refused where its length is said twice, a header is broken, or its method is another\'s', async () => {
    const head = `Host: 127.0.0.1:${primum.httpPort}\r\nConnection: close\r\n`;
    for (const text of [
      `POST /api/session HTTP/1.1\r\n${head}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG`,
      `POST /api/session HTTP/1.1\r\n${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`,
      `GET /api/health HTTP/1.1\r\n${head}X-A: a\rSet-Cookie: b\r\n\r\n`,
      `GET /api/health HTTP/1.1\r\n${head}${`X-Long: ${'x'.repeat(20_000)}\r\n`}\r\n`,
      `TRACE /api/health HTTP/1.1\r\n${head}\r\n`, `CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example\r\n\r\n`,
      `GET http://evil.example/api/health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
      `GET /api/health HTTP/1.1\r\n${head}Host: evil.example\r\n\r\n`,
    ]) {
      const answer = await raw(text);
      expect({ text: text.slice(0, 40), ok: answer.startsWith('HTTP/1.1 2') }).toEqual({ text: text.slice(0, 40), ok: false });
      expect(answer).not.toContain('"status":"ok"');
    }
  });

  it('is not believed about its way: forwarded addresses, hosts, protocols and methods', async () => {
    const token = await tokenOf('auditor');
    const headers = { 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '203.0.113.9', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', 'x-http-method-override': 'DELETE', forwarded: 'for=203.0.113.9' };
    const answer = await ask(primum.httpPort, { path: '/api/session', token, headers });
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('strict-transport-security');
    const { username, password } = primum.seeded.find((user) => user.role === 'auditor')!; // every role is seeded
    await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: { username, password }, headers });
    const account = await ask(primum.httpPort, { path: '/api/account', token });
    expect(account.text).toContain('127.0.0.1');
    expect(account.text).not.toContain('203.0.113.9');
  });

  it('is bounded: nested without end, with keys that reach prototypes, or twice the same', async () => {
    const token = await tokenOf('security-officer');
    const client = { id: 'deep', name: 'Deep', kind: 'service', scopes: ['system/Observation.rs'] };
    const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const bodies: [string, string, string][] = [
      ['POST', '/api/session', '['.repeat(200_000)], ['POST', '/api/session', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
      ['POST', '/api/session', '{"__proto__":{"username":"a"},"username":"a","password":"b"}'], ['POST', '/api/session', '{"constructor":{"prototype":{"x":1}},"username":"a","password":"b"}'],
      ['POST', '/api/clients', JSON.stringify({ ...client, jwks: { keys: ['@'] } }).replace('"@"', deep(50_000))],
      ['POST', '/api/session/passkey', `{"passkey":{"id":"a","rawId":"a","type":"public-key","clientExtensionResults":{},"response":${deep(50_000)}}}`],
    ];
    for (const [method, path, body] of bodies) {
      const started = performance.now();
      const { status } = await ask(primum.httpPort, { method, path, token, body });
      expect({ path, body: body.slice(0, 30), status: status >= 400 && status < 500 }).toEqual({ path, body: body.slice(0, 30), status: true });
      expect(performance.now() - started).toBeLessThan(2_000);
    }
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('x');
    expect((await ask(primum.httpPort, { path: '/api/health' })).status).toBe(200);
  });

  it('costs no expression more than a moment', async () => {
    for (const text of ['a'.repeat(200), 'ab'.repeat(100), `${'abcabc'.repeat(33)}!`, '\ue000'.repeat(200), 'password'.repeat(25), '0'.repeat(199) + 'x']) {
      const started = performance.now();
      passwordRefusal(text, ['a'.repeat(100), 'b'.repeat(100)]);
      expect(performance.now() - started).toBeLessThan(200);
    }
    for (const query of [`scope=${'patient/'.repeat(500)}`, `scope=${'%20'.repeat(2_000)}`, `client_id=${'a.'.repeat(2_000)}`]) {
      const started = performance.now();
      expect((await ask(primum.httpPort, { path: `/oidc/auth?response_type=code&${query}` })).status).toBe(400);
      expect(performance.now() - started).toBeLessThan(1_000);
    }
  });

  it('is answered no more where a session asks without end, and others are all the same', async () => {
    const token = await tokenOf('data-scientist');
    const one = `GET /api/session HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: primum_session=${token}\r\n`;
    const answers = await raw(`${`${one}\r\n`.repeat(3_500)}${one}Connection: close\r\n\r\n`);
    const count = (status: number): number => answers.split(`HTTP/1.1 ${status} `).length - 1;
    expect(count(200)).toBeGreaterThanOrEqual(2_000);
    expect(count(429)).toBeGreaterThan(0);
    expect(count(200) + count(429)).toBe(3_501);
    expect(answers).toContain('retry-after: 1');
    expect((await ask(primum.httpPort, { path: '/api/session', token: await tokenOf('auditor') })).status).toBe(200);
  });

  it('takes no more windows of one session than it may', async () => {
    const token = await tokenOf('ml-engineer');
    const cut = new AbortController();
    const open = await Promise.all(Array.from({ length: 14 }, () => fetch(`${primum.url}api/events`, { headers: { cookie: `primum_session=${token}` }, signal: cut.signal })));
    expect(open.filter(({ status }) => status === 200)).toHaveLength(10);
    expect((await ask(primum.httpPort, { path: '/api/events', token: await tokenOf('auditor') })).status).toBe(200);
    cut.abort();
  });
});

describe('the log', () => {
  it('holds neither what was typed, nor a line that somebody made up, nor a token', async () => {
    const token = await tokenOf('clinician');
    const forged = 'x\r\n{"level":"error","event":"forged"}';
    await ask(primum.httpPort, { ...signingIn, body: { username: forged, password: 'Pasted-Password' }, headers: { 'user-agent': 'forged {"event":"forged"}' } });
    await ask(primum.httpPort, { path: `/api/session?access_token=${token}` });
    await ask(primum.httpPort, { path: '/oidc/token', method: 'POST', body: 'client_assertion=Pasted-Password', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    for (const line of lines) expect(() => { JSON.parse(line); }).not.toThrow();
    expect(lines.join('')).not.toMatch(/forged|Pasted-Password/);
    expect(lines.join('')).not.toContain(token);
    const [row] = await primum.core.db.query<{ n: number }>(`select count(*) as n from audit_event where audit_event::text like '%forged%'`, []);
    expect(row!.n).toBe(0);
  });

  it('is what a token in an address is worth: nothing', async () => {
    const token = await tokenOf('clinician');
    for (const path of [`/api/session?access_token=${token}`, `/api/session?primum_session=${token}`, `/api/fhir/Patient/00000000-0000-7000-8000-000000000000?access_token=${token}`]) {
      expect((await ask(primum.httpPort, { path })).status).toBe(401);
    }
  });
});
