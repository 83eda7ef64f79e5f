import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorFields, type Log } from '@primum/base';
import { errors, interactionPolicy, Provider, type KoaContextWithOIDC, type Configuration } from 'oidc-provider';
import type { AuditActor } from '../audit/audit-event.ts';
import { blindToken } from '../keys/blind-token.ts';
import type { Policy } from '../policy/policy.ts';
import { findClient } from '../smart/clients.ts';
import { isResourceScope, isRestricted, knownScopes, narrowScopes } from '../smart/scopes.ts';
import { readGrant } from '../smart/grants.ts';
import { secretDigest } from './digest.ts';
import { loadIssuerKeys } from './issuer-keys.ts';
import { createOidcStore, type OidcStoreDeps } from './oidc-store.ts';
import { findPerson } from './people.ts';

export type IssuerDeps = OidcStoreDeps & { policy: Policy; log: Log };
export type IssuerOptions = {
  tenant: number;
  /** Where browsers reach us, without a slash at the end: `https://primum.example`. */
  origin: string;
};

/** The embedded OpenID Connect issuer at ORIGIN/oidc, whose only resource server is ORIGIN/api/fhir. */
export type Issuer = {
  readonly origin: string;
  readonly provider: Provider;
  /** Answers a request beneath /oidc; the prefix is taken off here. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
};

export const issuerPath = '/oidc';
export const fhirPath = '/api/fhir';
const minute = 60;
const assertionMaxAgeS = 5 * minute;
const ttl = { AccessToken: 5 * minute, ClientCredentials: 5 * minute, AuthorizationCode: minute, IdToken: 5 * minute, Interaction: 10 * minute, Session: 8 * 3_600, Grant: 30 * 24 * 3_600, RefreshToken: 30 * 24 * 3_600 } as const;
export const grantTtlMs = ttl.Grant * 1_000;

/**
 * oidc-provider with what this hospital allows: code with PKCE (S256) for apps, signed assertions for services, nothing
 * implicit, no registration by strangers, no shared secrets. Each authorization asks the person anew, in our console:
 * the issuer's own cookie signs nobody in, so ending the console's session ends everything.
 */
export async function createIssuer(deps: IssuerDeps, options: IssuerOptions): Promise<Issuer> {
  const { tenant, origin } = options;
  const { jwks, cookieKeys } = await loadIssuerKeys(deps, tenant);
  const provider = new Provider(`${origin}${issuerPath}`, configurationOf(deps, options, jwks, cookieKeys));
  auditRefusals(deps, tenant, provider);
  provider.use(prepareRequest(deps, tenant));
  provider.use(addLaunchContext(deps, tenant));
  // What goes wrong inside is ours to log; its text may quote a request.
  provider.on('server_error', (_ctx, error) => deps.log.error('issuer.failed', errorFields(error)));
  const callback = provider.callback();
  return {
    origin, provider,
    handle: async (request, response) => {
      const original = request.url ?? '/';
      // oidc-provider finds its mount path by what `originalUrl` has in front of `url`.
      Object.assign(request, { originalUrl: original, url: original.slice(issuerPath.length) || '/' });
      await callback(request, response);
    },
  };
}

function configurationOf(deps: IssuerDeps, { tenant, origin }: IssuerOptions, jwks: object[], cookieKeys: string[]): Configuration {
  const { base, Check } = interactionPolicy;
  const policy = base();
  policy.get('login')!.checks.clear();
  policy.get('login')!.checks.add(new Check('each_time', 'the person is asked each time', 'login_required', (ctx) => ctx.oidc.result?.login === undefined));
  policy.get('consent')!.checks.clear();
  policy.get('consent')!.checks.add(new Check('each_time', 'the person is asked each time', 'consent_required', (ctx) => ctx.oidc.result?.consent === undefined));
  const secure = origin.startsWith('https:');
  return {
    adapter: createOidcStore(deps, tenant),
    // The library's type asks for more than a JWK set has; keys were made by jose.
    jwks: { keys: jwks } as NonNullable<Configuration['jwks']>,
    // Over TLS no other host of the domain can set one for us (RFC 6265bis, section 4.1.3.2).
    cookies: { names: Object.fromEntries(['session', 'interaction', 'resume'].map((name) => [name, `${secure ? '__Host-' : ''}_${name}`])), keys: cookieKeys, long: { signed: true, httpOnly: true, sameSite: 'lax', secure, path: '/' }, short: { signed: true, httpOnly: true, sameSite: 'lax', secure, path: '/' } },
    scopes: [...knownScopes],
    claims: { openid: ['sub', 'amr'], fhirUser: ['fhirUser'], profile: ['name', 'preferred_username', 'role', 'groups'], acr: null, auth_time: null, sid: null },
    conformIdTokenClaims: false,
    responseTypes: ['code'],
    clientAuthMethods: ['none', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS384', 'ES384'], idTokenSigningAlgValues: ['RS256', 'ES256'] },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    clockTolerance: 5,
    ttl,
    expiresWithSession: () => false,
    interactions: { policy, url: (_ctx, { uid }) => `/authorize/${uid}` },
    loadExistingGrant: async (ctx) => {
      const grantId = ctx.oidc.result?.consent?.grantId;
      return grantId === undefined ? undefined : ctx.oidc.provider.Grant.find(grantId);
    },
    findAccount: async (_ctx, id, token) => {
      const person = await findPerson(deps.db, tenant, id);
      if (person === null) return undefined;
      // A refresh token from before a password was reset or a person was shut out renews nothing.
      if (token !== undefined && 'iat' in token && typeof token.iat === 'number' && (token.iat + 1) * 1_000 < person.validFrom.getTime()) return undefined;
      const { principal: { username, role, groups }, displayName } = person;
      return { accountId: id, claims: async () => ({ sub: id, name: displayName, preferred_username: username, role, groups: [...groups ?? []], fhirUser: `${origin}${fhirPath}/Practitioner/${id}` }) };
    },
    extraParams: {
      launch: null,
      async aud(ctx: KoaContextWithOIDC, value: string | undefined) {
        // As it was sent: by now the parameters hold known scopes only.
        const asked = (ctx.oidc.body ?? ctx.query)['scope'];
        const scopes = typeof asked === 'string' ? asked.split(' ') : [];
        if (scopes.some(isRestricted)) throw new errors.InvalidScope('scopes restricted by search are not supported', scopes.find(isRestricted)!);
        const asksForData = scopes.some(isResourceScope);
        if (value === undefined ? asksForData : value !== `${origin}${fhirPath}`) throw new errors.InvalidRequest(`aud must be ${origin}${fhirPath}`);
      },
    },
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims) => {
      const { aud, exp, jti } = claims;
      if (aud !== ctx.oidc.urlFor('token') && aud !== ctx.oidc.urlFor(ctx.oidc.route)) throw new errors.InvalidClientAuth('aud must be the URL of the endpoint');
      if (typeof exp !== 'number' || exp > Date.now() / 1_000 + assertionMaxAgeS + 5) throw new errors.InvalidClientAuth('exp must be at most five minutes ahead');
      if (typeof jti !== 'string' || jti.length > 200) throw new errors.InvalidClientAuth('jti is too long');
    },
    // Pages of an app may call these from its own origin; no cookie is read there.
    // `null` is the origin of any sandboxed page, and of an app's own scheme.
    clientBasedCORS: (_ctx, at, client) => at !== 'null' && (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === at),
    features: {
      devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false }, resourceIndicators: { enabled: false }, userinfo: { enabled: true },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId }, clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
    },
    renderError: (ctx, out) => {
      ctx.type = 'text/plain';
      ctx.body = `${out.error}: ${out.error_description ?? ''}\n`;
    },
  };
}

