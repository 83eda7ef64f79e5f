import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { routes, type Route } from '@primum/contract';
import type { Bundle, Group, Organization } from '@medplum/fhirtypes';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchPatient } from '../bench/support/ward-messages.ts';
import { openBrowser, type AppBrowser } from './support/app-browser.ts';
import { admittedAt, illPatient } from './support/ill-patient.ts';
import { ask, bootForTest, type Booted } from './support/booted.ts';
import { serviceClient } from './support/service-client.ts';

const one: BenchPatient = { mrn: 'SM1', visit: 'SMV1', bed: 'A1', admittedAt };
const other: BenchPatient = { mrn: 'SM2', visit: 'SMV2', bed: 'A2', admittedAt };
const back = 'http://127.0.0.1:9/back';

type Stay = { stay: string; patient: string; observation: string };
let primum: Booted;
let origin: string;
let mine: Stay;
let theirs: Stay;
let security: AppBrowser;

function passwordOf(role: string): { username: string; password: string } {
  const { username, password } = primum.seeded.find((user) => user.role === role)!; // every role is seeded
  return { username, password };
}

async function signedIn(role: string): Promise<AppBrowser> {
  const browser = openBrowser(origin);
  expect((await browser.call('POST', '/api/session', passwordOf(role))).status).toBe(200);
  return browser;
}

async function register(body: object): Promise<void> {
  expect(await security.call('POST', '/api/clients', body)).toMatchObject({ status: 200 });
}

beforeAll(async () => {
  primum = await bootForTest();
  origin = `http://127.0.0.1:${primum.httpPort}`;
  await primum.send(...illPatient(one), ...illPatient(other));
  const rows = await primum.core.db.query<Stay & { bed: string }>(`
    select s.bed, s.id as stay, s.patient_id as patient, (select r.id from resource r where r.tenant = s.tenant and r.patient_id = s.patient_id and r.type = 'Observation' limit 1) as observation
    from stay s order by s.bed`, []);
  [mine, theirs] = [rows[0]!, rows[1]!]; // the two that were sent
  security = await signedIn('security-officer');
  await register({ id: 'growth-chart', name: 'Growth chart', kind: 'app', redirectUris: [back], launchUrl: 'http://127.0.0.1:9/launch', scopes: ['openid', 'fhirUser', 'launch', 'launch/patient', 'offline_access', 'patient/*.rs', 'user/Observation.rs'] });
});
afterAll(async () => { await primum[Symbol.asyncDispose](); });

async function config(): Promise<client.Configuration> {
  return client.discovery(new URL(`${origin}/oidc`), 'growth-chart', undefined, client.None(), { execute: [client.allowInsecureRequests] });
}

