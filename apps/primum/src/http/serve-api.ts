import { createReadStream, existsSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Server, ServerOptions } from 'node:https';
import { join } from 'node:path';
import fastifyCompress from '@fastify/compress';
import fastifyCookie from '@fastify/cookie';
import fastifyStatic from '@fastify/static';
import { PrimumError, type Log } from '@primum/base';
import { routes, usualPurpose, type Permission, type Purpose, type Route, type RouteName } from '@primum/contract';
import { stringifyFhir } from '@primum/record';
import { fhirPath, isPurpose, issuerPath, readTlsFiles, watchTlsFiles, type Principal, type Session, type TlsFiles } from '@primum/trust';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { mountIssuer, type IssuerMount } from './oidc/issuer-mount.ts';
import { loopback, type Transport } from '../transport.ts';
import type { CallBudget } from './call-budget.ts';
import { limitBodyTime } from './body-time.ts';
import { answerClientError } from './client-error.ts';
import { addFhirParsers } from './fhir/parsers.ts';
import { isFhir, resolveCaller, type Caller, type CallerDeps } from './resolve-caller.ts';
import { createRefusalLog } from './refusal-log.ts';
import { sendError } from './send-error.ts';

/**
 * The session's cookie. Over TLS its name begins with `__Host-`: browsers then take it from this host alone, for all of
 * it and over TLS only (RFC 6265bis, section 4.1.3.2), so that no other host of the domain can set one for us.
 */
export function sessionCookieOf(request: Pick<FastifyRequest, 'protocol'>): string {
  return request.protocol === 'https' ? '__Host-primum_session' : 'primum_session';
}

/** What a handler gets: validated parts of the request, and who asks (null only where the route is public). */
export type Call = {
  params: Record<string, unknown>;
  query: Record<string, unknown>;
  body: unknown;
  /** A person by session, or on FHIR routes an app or service account by token or certificate. */
  principal: Principal | null;
  session: Session | null;
  token: string | null;
  remote: string;
  /** Why: the header `x-purpose-of-use`, else what the route's permission is usually for. Whether it may be is policy. */
  purpose: Purpose;
  reply: FastifyReply;
  request: FastifyRequest;
};

/** Returns the answer's body; undefined after it has answered by itself (a stream, a cookie). */
export type Handler = (call: Call) => Promise<unknown>;
export type Handlers = Record<RouteName, Handler>;

export type ApiDeps = CallerDeps & {
  log: Log;
  issuer: IssuerMount;
  /** An app that is registered runs at this origin. */
  isAppOrigin(origin: string): Promise<boolean>;
  /** Proved who they are a short while ago. */
  isFresh(session: Session): boolean;
  /** Throws auth.forbidden where the role does not allow it; the refusal is then on the audit log. */
  demand(principal: Principal, permission: Permission, route: RouteName, purpose: Purpose): Promise<void>;
  /** Whether the role and the scopes allow it at all, without a word on the log. */
  permits(principal: Principal, permission: Permission, purpose: Purpose): boolean;
  handlers: Handlers;
  /** Whether a caller may ask once more; anybody without end where absent. */
  budget?: CallBudget;
  /** Folder of the built console. */
  consoleDirectory: string;
  /** Loopback without TLS where absent. */
  transport?: Pick<Transport, 'hosts' | 'tls'>;
};

const contentSecurityPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** On every answer. What may be kept by a cache says so itself: the console's files. */
const protections: Readonly<Record<string, string>> = {
  'content-security-policy': contentSecurityPolicy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin', 'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

/** What pages of registered apps may send. */
const preflight: Readonly<Record<string, string>> = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE', 'access-control-max-age': '600',
  'access-control-allow-headers': 'Authorization, Accept, Content-Type, If-Match, If-None-Match, If-None-Exist, Prefer, X-Purpose-Of-Use, X-Research-Project',
};

/**
 * The API and the console on one origin. Every route of the contract's table is registered, and no other: session,
 * role and shape are checked here, before a handler runs. Changes are taken from this origin only.
 */
