import { TLSSocket } from 'node:tls';
import { PrimumError } from '@primum/base';
import { fhirPath, scopesAllow, type Interaction, type Principal, type Session } from '@primum/trust';
import type { FastifyRequest } from 'fastify';

export type CallerDeps = {
  /** `use`: the person is at it; a look of the console by itself lets the session go on growing idle. */
  sessionOf(token: string, use: boolean): Promise<Session | null>;
  principalOf(session: Session, remote: string): Principal;
  /** Who stands behind an access token, or a client certificate (SHA-256 of it); null: nobody. */
  bearerOf(token: string, remote: string): Promise<Principal | null>;
  certificateOf(fingerprint: Buffer, remote: string): Promise<Principal | null>;
};

/** `none`: sent by the console where nobody has touched it for a while. Nor does an event stream keep anyone signed in, which can't say so. */
const activityHeader = 'x-primum-activity';

export type Caller = { principal: Principal | null; session: Session | null; token: string | null };

/**
 * Who makes a request: an access token before a session before a client certificate. Tokens and certificates open FHIR
 * alone; a request that shows a token is judged by it, whatever cookie it brings as well.
 */
export async function resolveCaller(deps: CallerDeps, request: FastifyRequest, cookie: string | null): Promise<Caller> {
  const { authorization } = request.headers;
  if (authorization !== undefined) return { principal: await bearer(deps, request, authorization), session: null, token: null };
  const session = cookie === null ? null : await deps.sessionOf(cookie, request.headers[activityHeader] !== 'none' && request.headers.accept !== 'text/event-stream');
  if (session !== null) return { principal: deps.principalOf(session, request.ip), session, token: cookie };
  const { socket } = request.raw;
  if (isFhir(request) && socket instanceof TLSSocket) {
    const { fingerprint256 } = socket.getPeerCertificate();
    const peer = typeof fingerprint256 === 'string' ? await deps.certificateOf(Buffer.from(fingerprint256.replaceAll(':', ''), 'hex'), request.ip) : null;
    if (peer !== null) return { principal: withinScopes(peer, request), session: null, token: null };
  }
  return { principal: null, session: null, token: cookie };
}

/** Brings its own proof: a page of a registered app may ask from its own origin. */
export function isFhir({ url }: Pick<FastifyRequest, 'url'>): boolean {
  return url === fhirPath || url.startsWith(`${fhirPath}/`) || url.startsWith(`${fhirPath}?`);
}

async function bearer(deps: CallerDeps, request: FastifyRequest, authorization: string): Promise<Principal> {
  const [, token] = /^Bearer ([^\s]+)$/i.exec(authorization) ?? [];
  const principal = token === undefined || !isFhir(request) ? null : await deps.bearerOf(token, request.ip);
  if (principal === null) throw new PrimumError('auth.token-invalid');
  return withinScopes(principal, request);
}

/** The first look at scopes, by type and interaction alone; the policy decides about the patient. */
function withinScopes(principal: Principal, request: FastifyRequest): Principal {
  const scopes = principal.kind === 'client' ? principal.scopes : principal.kind === 'user' ? principal.via?.scopes : undefined;
  const { type } = request.params as { type?: unknown }; // routed, not validated yet
  if (scopes !== undefined && typeof type === 'string' && !scopesAllow(scopes, letterOf(request), type)) throw new PrimumError('auth.scope-insufficient');
  return principal;
}

/** Which interaction a request with a type is (SMART App Launch 2.2, "Scopes for requesting FHIR Resources"); an operation reads. */
function letterOf({ method, params, routeOptions: { url = '' } }: FastifyRequest): Interaction {
  const { id } = params as { id?: unknown }; // as above
  if (url.endsWith('/_search')) return 's';
  if (url.includes('/$')) return 'r';
  if (method === 'POST') return 'c';
  if (method === 'PUT' || method === 'PATCH') return 'u';
  if (method === 'DELETE') return 'd';
  return id === undefined ? 's' : 'r';
}
