import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { silentLog } from '@primum/base';
import { createTestDatabase } from '@primum/store/testing';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootPrimum, type Primum } from '../apps/primum/src/boot.ts';
import { ask, temporaryHome } from './support/booted.ts';

/** Another issuer, on a port of its own: oidc-provider as it comes, that signs in whom `next` names. */
type Person = { sub: string; name: string; preferred_username: string; groups: string[]; amr: string[] };
let person: Person = { sub: 'ext-1', name: 'Erika External', preferred_username: 'erika', groups: ['icu-doctors', 'night-team'], amr: ['mfa'] };

let stack: AsyncDisposableStack;
let primum: Primum;
let theirs: Server;
let issuer: string;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  theirs = createServer();
  await new Promise<void>((resolve) => { theirs.listen(0, '127.0.0.1', resolve); });
  stack.defer(() => { theirs.close(); });
  issuer = `http://127.0.0.1:${(theirs.address() as AddressInfo).port}`; // it listens on a port
  const { home, remove } = await temporaryHome();
  stack.defer(remove);
  const database = await createTestDatabase();
  stack.defer(() => database.drop());
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'issuer-secret'), 'a-secret-of-the-hospital\n', { mode: 0o600 });
  writeFileSync(join(home, 'issuer.json'), JSON.stringify({
    name: 'Example Hospital', issuer, clientId: 'primum', secretFile: 'issuer-secret', scope: 'openid profile', roles: { 'privacy-office': 'privacy-officer', 'icu-doctors': 'clinician' }, mfa: { amr: ['mfa'] },
  }));
  primum = await bootPrimum({ home, log: silentLog, databaseUrl: database.url, httpPort: 0, mllpPort: 0, wardRate: null, console: false });
  stack.defer(() => primum.stop());
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'primum', client_secret: 'a-secret-of-the-hospital', redirect_uris: [`${primum.url}api/session/external/callback`] }],
    claims: { openid: ['sub', 'amr'], profile: ['name', 'preferred_username', 'groups'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    cookies: { keys: ['test'] },
    interactions: { url: (_ctx, { uid }) => `/decide/${uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: async () => ({ ...person, sub: id }) }),
  });
  const callback = provider.callback();
  theirs.on('request', (request, response) => {
    if (request.url?.startsWith('/decide/') !== true) {
      void callback(request, response);
      return;
    }
    void (async () => {
      const { params } = await provider.interactionDetails(request, response);
      const grant = new provider.Grant({ accountId: person.sub, clientId: String(params['client_id']) });
      grant.addOIDCScope('openid profile');
      await provider.interactionFinished(request, response, { login: { accountId: person.sub, amr: person.amr }, consent: { grantId: await grant.save() } });
    })();
  });
});
afterAll(() => stack.disposeAsync());

/** One browser from the sign-in button to the end: follows redirects over both origins, cookies by origin. */
async function signIn(next?: string): Promise<{ status: number; text: string; session: string | null; jar: Map<string, string> }> {
  const jar = new Map<string, string>();
  let url = new URL(`${primum.url}api/session/external/start${next === undefined ? '' : `?next=${encodeURIComponent(next)}`}`);
  for (let hop = 0; hop < 12; hop += 1) {
    const mine = [...jar].filter(([key]) => key.startsWith(`${url.origin} `)).map(([key, value]) => `${key.split(' ')[1]}=${value}`);
    const response = await fetch(url, { redirect: 'manual', headers: { cookie: mine.join('; ') } });
    for (const line of response.headers.getSetCookie()) {
      const pair = line.split(';')[0]!;
      jar.set(`${url.origin} ${pair.slice(0, pair.indexOf('='))}`, pair.slice(pair.indexOf('=') + 1));
    }
    const location = response.headers.get('location');
    if (location === null) return { status: response.status, text: await response.text(), session: jar.get(`${new URL(primum.url).origin} primum_session`) ?? null, jar };
    await response.body?.cancel();
    url = new URL(location, url);
  }
  throw new Error('too many redirects');
}

describe('signing in at another issuer', () => {
  it('gives a session with the role, groups and second factor that its claims mean here', async () => {
    expect((await ask(primum.httpPort, { path: '/api/session/external' })).body).toEqual({ name: 'Example Hospital' });
    const { status, text, session } = await signIn('/stays/x"onload=1');
    expect(status).toBe(200);
    expect(text).toContain('http-equiv="refresh"');
    expect(text).not.toContain('x"onload');
    const view = await ask(primum.httpPort, { path: '/api/session', token: session! });
    expect(view.body).toMatchObject({ username: 'erika', displayName: 'Erika External', role: 'clinician', mfa: true, state: 'full' });
    const groups = await primum.core.db.query<{ group_name: string }>('select group_name from user_group order by 1', []);
    expect(groups.map(({ group_name }) => group_name)).toEqual(['icu-doctors', 'night-team']);
  });

  it('follows the issuer: another role at the next sign-in, no second factor where none is claimed', async () => {
    person = { ...person, groups: ['privacy-office'], amr: ['pwd'] };
    const { session } = await signIn();
    expect((await ask(primum.httpPort, { path: '/api/session', token: session! })).body).toMatchObject({ username: 'erika', role: 'privacy-officer', mfa: false });
    expect(await primum.core.db.query(`select 1 from app_user where username = 'erika'`, [])).toHaveLength(1);
  });

  it('takes nobody without a role here, and nobody who has another\'s name', async () => {
    person = { ...person, sub: 'ext-2', preferred_username: 'otto', groups: ['visitors'] };
    const { status, session, text } = await signIn();
    expect({ status, session, text }).toMatchObject({ status: 401, session: null, text: expect.stringContaining('auth.external-failed') });
    person = { ...person, sub: 'ext-3', preferred_username: 'clinician', groups: ['icu-doctors'] };
    expect((await signIn()).session).toBeNull();
  });

  it('goes to no other site afterwards', async () => {
    person = { ...person, sub: 'ext-1', preferred_username: 'erika', groups: ['icu-doctors'] };
    for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/']) expect((await signIn(next)).text).toContain('content="0;url=/"');
  });

  it('takes no callback that this browser did not begin, and none twice', async () => {
    const path = `/api/session/external/callback?code=${randomUUID()}&state=${randomUUID()}`;
    for (const cookie of [undefined, 'primum_external=AAAA', `primum_external=${Buffer.alloc(80, 1).toString('base64url')}`]) {
      const answer = await ask(primum.httpPort, { path, headers: cookie === undefined ? {} : { cookie } });
      expect(answer.status).toBe(401);
      expect(answer.body).toMatchObject({ code: 'auth.external-failed' });
      expect(String(answer.headers['set-cookie'] ?? '')).not.toContain('primum_session');
    }
    // A code and a state of somebody else's sign-in, in this browser, which began one of its own.
    const start = await fetch(`${primum.url}api/session/external/start`, { redirect: 'manual' });
    const cookie = start.headers.getSetCookie()[0]!.split(';')[0]!;
    expect((await ask(primum.httpPort, { path, headers: { cookie } })).status).toBe(401);
  });
});