export async function serveApi(deps: ApiDeps): Promise<FastifyInstance> {
  const { tls, hosts } = deps.transport ?? loopback;
  // FHIR's base is written with a slash at its end by half of the clients.
  const settings = { clientErrorHandler: answerClientError, routerOptions: { ignoreTrailingSlash: true }, bodyLimit: 1024 * 1024, keepAliveTimeout: 30_000, forceCloseConnections: true, ajv: { customOptions: { coerceTypes: true, removeAdditional: false } } };
  // An address that cannot be decoded meets no hook, and the framework's own answer would repeat it.
  const frameworkErrors = (error: Error, _request: unknown, reply: FastifyReply): void => {
    for (const [name, value] of Object.entries(protections)) reply.raw.setHeader(name, value);
    sendError(deps.log, reply, error);
  };
  const app = tls === undefined ? Fastify({ ...settings, frameworkErrors }) : overTls(deps.log, tls, (https) => Fastify({ ...settings, frameworkErrors, https }));
  app.server.headersTimeout = 30_000;
  // fast-json-stringify takes unions and tuples wrong; answers are typed by the contract and held against it by a test.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  await app.register(fastifyCookie);
  // Bodies that are sent compressed are not taken: a short one may hold gigabytes.
  await app.register(fastifyCompress, { encodings: ['gzip'], threshold: 1_024, customTypes: /^application\/(fhir\+)?(nd)?json(;|$)/, globalDecompression: false });
  addFhirParsers(app);

  app.addHook('onRequest', async (request, reply) => {
    limitBodyTime(request.raw, reply.raw);
    // On the raw reply, so that a stream, a download and the issuer, which write past the framework, have them too.
    for (const [name, value] of Object.entries(protections)) reply.raw.setHeader(name, value);
    if (request.protocol === 'https') reply.raw.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains');
    // A page of another origin (also one that resolves to us: DNS rebinding) can neither read nor change anything.
    // Two names are none (RFC 9112, section 3.2).
    if (request.raw.headersDistinct['host']?.length !== 1 || !isOurName(request.headers.host, hosts)) throw new PrimumError('auth.origin-refused');
    // Where a cookie comes along, another page can have a browser ask and watch how long an answer is: what it can put into
    // it would tell, compressed, what else is there (BREACH, CVE-2013-3587). Tokens go where their holder sends them.
    if (!isFhir(request) || request.headers.cookie !== undefined) request.headers['x-no-compression'] = '1';
    const origin = request.headers.origin;
    if (isFhir(request) && origin !== undefined && await deps.isAppOrigin(origin)) {
      // Tokens, not cookies, speak for an app: no credentials are allowed to come along.
      void reply.headers({ 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-expose-headers': 'ETag, Last-Modified, Location, Content-Location, WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy' });
      if (request.method === 'OPTIONS' || request.headers.authorization !== undefined) return;
    }
    // The issuer's endpoints are made to be asked from elsewhere and look after themselves.
    if (request.url.startsWith(`${issuerPath}/`)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD' && !isOurPage(request)) throw new PrimumError('auth.origin-refused');
  });
  const refused = createRefusalLog(deps.log);
  app.setErrorHandler((error, request, reply) => {
    const code = sendError(deps.log, reply, error);
    if (code === 'auth.origin-refused' || code === 'api.request-invalid' || code === 'api.too-many') refused(code, request.ip);
  });
  app.setNotFoundHandler((request, reply) => {
    // A page's address gets the console; a missing file is missing.
    if (request.url.startsWith('/api/') || request.method !== 'GET' || /\.[a-z0-9]+(\?|$)/.test(request.url)) sendError(deps.log, reply, new PrimumError('api.not-found'));
    else void sendIndex(deps.consoleDirectory, reply);
  });

  await mountIssuer(app, deps.issuer);
  for (const path of [fhirPath, `${fhirPath}/*`]) app.options(path, (_request, reply) => reply.code(204).headers(preflight).send());
  for (const [name, row] of Object.entries(routes)) registerRoute(app, deps, name as RouteName, row); // the keys of `routes` are RouteName
  if (existsSync(deps.consoleDirectory)) {
    await app.register(fastifyStatic, { root: deps.consoleDirectory, index: ['index.html'], maxAge: 0 });
  }
  return app;
}

function registerRoute(app: FastifyInstance, deps: ApiDeps, name: RouteName, route: Route): void {
  app.route({
    method: route.method,
    url: route.path,
    ...(route.maxBodyBytes === undefined ? {} : { bodyLimit: route.maxBodyBytes }),
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.response === undefined ? {} : { response: { 200: route.response } }),
    },
    // Who asks is settled before the request's shape, so that a stranger learns nothing from validation.
    onRequest: async (request, reply) => {
      await authorise(deps, name, route, request, reply);
    },
    handler: async (request, reply) => {
      const { principal, session, token } = callers.get(request) ?? { principal: null, session: null, token: null };
      const answer = await deps.handlers[name]({
        // Validated against the route's schemas just before.
        params: request.params as Record<string, unknown>,
        query: request.query as Record<string, unknown>,
        body: request.body, principal, session, token, remote: request.ip, purpose: neededOf(deps, route, request, principal).purpose, reply, request,
      });
      // A resource is written here, with its decimals as they were sent.
      if (!reply.sent) await reply.send(typeof answer === 'object' && answer !== null && 'resourceType' in answer ? stringifyFhir(answer) : answer ?? null);
      return reply;
    },
  });
}

const callers = new WeakMap<FastifyRequest, Caller>();

async function authorise(deps: ApiDeps, name: RouteName, route: Route, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const caller = await resolveCaller(deps, request, request.cookies[sessionCookieOf(request)] ?? null);
  const { principal, session } = caller;
  callers.set(request, caller);
  if (route.needs === 'public') return;
  if (principal === null) throw new PrimumError('auth.required');
  const calls = deps.budget?.(callerKey(caller));
  if (calls !== undefined && isFhir(request)) {
    // Internet-Draft draft-ietf-httpapi-ratelimit-headers-10.
    void reply.headers({ 'ratelimit-policy': `"calls";q=${calls.burst};w=${calls.windowS}`, ratelimit: `"calls";r=${calls.left};t=${calls.fullInS}` });
  }
  if (calls?.allowed === false) throw new PrimumError('api.too-many');
  if (session !== null && !(route.states ?? ['full']).includes(session.state)) throw new PrimumError('auth.incomplete', session.state);
  const { permission, purpose } = neededOf(deps, route, request, principal);
  if (permission !== null) await deps.demand(principal, permission, name, purpose);
  if (route.freshFactor === true && (session === null || !deps.isFresh(session))) throw new PrimumError('auth.fresh-factor-needed');
}

function callerKey({ principal, session }: Caller): string {
  if (session !== null) return `session ${session.id}`;
  if (principal?.kind === 'client') return `client ${principal.clientId}`;
  return principal?.kind === 'user' ? `app ${principal.via?.clientId ?? ''} ${principal.userId}` : 'system';
}

/** Of the permissions that open a route the first that the caller has, else the first; null where any session will do. */
function neededOf(deps: ApiDeps, { needs }: Route, request: FastifyRequest, principal: Principal | null): { permission: Permission | null; purpose: Purpose } {
  if (needs === 'public' || needs === 'session') return { permission: null, purpose: purposeOf('HOPERAT', request, principal) };
  const asked = (typeof needs === 'string' ? [needs] : needs).map((permission) => ({ permission, purpose: purposeOf(usualPurpose[permission], request, principal) }));
  return asked.find(({ permission, purpose }) => asked.length === 1 || (principal !== null && deps.permits(principal, permission, purpose))) ?? asked[0]!; // a route needs one at least
}

/** An unknown word is a mistake of the caller and not taken for the usual purpose. A service account registered for one asks for that. */
function purposeOf(usual: Purpose, { headers }: FastifyRequest, principal: Principal | null): Purpose {
  const said = headers['x-purpose-of-use'];
  if (said === undefined && principal?.kind === 'client' && principal.purposes.length === 1) return principal.purposes[0]!;
  if (said === undefined) return usual;
  if (typeof said !== 'string' || !isPurpose(said)) throw new PrimumError('api.request-invalid', 'x-purpose-of-use');
  return said;
}

/** Loopback, or a name that whoever started Primum has given it. */
function isOurName(host: string | undefined, hosts: readonly string[]): boolean {
  const name = host?.replace(/:\d+$/, '').toLowerCase();
  return name !== undefined && (/^(127\.0\.0\.1|localhost|\[::1\])$/.test(name) || hosts.includes(name));
}

/** Whether a request that asks to be a web socket came by a name of ours. It brings no cookie that counts: what opens the socket is a token. */
export function isOurUpgrade(hosts: readonly string[]): (request: IncomingMessage) => boolean {
  return ({ headersDistinct, headers }) => headersDistinct['host']?.length === 1 && isOurName(headers.host, hosts);
}

/** What a browser says of the page that asks (Origin; Sec-Fetch-Site of Fetch Metadata); who is no browser says neither. */
function isOurPage({ headers, protocol }: FastifyRequest): boolean {
  const { origin, host } = headers;
  const site = headers['sec-fetch-site'];
  return (origin === undefined || origin === `${protocol}://${host}`) && (site === undefined || site === 'same-origin' || site === 'none');
}

/**
 * A client's certificate is asked for where somebody vouches for clients, and never demanded: browsers have none, and
 * whom it stands for is decided where the caller is.
 */
function overTls(log: Log, tls: TlsFiles, make: (options: ServerOptions) => FastifyInstance<Server>): FastifyInstance {
  const app = make({ ...readTlsFiles(tls), requestCert: tls.clientCaFile !== undefined, rejectUnauthorized: false, handshakeTimeout: 10_000 });
  const renewal = watchTlsFiles(tls, (context) => app.server.setSecureContext(context), { log });
  app.addHook('onClose', async () => renewal.close());
  // Requests and replies are those of http; only the server beneath differs, which nothing else touches.
  return app as unknown as FastifyInstance;
}

async function sendIndex(directory: string, reply: FastifyReply): Promise<void> {
  await reply.type('text/html; charset=utf-8').send(createReadStream(join(directory, 'index.html')));
}
