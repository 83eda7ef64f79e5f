import { isIP } from 'node:net';
import { PrimumError } from '@primum/base';
import type { FactorRequest, SessionView, SignInRequest, WebAuthnAnswer } from '@primum/contract';
import { permittedTo, userPrincipal, type Client, type RelyingParty, type Session, type SignIn } from '@primum/trust';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { tenant, type Core } from '../../core.ts';
import { sessionOf } from '../caller.ts';
import { sessionCookieOf, type Call, type Handler } from '../serve-api.ts';

/** Out of reach of scripts and of other sites; `Secure` wherever it travels over TLS (loopback alone is served without). */
const cookieOver = (request: FastifyRequest) => ({ path: '/', httpOnly: true, sameSite: 'strict', secure: request.protocol === 'https' }) as const;

export function clientOf({ request, remote }: Pick<Call, 'request' | 'remote'>): Client {
  const browser = request.headers['user-agent'];
  return { remote, ...(browser === undefined ? {} : { browser }) };
}

/** The name under which the browser knows us; WebAuthn takes no IP address as one. */
export function relyingPartyOf({ request }: Pick<Call, 'request'>): RelyingParty {
  const origin = `${request.protocol}://${request.headers.host ?? ''}`;
  const { hostname } = new URL(origin);
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) throw new PrimumError('auth.passkey-unavailable');
  return { id: hostname, origin };
}

export function sessionView(core: Core, session: Session): SessionView {
  const { userId, username, displayName, role, expiresAt, state, mfa } = session;
  const permissions = state === 'full' ? permittedTo(core.policy, tenant, userPrincipal(session)) : [];
  return { userId, username, displayName, role, permissions, expiresAt: expiresAt.toISOString(), state, mfa, idleMs: core.identity.limits.idleMs, mode: core.mode };
}

export function setToken(reply: FastifyReply, request: FastifyRequest, token: string): void {
  void reply.setCookie(sessionCookieOf(request), token, cookieOver(request));
}

/** The answer to a step that went well: a new token in the cookie, and what is due now. */
export function answerSignIn(core: Core, { reply, request }: Call, result: SignIn): SessionView {
  if (result.kind === 'refused') throw new PrimumError(result.code);
  setToken(reply, request, result.token);
  return sessionView(core, result.session);
}

export function sessionOperations(core: Core): Record<'signIn' | 'getSession' | 'signOut' | 'passkeySignInOptions' | 'passkeySignIn' | 'factorOptions' | 'giveFactor', Handler> {
  const { identity } = core;
  return {
    async signIn(call) {
      const { username, password } = call.body as SignInRequest; // validated by the route's schema
      return answerSignIn(core, call, await identity.signIn(tenant, username, password, clientOf(call)));
    },
    async getSession(call) {
      return sessionView(core, sessionOf(call));
    },
    async signOut({ token, reply, request }) {
      if (token !== null) await identity.signOut(tenant, token);
      void reply.clearCookie(sessionCookieOf(request), cookieOver(request));
      return null;
    },
    passkeySignInOptions: async (call) => identity.passkeyOptions(tenant, relyingPartyOf(call)),
    async passkeySignIn(call) {
      const { passkey } = call.body as { passkey: WebAuthnAnswer }; // validated by the route's schema
      return answerSignIn(core, call, await identity.passkeySignIn(tenant, relyingPartyOf(call), passkey, clientOf(call)));
    },
    factorOptions: async (call) => identity.passkeyOptions(tenant, relyingPartyOf(call), sessionOf(call)),
    async giveFactor(call) {
      const factor = call.body as FactorRequest; // validated by the route's schema
      const rp = factor.passkey === undefined ? undefined : relyingPartyOf(call);
      return answerSignIn(core, call, await identity.giveFactor(sessionOf(call), tokenOf(call), factor, rp, clientOf(call)));
    },
  };
}

export function tokenOf({ token }: Pick<Call, 'token'>): string {
  if (token === null) throw new PrimumError('auth.required');
  return token;
}