type Begun = { config: client.Configuration; url: URL; checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string } };
async function begin(scope: string, more: Record<string, string> = {}): Promise<Begun> {
  const cfg = await config();
  const checks = { pkceCodeVerifier: client.randomPKCECodeVerifier(), expectedState: client.randomState(), expectedNonce: client.randomNonce() };
  const url = client.buildAuthorizationUrl(cfg, {
    redirect_uri: back, scope, aud: `${origin}/api/fhir`, state: checks.expectedState, ...(scope.includes('openid') ? { nonce: checks.expectedNonce } : {}),
    code_challenge: await client.calculatePKCECodeChallenge(checks.pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  });
  return { config: cfg, url, checks };
}

/** A clinician's browser from the app's request to the app's redirect; allows what `decide` says. */
async function allow(browser: AppBrowser, url: URL, decide: (asked: string[]) => { scopes: string[]; stayId?: string }): Promise<URL> {
  const page = await browser.go(url.href);
  const uid = /^\/authorize\/([^/]+)$/.exec(page.url.pathname)?.[1];
  if (uid === undefined) throw new Error(`no consent page: ${page.url.pathname} ${page.text}`);
  const shown = await browser.call('GET', `/api/smart/authorizations/${uid}`);
  expect(shown.status).toBe(200);
  const asked = (shown.body as { scopes: { scope: string }[] }).scopes.map(({ scope }) => scope); // checked by its status
  const decided = await browser.call('POST', `/api/smart/authorizations/${uid}`, { allow: true, ...decide(asked) });
  expect(decided).toMatchObject({ status: 200 });
  return (await browser.go((decided.body as { url: string }).url)).url; // a 200 carries it
}

type Tokens = Awaited<ReturnType<typeof client.authorizationCodeGrant>>;
async function standalone(scope = 'openid fhirUser launch/patient patient/*.rs', stay = mine): Promise<{ tokens: Tokens; config: client.Configuration; callback: URL; begun: Begun }> {
  const begun = await begin(scope);
  const callback = await allow(await signedIn('clinician'), begun.url, (scopes) => ({ scopes, stayId: stay.stay }));
  const { expectedNonce, ...checks } = begun.checks;
  const tokens = await client.authorizationCodeGrant(begun.config, callback, scope.includes('openid') ? { ...checks, expectedNonce } : checks);
  return { tokens, config: begun.config, callback, begun };
}

const fhir = (token: string, path: string) => ask(primum.httpPort, { path: `/api/fhir/${path}`, headers: { authorization: `Bearer ${token}` } });
const errorOf = (error: unknown): unknown => (error instanceof client.ResponseBodyError ? error.error : error instanceof client.AuthorizationResponseError ? error.error : error);

describe('an app by itself (standalone launch)', () => {
  it('finds its way by .well-known/smart-configuration', async () => {
    const { status, body } = await ask(primum.httpPort, { path: '/api/fhir/.well-known/smart-configuration' });
    expect(status).toBe(200);
    expect(body).toMatchObject({ authorization_endpoint: `${origin}/oidc/auth`, code_challenge_methods_supported: ['S256'], grant_types_supported: expect.arrayContaining(['client_credentials']) });
    expect((body as { capabilities: string[] }).capabilities).toEqual(expect.arrayContaining(['launch-standalone', 'launch-ehr', 'permission-v2'])); // an object, checked above
  });

  it('gets a token for the patient that was chosen, reads that patient, and no other', async () => {
    const { tokens } = await standalone();
    expect(tokens).toMatchObject({ patient: mine.patient, encounter: mine.stay, need_patient_banner: true, token_type: 'bearer', scope: 'openid fhirUser launch/patient patient/*.rs' });
    expect(tokens.claims()).toMatchObject({ iss: `${origin}/oidc`, aud: 'growth-chart', amr: ['pwd'] });
    expect(tokens.claims()?.['fhirUser']).toMatch(/\/api\/fhir\/Practitioner\/[0-9a-f-]{36}$/);
    expect((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status).toBe(200);
    expect((await fhir(tokens.access_token, `Observation/${mine.observation}`)).status).toBe(200);
    expect((await fhir(tokens.access_token, `Patient/${theirs.patient}`)).status).toBe(403);
    expect((await fhir(tokens.access_token, `Observation/${theirs.observation}`)).status).toBe(403);
    const [event] = await primum.core.db.query<{ n: number }>(`select count(*) as n from audit_event where action in ('smart.allowed', 'token.issued') and actor = 'user:clinician'`, []);
    expect(event!.n).toBeGreaterThanOrEqual(2);
  });

  it('reads of what belongs to nobody only what names no other patient, by read and history as by search', async () => {
    const service = await serviceClient(primum);
    const made = async (resource: Group | Organization): Promise<string> => `${resource.resourceType}/${((await service.fhir('POST', `/${resource.resourceType}`, resource)).body as { id: string }).id}`;
    const group = await made({ resourceType: 'Group', type: 'person', actual: true, member: [mine, theirs].map(({ patient }) => ({ entity: { reference: `Patient/${patient}` } })) });
    const organization = await made({ resourceType: 'Organization', name: 'Ward' });
    const { tokens } = await standalone();
    const status = async (path: string): Promise<number> => (await fhir(tokens.access_token, path)).status;
    expect([await status(organization), await status(group), await status(`${group}/_history/1`)]).toEqual([200, 404, 404]);
    const found = async (path: string): Promise<number> => ((await fhir(tokens.access_token, path)).body as Bundle).entry?.length ?? 0;
    expect([await found(`${organization}/_history`), await found('Group/_history'), await found('Group')]).toEqual([1, 0, 0]);
  });

  it('reads types that its scopes name, and says which scope is missing', async () => {
    const { tokens } = await standalone('launch/patient patient/Observation.r');
    expect((await fhir(tokens.access_token, `Observation/${mine.observation}`)).status).toBe(200);
    const refused = await fhir(tokens.access_token, `Patient/${mine.patient}`);
    expect(refused.status).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('insufficient_scope');
  });

  it('is granted less than it asked where less is registered or served, and is told so', async () => {
    const { tokens } = await standalone('launch/patient patient/Observation.cruds user/Patient.r');
    expect(tokens.scope).toBe('launch/patient patient/Observation.rs');
  });

  it('is granted no patients by a person whose role reads none', async () => {
    const begun = await begin('openid launch/patient patient/*.rs');
    const callback = await allow(await signedIn('data-scientist'), begun.url, (scopes) => ({ scopes }));
    const tokens = await client.authorizationCodeGrant(begun.config, callback, begun.checks);
    expect(tokens.scope).toBe('openid');
    expect(tokens).not.toHaveProperty('patient');
    expect((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status).toBe(403);
  });

  it('is told when the person says no', async () => {
    const begun = await begin('openid');
    const browser = await signedIn('clinician');
    const page = await browser.go(begun.url.href);
    const uid = page.url.pathname.split('/').at(-1)!;
    const { body } = await browser.call('POST', `/api/smart/authorizations/${uid}`, { allow: false, scopes: [] });
    const { url } = await browser.go((body as { url: string }).url); // a 200 carries it
    expect(url.searchParams.get('error')).toBe('access_denied');
  });
});

describe('a request that is not right', () => {
  it.each([
    ['another redirect', { redirect_uri: 'http://127.0.0.1:9/elsewhere' }],
    ['a redirect that begins alike', { redirect_uri: `${back}.evil.example` }],
    ['an unknown client', { client_id: 'nobody' }],
  ])('%s is answered here and redirected nowhere', async (_what, more) => {
    const begun = await begin('openid', more);
    const page = await openBrowser(origin).go(begun.url.href);
    expect(page.url.origin).toBe(origin);
    expect(page.status).toBe(400);
  });

  it.each([
    ['no PKCE', { code_challenge: '', code_challenge_method: '' }, 'invalid_request'],
    ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another audience', { aud: 'https://other.example/fhir' }, 'invalid_request'],
    ['an implicit token', { response_type: 'token' }, 'unsupported_response_type'],
  ])('%s is refused to the app', async (_what, more, error) => {
    const begun = await begin('launch/patient patient/*.rs', more);
    for (const [name, value] of Object.entries(more)) if (value === '') begun.url.searchParams.delete(name);
    const { url } = await openBrowser(origin).go(begun.url.href);
    expect(url.origin).toBe(new URL(back).origin);
    expect(`${url.search}${url.hash}`).toContain(`error=${error}`);
  });

  it('is on the audit log, a client by its id and a name that is none by a token', async () => {
    await openBrowser(origin).go((await begin('openid', { client_id: 'Pasted-Secret' })).url.href);
    const rows = await primum.core.db.query<{ actor: string }>(`select distinct actor from audit_event where action = 'authorization.refused' order by 1`, []);
    expect(rows.map(({ actor }) => actor)).toEqual(['client:growth-chart', 'unknown']);
    const [leaked] = await primum.core.db.query<{ n: number }>(`select count(*) as n from audit_event where audit_event::text like '%Pasted-Secret%'`, []);
    expect(leaked!.n).toBe(0);
  });

  it('restrictions by search are refused, not widened', async () => {
    const { url } = await openBrowser(origin).go((await begin('launch/patient patient/Observation.rs?category=laboratory')).url.href);
    expect(url.searchParams.get('error')).toBe('invalid_scope');
    expect(url.searchParams.get('error_description')).toContain('search');
  });

  it('cannot be answered by a browser that did not bring it', async () => {
    const page = await openBrowser(origin).go((await begin('openid')).url.href);
    const victim = await signedIn('clinician');
    const uid = page.url.pathname.split('/').at(-1)!;
    expect((await victim.call('GET', `/api/smart/authorizations/${uid}`)).status).toBe(404);
    expect((await victim.call('POST', `/api/smart/authorizations/${uid}`, { allow: true, scopes: ['openid'] })).status).toBe(404);
  });

  it('cannot be answered with a patient whom the person may not read', async () => {
    const begun = await begin('launch/patient patient/*.rs');
    const browser = await signedIn('clinician');
    const uid = (await browser.go(begun.url.href)).url.pathname.split('/').at(-1)!;
    expect((await browser.call('POST', `/api/smart/authorizations/${uid}`, { allow: true, scopes: ['patient/*.rs'], stayId: randomUUID() })).status).toBe(404);
    expect((await browser.call('POST', `/api/smart/authorizations/${uid}`, { allow: true, scopes: ['patient/*.rs'] })).body).toMatchObject({ code: 'smart.patient-required' });
  });
});

describe('codes and tokens', () => {
  it('a code is taken once, with its own verifier; used again, everything from it is void', async () => {
    const { tokens, config: cfg, callback, begun } = await standalone();
    const replay = await client.authorizationCodeGrant(cfg, callback, begun.checks).catch(errorOf);
    expect(replay).toBe('invalid_grant');
    expect((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status).toBe(401);
  });

  it('a code is worth nothing without its verifier', async () => {
    const begun = await begin('openid');
    const callback = await allow(await signedIn('clinician'), begun.url, (scopes) => ({ scopes }));
    expect(await client.authorizationCodeGrant(begun.config, callback, { ...begun.checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }).catch(errorOf)).toBe('invalid_grant');
  });

  it('of two who exchange a code at the same moment at most one has tokens that work', async () => {
    const begun = await begin('launch/patient patient/*.rs');
    const callback = await allow(await signedIn('clinician'), begun.url, (scopes) => ({ scopes, stayId: mine.stay }));
    const { expectedNonce: _none, ...checks } = begun.checks;
    const results = await Promise.all([1, 2, 3, 4].map(() => client.authorizationCodeGrant(begun.config, callback, checks).catch(errorOf)));
    const tokens = results.filter((result): result is Tokens => typeof result === 'object' && result !== null && 'access_token' in result);
    expect(tokens.length).toBeLessThanOrEqual(1);
  });

  it('a refresh token is renewed with each use; a stolen one ends the family', async () => {
    const { tokens, config: cfg } = await standalone('launch/patient patient/*.rs offline_access');
    const stolen = tokens.refresh_token!;
    const renewed = await client.refreshTokenGrant(cfg, stolen);
    expect(renewed).toMatchObject({ patient: mine.patient });
    expect((await fhir(renewed.access_token, `Patient/${mine.patient}`)).status).toBe(200);
    expect(await client.refreshTokenGrant(cfg, stolen).catch(errorOf)).toBe('invalid_grant');
    expect((await fhir(renewed.access_token, `Patient/${mine.patient}`)).status).toBe(401);
    expect(await client.refreshTokenGrant(cfg, renewed.refresh_token!).catch(errorOf)).toBe('invalid_grant');
  });

  it('a refresh widens nothing', async () => {
    const { tokens, config: cfg } = await standalone('launch/patient patient/Observation.r offline_access');
    expect(await client.refreshTokenGrant(cfg, tokens.refresh_token!, { scope: 'patient/*.rs' }).catch(errorOf)).toBe('invalid_scope');
  });

  it('an expired token is refused', async () => {
    const { tokens } = await standalone();
    await primum.core.db.query(`update oidc_payload set expires_at = now() - interval '1 second' where kind = 'AccessToken'`, []);
    const answer = await fhir(tokens.access_token, `Patient/${mine.patient}`);
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('invalid_token');
  });

  it('what was revoked, withdrawn or disabled is refused within a second', async () => {
    const latencies: number[] = [];
    const browser = await signedIn('clinician');
    const ways: ((tokens: Tokens, cfg: client.Configuration) => Promise<unknown>)[] = [
      (tokens, cfg) => client.tokenRevocation(cfg, tokens.access_token),
      (tokens, cfg) => client.tokenRevocation(cfg, tokens.refresh_token!, { token_type_hint: 'refresh_token' }),
      async () => {
        const { body } = await browser.call('GET', '/api/smart/grants');
        await browser.call('DELETE', `/api/smart/grants/${(body as { id: string }[])[0]!.id}`); // newest first
      },
      () => primum.core.db.query(`update app_user set valid_from = now() + interval '1 second' where username = 'clinician'`, []),
    ];
    for (const end of ways) {
      const { tokens, config: cfg } = await standalone('launch/patient patient/*.rs offline_access');
      expect((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status).toBe(200);
      await end(tokens, cfg);
      const at = performance.now();
      while ((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status !== 401) {
        if (performance.now() - at > 1_000) throw new Error('still good after a second');
        await sleep(5);
      }
      latencies.push(performance.now() - at);
      await primum.core.db.query(`update app_user set valid_from = '-infinity'`, []);
    }
    expect(Math.max(...latencies)).toBeLessThan(1_000);
  });

  it('an app introspects its own tokens and sees nothing in another\'s', async () => {
    const { tokens, config: cfg } = await standalone();
    expect(await client.tokenIntrospection(cfg, tokens.access_token)).toMatchObject({ active: true, client_id: 'growth-chart' });
    await register({ id: 'other-app', name: 'Other', kind: 'app', redirectUris: [back], scopes: ['openid'] });
    const theirConfig = await client.discovery(new URL(`${origin}/oidc`), 'other-app', undefined, client.None(), { execute: [client.allowInsecureRequests] });
    expect(await client.tokenIntrospection(theirConfig, tokens.access_token)).toEqual({ active: false });
  });

  it('no copy of the database is a token', async () => {
    const { tokens } = await standalone('launch/patient patient/*.rs offline_access');
    const rows = JSON.stringify(await primum.core.db.query('select encode(sealed, \'escape\') as a, encode(id_digest, \'hex\') as b from oidc_payload', []));
    for (const token of [tokens.access_token, tokens.refresh_token!]) expect(rows).not.toContain(token);
  });
});

describe('a launch from the console (EHR launch)', () => {
  it('is for one person, one app and one stay, once', async () => {
    const clinician = await signedIn('clinician');
    const launched = await clinician.call('POST', '/api/smart/launches', { clientId: 'growth-chart', stayId: mine.stay });
    expect(launched.status).toBe(200);
    const url = new URL((launched.body as { url: string }).url); // a 200 carries it
    expect(url.searchParams.get('iss')).toBe(`${origin}/api/fhir`);
    const launch = url.searchParams.get('launch')!;

    const stolen = await begin('launch patient/*.rs', { launch });
    const stranger = await signedIn('data-scientist');
    const uid = (await stranger.go(stolen.url.href)).url.pathname.split('/').at(-1)!;
    expect((await stranger.call('GET', `/api/smart/authorizations/${uid}`)).body).toMatchObject({ code: 'smart.launch-invalid' });

    const begun = await begin('launch patient/*.rs', { launch });
    const callback = await allow(clinician, begun.url, (scopes) => ({ scopes, stayId: theirs.stay }));
    const { expectedNonce: _none, ...checks } = begun.checks;
    const tokens = await client.authorizationCodeGrant(begun.config, callback, checks);
    expect(tokens).toMatchObject({ patient: mine.patient, encounter: mine.stay });

    const again = await begin('launch patient/*.rs', { launch });
    const uidAgain = (await clinician.go(again.url.href)).url.pathname.split('/').at(-1)!;
    expect((await clinician.call('GET', `/api/smart/authorizations/${uidAgain}`)).body).toMatchObject({ code: 'smart.launch-invalid' });
  });
});

describe('a backend service', () => {
  let key: CryptoKey;
  const claims = (more: Record<string, unknown> = {}): Record<string, unknown> => ({ iss: 'night-job', sub: 'night-job', aud: `${origin}/oidc/token`, jti: randomUUID(), exp: Math.floor(Date.now() / 1_000) + 240, ...more });
  const assertion = (payload: Record<string, unknown>, alg = 'ES384', signer = key): Promise<string> => new SignJWT(payload).setProtectedHeader({ alg, kid: 'k1', typ: 'JWT' }).sign(signer);
  const token = async (jwt: string, scope = 'system/*.rs'): Promise<{ status: number; body: Record<string, unknown> }> => {
    const response = await fetch(`${origin}/oidc/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: jwt }) });
    return { status: response.status, body: await response.json() as Record<string, unknown> }; // the endpoint answers objects
  };

  beforeAll(async () => {
    const pair = await generateKeyPair('ES384', { extractable: true });
    key = pair.privateKey;
    await register({ id: 'night-job', name: 'Night job', kind: 'service', scopes: ['system/Observation.rs', 'system/Patient.r'], jwks: { keys: [{ ...await exportJWK(pair.publicKey), kid: 'k1', alg: 'ES384', use: 'sig' }] } });
  });

  it('gets a token by a signed assertion and reads what its scopes name, of every patient', async () => {
    const { status, body } = await token(await assertion(claims()), 'system/Observation.rs');
    expect({ status, body }).toMatchObject({ status: 200, body: { token_type: 'Bearer', scope: 'system/Observation.rs', expires_in: 300 } });
    const access = String(body['access_token']);
    for (const { observation } of [mine, theirs]) expect((await fhir(access, `Observation/${observation}`)).status).toBe(200);
    expect((await fhir(access, `Patient/${mine.patient}`)).status).toBe(403);
  });

  it('asks for what it was registered for and for nothing else: a research job cannot read names as treatment', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES384', { extractable: true });
    await register({ id: 'study', name: 'Study', kind: 'service', purposes: ['HRESCH'], scopes: ['system/Patient.r'], jwks: { keys: [{ ...await exportJWK(publicKey), kid: 'k1', alg: 'ES384', use: 'sig' }] } });
    const jwt = await assertion(claims({ iss: 'study', sub: 'study' }), 'ES384', privateKey);
    const access = String((await token(jwt, 'system/Patient.r')).body['access_token']);
    const asking = (purpose: string) => fetch(`${origin}/api/fhir/Patient/${mine.patient}`, { headers: { authorization: `Bearer ${access}`, 'x-purpose-of-use': purpose } });
    for (const purpose of ['TREAT', 'HOPERAT', 'PUBHLTH']) expect({ purpose, status: (await asking(purpose)).status }).toEqual({ purpose, status: 403 });
    const night = String((await token(await assertion(claims()), 'system/Patient.r')).body['access_token']);
    const status = async (headers: Record<string, string>): Promise<number> => (await fetch(`${origin}/api/fhir/Patient/${mine.patient}`, { headers: { authorization: `Bearer ${night}`, ...headers } })).status;
    expect([await status({}), await status({ 'x-purpose-of-use': 'PUBHLTH' })]).toEqual([200, 403]);
  });

  it('is refused an assertion that is replayed, late, long-lived, for another place, by another key or algorithm', async () => {
    const replayed = await assertion(claims());
    expect((await token(replayed, 'system/Patient.r')).status).toBe(200);
    const stranger = (await generateKeyPair('ES384')).privateKey;
    const now = Math.floor(Date.now() / 1_000);
    const wrong = [
      replayed, await assertion(claims({ exp: now - 60 })), await assertion(claims({ exp: now + 900 })), await assertion(claims({ aud: 'https://other.example/token' })),
      await assertion(claims({ aud: [`${origin}/oidc/token`, 'https://other.example'] })), await assertion(claims({ jti: undefined })), await assertion(claims({ iss: 'someone' })),
      await assertion(claims(), 'ES384', stranger), await assertion(claims(), 'ES256', (await generateKeyPair('ES256')).privateKey),
    ];
    for (const jwt of wrong) expect(await token(jwt, 'system/Patient.r')).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    const parallel = await assertion(claims());
    const statuses = (await Promise.all([1, 2, 3, 4].map(() => token(parallel, 'system/Patient.r')))).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });

  it('is refused what is not registered, and everything once it is disabled', async () => {
    expect(await token(await assertion(claims()), 'system/Encounter.rs')).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
    const { body } = await token(await assertion(claims()), 'system/Patient.r');
    expect((await fhir(String(body['access_token']), `Patient/${mine.patient}`)).status).toBe(200);
    expect((await security.call('PUT', '/api/clients/night-job', { disabled: true })).status).toBe(200);
    expect((await fhir(String(body['access_token']), `Patient/${mine.patient}`)).status).toBe(401);
    expect(await token(await assertion(claims()), 'system/Patient.r')).toMatchObject({ status: 401 });
    const [refused] = await primum.core.db.query<{ n: number }>(`select count(*) as n from audit_event where action = 'token.refused'`, []);
    expect(refused!.n).toBeGreaterThan(10);
  });
});

describe('an access token', () => {
  it('opens no route but those of FHIR that its scopes name, whoever it is for', async () => {
    const pair = await generateKeyPair('RS384', { extractable: true });
    await register({ id: 'prober', name: 'Prober', kind: 'service', scopes: ['system/*.rs'], jwks: { keys: [{ ...await exportJWK(pair.publicKey), alg: 'RS384', use: 'sig' }] } });
    const service = await client.discovery(new URL(`${origin}/oidc`), 'prober', { token_endpoint_auth_signing_alg: 'RS384' }, client.PrivateKeyJwt(pair.privateKey, { [client.modifyAssertion]: (header, payload) => {
      header['alg'] = 'RS384';
      payload['aud'] = `${origin}/oidc/token`;
    } }), { execute: [client.allowInsecureRequests] });
    const tokens = [
      (await standalone('openid launch/patient patient/*.rs user/Observation.rs')).tokens.access_token,
      (await client.clientCredentialsGrant(service, { scope: 'system/*.rs' })).access_token,
    ];
    for (const token of tokens) {
      for (const [name, row] of Object.entries(routes)) {
        const route: Route = row;
        const path = route.path.replace(':type', 'Observation').replace(':version', '1').replaceAll(/:[a-zA-Z]+/g, mine.observation);
        const { status } = await ask(primum.httpPort, { method: route.method, path, headers: { authorization: `Bearer ${token}` }, ...(route.body === undefined ? {} : { body: {} }) });
        const refused = route.path === '/api/fhir' || route.path.startsWith('/api/fhir/') ? [400, 401, 403, 404] : [401];
        // Its scopes are for reading: FHIR is read, nothing is written, and the answers to searches and operations are looked at elsewhere.
        const reads = route.path.startsWith('/api/fhir') && (route.method === 'GET' || route.path.includes('$') || route.path.endsWith('_search') || name === 'transact');
        const expected = ['readResource', 'readVersion', 'smartConfiguration', 'capabilityStatement'].includes(name) ? [200] : reads ? [status] : refused;
        expect({ name, status, expected: expected.includes(status) }).toEqual({ name, status, expected: true });
      }
    }
  });

  it('is judged alone: no session beside it helps', async () => {
    const session = await ask(primum.httpPort, { method: 'POST', path: '/api/session', body: passwordOf('clinician') });
    const token = /primum_session=([^;]+)/.exec(String(session.headers['set-cookie']))![1];
    expect((await ask(primum.httpPort, { path: `/api/fhir/Patient/${mine.patient}`, token })).status).toBe(200);
    expect((await ask(primum.httpPort, { path: `/api/fhir/Patient/${mine.patient}`, token, headers: { authorization: 'Bearer invented-invented-invented' } })).status).toBe(401);
  });

  it('may be used by pages of registered apps, from no other origin', async () => {
    const origins = [[new URL(back).origin, new URL(back).origin], ['http://evil.example', undefined], ['http://127.0.0.1:99', undefined]] as const;
    for (const [from, allowed] of origins) {
      const answer = await ask(primum.httpPort, { path: `/api/fhir/Patient/${mine.patient}`, headers: { origin: from } });
      expect(answer.headers['access-control-allow-origin']).toBe(allowed);
      expect(answer.headers['access-control-allow-credentials']).toBeUndefined();
      expect((await ask(primum.httpPort, { method: 'OPTIONS', path: `/api/fhir/Patient/${mine.patient}`, headers: { origin: from, 'access-control-request-method': 'GET' } })).status).toBe(allowed === undefined ? 403 : 204);
    }
  });

  it('survives a rotation of the issuer\'s keys', async () => {
    const { tokens } = await standalone();
    expect((await security.call('POST', '/api/issuer/keys')).status).toBe(200);
    expect((await fhir(tokens.access_token, `Patient/${mine.patient}`)).status).toBe(200);
    expect((await standalone()).tokens.claims()?.sub).toBe(tokens.claims()?.sub);
  });
});
