import { createReadStream, existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyCookie from '@fastify/cookie';
import fastifyStatic from '@fastify/static';
import { PrimumError, type Log } from '@primum/base';
import { routes, type Permission, type Route, type RouteName } from '@primum/contract';
import { issuerPath, type Principal, type Session } from '@primum/trust';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { mountIssuer, type IssuerMount } from './oidc/issuer-mount.ts';
import { isFhir, resolveCaller, type Caller, type CallerDeps } from './resolve-caller.ts';
import { apiError, sendError } from './send-error.ts';

export const sessionCookie = 'primum_session';

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
  demand(principal: Principal, permission: Permission, route: RouteName, remote: string): Promise<void>;
  handlers: Handlers;
  /** Folder of the built console. */
  consoleDirectory: string;
};

const contentSecurityPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/**
 * The API and the console on one origin. Every route of the contract's table is registered, and no other: session,
 * role and shape are checked here, before a handler runs. Changes are taken from this origin only.
 */
export async function serveApi(deps: ApiDeps): Promise<FastifyInstance> {
  const app = Fastify({ bodyLimit: 1024 * 1024, requestTimeout: 30_000, keepAliveTimeout: 30_000, forceCloseConnections: true, ajv: { customOptions: { coerceTypes: true, removeAdditional: false } } });
  // fast-json-stringify takes unions and tuples wrong; answers are typed by the contract and held against it by a test.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  await app.register(fastifyCookie);

  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({
      'content-security-policy': contentSecurityPolicy, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin', 'permissions-policy': 'camera=(), microphone=(), geolocation=()',
    });
    if (request.url.startsWith('/api/')) void reply.header('cache-control', 'no-store');
    // A page of another origin (also one that resolves to us: DNS rebinding) can neither read nor change anything.
    if (!isLoopbackHost(request.headers.host)) throw new PrimumError('auth.origin-refused');
    const origin = request.headers.origin;
    if (isFhir(request) && origin !== undefined && await deps.isAppOrigin(origin)) {
      // Tokens, not cookies, speak for an app: no credentials are allowed to come along.
      void reply.headers({ 'access-control-allow-origin': origin, vary: 'Origin', 'access-control-expose-headers': 'ETag, Last-Modified, WWW-Authenticate' });
      return;
    }
    // The issuer's endpoints are made to be asked from elsewhere and look after themselves.
    if (request.url.startsWith(`${issuerPath}/`)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD' && origin !== undefined && origin !== `http://${request.headers.host}`) {
      throw new PrimumError('auth.origin-refused');
    }
  });
  app.setErrorHandler((error, _request, reply) => sendError(deps.log, reply, error));
  app.setNotFoundHandler((request, reply) => {
    // A page's address gets the console; a missing file is missing.
    if (request.url.startsWith('/api/') || request.method !== 'GET' || /\.[a-z0-9]+(\?|$)/.test(request.url)) void reply.code(404).send(apiError('api.not-found'));
    else void sendIndex(deps.consoleDirectory, reply);
  });

  await mountIssuer(app, deps.issuer);
  app.options('/api/fhir/*', (_request, reply) => reply.code(204).headers({ 'access-control-allow-methods': 'GET', 'access-control-allow-headers': 'Authorization, Accept', 'access-control-max-age': '600' }).send());
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
    schema: {
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.query === undefined ? {} : { querystring: route.query }),
      ...(route.body === undefined ? {} : { body: route.body }),
      ...(route.response === undefined ? {} : { response: { 200: route.response } }),
    },
    // Who asks is settled before the request's shape, so that a stranger learns nothing from validation.
    onRequest: async (request) => {
      await authorise(deps, name, route, request);
    },
    handler: async (request, reply) => {
      const { principal, session, token } = callers.get(request) ?? { principal: null, session: null, token: null };
      const answer = await deps.handlers[name]({
        // Validated against the route's schemas just before.
        params: request.params as Record<string, unknown>,
        query: request.query as Record<string, unknown>,
        body: request.body, principal, session, token, remote: request.ip, reply, request,
      });
      if (!reply.sent) await reply.send(answer ?? null);
      return reply;
    },
  });
}

const callers = new WeakMap<FastifyRequest, Caller>();

async function authorise(deps: ApiDeps, name: RouteName, route: Route, request: FastifyRequest): Promise<void> {
  const caller = await resolveCaller(deps, request, request.cookies[sessionCookie] ?? null);
  const { principal, session } = caller;
  callers.set(request, caller);
  if (route.needs === 'public') return;
  if (principal === null) throw new PrimumError('auth.required');
  if (session !== null && !(route.states ?? ['full']).includes(session.state)) throw new PrimumError('auth.incomplete', session.state);
  if (route.needs !== 'session') await deps.demand(principal, route.needs, name, request.ip);
  if (route.freshFactor === true && (session === null || !deps.isFresh(session))) throw new PrimumError('auth.fresh-factor-needed');
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host);
}

async function sendIndex(directory: string, reply: FastifyReply): Promise<void> {
  await reply.type('text/html').send(createReadStream(join(directory, 'index.html')));
}