type Middleware = Parameters<Provider['use']>[0];

/** Before oidc-provider looks at an authorization request: what is not served is refused, what a client may not have is left out. */
function prepareRequest(deps: IssuerDeps, tenant: number): Middleware {
  return async (ctx, next) => {
    if (ctx.method === 'GET' && ctx.path === '/auth') {
      const { scope, client_id: clientId, prompt } = ctx.query;
      const client = typeof clientId === 'string' ? await findClient(deps.db, tenant, clientId) : null;
      if (typeof scope === 'string' && client !== null) {
        const asked = scope.split(' ').filter((one) => one !== '');
        // A restriction by search stays in the request as it is and is refused with `aud` below.
        const granted = asked.some(isRestricted) ? asked : narrowScopes(asked, client.scopes);
        // A refresh token needs the person's consent (OpenID Connect Core, section 11), which we ask each time.
        ctx.query = { ...ctx.query, scope: granted.join(' '), ...(granted.includes('offline_access') && prompt === undefined ? { prompt: 'consent' } : {}) };
        Object.assign(ctx.req, { originalUrl: `${issuerPath}${ctx.req.url ?? ''}` }); // the mount path is found by the two
      }
    }
    await next();
  };
}

/** SMART App Launch 2.2, section "Token response": patient, encounter and the banner beside the token. */
function addLaunchContext(deps: IssuerDeps, tenant: number): Middleware {
  return async (ctx, next) => {
    await next();
    if (ctx.path !== '/token' || ctx.status !== 200) return;
    const { Grant: grant } = ctx.oidc.entities;
    if (grant?.jti === undefined) return;
    const context = await readGrant(deps.db, tenant, secretDigest(grant.jti));
    if (context === null || context.patientId === null) return;
    // The body that oidc-provider built: an object, because the status is 200.
    ctx.body = { ...(ctx.body as object), patient: context.patientId, ...(context.stayId === null ? {} : { encounter: context.stayId }), need_patient_banner: true };
  };
}

/** What the issuer refuses is on the audit log before the answer leaves. */
function auditRefusals(deps: IssuerDeps, tenant: number, provider: Provider): void {
  const failures = new WeakMap<object, string>();
  const note = (ctx: object, error: Error): void => { failures.set(ctx, error instanceof errors.OIDCProviderError ? error.error : 'server_error'); };
  provider.on('authorization.error', note);
  provider.on('grant.error', note);
  provider.on('introspection.error', note);
  provider.on('revocation.error', note);
  provider.use(async (ctx, next) => {
    await next();
    const error = failures.get(ctx);
    if (error === undefined) return;
    const clientId = ctx.oidc?.client?.clientId;
    const named = ctx.oidc?.params?.['client_id'];
    // A name that is no client's is written nowhere in clear: anything may have been pasted there.
    const principal: AuditActor = clientId === undefined
      ? { kind: 'unknown', usernameToken: blindToken(deps.keys, tenant, 'username', `client ${typeof named === 'string' ? named : ''}`).toString('hex'), remote: ctx.ip }
      : { kind: 'client', clientId, scopes: [], purposes: [], remote: ctx.ip };
    await deps.audit.write(deps.db, [{
      tenant, principal, action: ctx.path.startsWith('/auth') ? 'authorization.refused' : 'token.refused', outcome: 'minor-failure', purpose: 'HSYSADMIN', at: deps.clock.now(), entities: [{ type: 'refusal', id: error }],
    }]);
  });
}
