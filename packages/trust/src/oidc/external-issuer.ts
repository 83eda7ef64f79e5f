import { PrimumError } from '@primum/base';
import { roles, type Role } from '@primum/contract';
import * as client from 'openid-client';
import type { ExternalPerson } from '../identity/external.ts';

/** Another issuer that people may sign in at, and what its claims mean here. */
export type ExternalSettings = {
  /** What the button says. */
  name: string;
  issuer: string;
  clientId: string;
  /** Absent: a public client (PKCE is used in any case). */
  clientSecret?: string;
  scope: string;
  claims: { username: string; displayName: string; roles: string; groups: string };
  /** Words of the roles claim → role, the first that matches. */
  roles: Readonly<Record<string, Role>>;
  /** What `amr` or `acr` says where a second factor was given. */
  mfa: { amr: readonly string[]; acr: readonly string[] };
};

/** What must come back to the same browser; the caller keeps it sealed in a cookie. */
export type PendingSignIn = { state: string; nonce: string; verifier: string; next: string; expiresAtMs: number };

export type ExternalIssuerPort = {
  /** Where to send the browser, and what to remember meanwhile. */
  begin(redirectUri: string, next: string): Promise<{ url: string; pending: PendingSignIn }>;
  /** Who came back. Throws auth.external-failed. */
  finish(callback: URL, pending: PendingSignIn): Promise<{ person: ExternalPerson; mfa: boolean }>;
};

const pendingMs = 10 * 60_000;
const askTimeoutS = 10;

/** Authorization code with PKCE, state and nonce (OpenID Connect Core, section 3.1); the issuer's metadata is read at the first use. */
export function createExternalIssuer(settings: ExternalSettings, now: () => Date): ExternalIssuerPort {
  let discovered: Promise<client.Configuration> | undefined;
  const configuration = (): Promise<client.Configuration> => {
    discovered ??= discover(settings).catch((error: unknown) => {
      discovered = undefined; // tried again at the next sign-in
      throw error;
    });
    return discovered;
  };
  return {
    begin: async (redirectUri, next) => {
      try {
        const config = await configuration();
        const verifier = client.randomPKCECodeVerifier();
        const pending = { state: client.randomState(), nonce: client.randomNonce(), verifier, next, expiresAtMs: now().getTime() + pendingMs };
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: redirectUri, scope: settings.scope, state: pending.state, nonce: pending.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
        });
        return { url: url.href, pending };
      } catch (cause) {
        throw new PrimumError('auth.external-failed', 'its metadata cannot be read', { cause });
      }
    },
    finish: async (callback, pending) => {
      if (pending.expiresAtMs < now().getTime()) throw new PrimumError('auth.external-failed', 'it took too long');
      let claims: Record<string, unknown>;
      try {
        const tokens = await client.authorizationCodeGrant(await configuration(), callback, {
          pkceCodeVerifier: pending.verifier, expectedState: pending.state, expectedNonce: pending.nonce, idTokenExpected: true,
        });
        claims = tokens.claims() ?? {};
      } catch (cause) {
        throw new PrimumError('auth.external-failed', undefined, { cause });
      }
      return { person: personOf(settings, claims), mfa: gaveSecondFactor(settings, claims) };
    },
  };
}

async function discover(settings: ExternalSettings): Promise<client.Configuration> {
  const { issuer, clientId, clientSecret } = settings;
  const url = new URL(issuer);
  // Without TLS on this machine alone.
  const local = url.protocol === 'http:' && ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
  return client.discovery(url, clientId, undefined, clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret), {
    timeout: askTimeoutS, ...(local ? { execute: [client.allowInsecureRequests] } : {}),
  });
}

function personOf({ claims: names, issuer, roles: mapping }: ExternalSettings, claims: Record<string, unknown>): ExternalPerson {
  const text = (name: string): string => {
    const value = claims[name];
    if (typeof value !== 'string' || value === '' || value.length > 100) throw new PrimumError('auth.external-failed', `claim ${name} is missing or too long`);
    return value;
  };
  const words = (name: string): string[] => {
    const value = claims[name];
    return (Array.isArray(value) ? value : [value]).filter((word): word is string => typeof word === 'string').slice(0, 200);
  };
  const theirs = words(names.roles);
  const [, role] = Object.entries(mapping).find(([word]) => theirs.includes(word)) ?? [];
  if (role === undefined) throw new PrimumError('auth.external-failed', 'no role here matches this person');
  const groups = words(names.groups).filter((word) => /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(word)).slice(0, 50);
  return { issuer, subject: text('sub'), username: text(names.username), displayName: text(names.displayName), role, groups };
}

/** OpenID Connect Core, section 2: `acr` is one word, `amr` a list (RFC 8176). */
function gaveSecondFactor({ mfa }: ExternalSettings, { acr, amr }: Record<string, unknown>): boolean {
  return (typeof acr === 'string' && mfa.acr.includes(acr)) || (Array.isArray(amr) && amr.some((method) => typeof method === 'string' && mfa.amr.includes(method)));
}

/** Reads `issuer.json`; `secretOf` reads the file that it names. Throws config.invalid, naming the setting. */
export function parseExternalSettings(text: string, secretOf: (file: string) => string): ExternalSettings {
  const fail = (detail: string): never => { throw new PrimumError('config.invalid', `issuer.json: ${detail}`); };
  const objectOf = (value: unknown, name: string): Record<string, unknown> => (typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : fail(`${name} is an object`));
  const textOf = (value: unknown, name: string): string => (typeof value === 'string' && value !== '' ? value : fail(`${name} is a text`));
  const wordsOf = (value: unknown, name: string): string[] => (value === undefined ? [] : Array.isArray(value) && value.every((word): word is string => typeof word === 'string') ? value : fail(`${name} is a list of words`));
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return fail('not JSON');
  }
  const all = objectOf(parsed, 'it');
  const claims = objectOf(all['claims'] ?? {}, 'claims');
  const mfa = objectOf(all['mfa'] ?? {}, 'mfa');
  const mapping = Object.entries(objectOf(all['roles'], 'roles')).map(([word, role]) => [word, roles.find((known) => known === role) ?? fail(`roles: ${roles.join(', ')}`)] as const);
  const issuer = textOf(all['issuer'], 'issuer');
  if (!URL.canParse(issuer)) fail('issuer is an address');
  return {
    name: textOf(all['name'] ?? 'the hospital\'s sign-in', 'name'), issuer, clientId: textOf(all['clientId'], 'clientId'), scope: textOf(all['scope'] ?? 'openid profile', 'scope'),
    ...(all['secretFile'] === undefined ? {} : { clientSecret: secretOf(textOf(all['secretFile'], 'secretFile')).trim() }),
    claims: {
      username: textOf(claims['username'] ?? 'preferred_username', 'claims.username'), displayName: textOf(claims['displayName'] ?? 'name', 'claims.displayName'),
      roles: textOf(claims['roles'] ?? 'groups', 'claims.roles'), groups: textOf(claims['groups'] ?? 'groups', 'claims.groups'),
    },
    roles: Object.fromEntries(mapping),
    mfa: { amr: mfa['amr'] === undefined ? ['mfa'] : wordsOf(mfa['amr'], 'mfa.amr'), acr: wordsOf(mfa['acr'], 'mfa.acr') },
  };
}
