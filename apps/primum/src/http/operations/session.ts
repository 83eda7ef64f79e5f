import { PrimumError } from '@primum/base';
import { rolePermissions, type SessionView, type SignInRequest } from '@primum/contract';
import type { Identity, Session } from '@primum/trust';
import { tenant } from '../../core.ts';
import { sessionOf } from '../caller.ts';
import { sessionCookie, type Handler } from '../serve-api.ts';

/** Loopback is served without TLS, so the cookie can't be Secure; it is out of reach of scripts and of other sites. */
const cookie = { path: '/', httpOnly: true, sameSite: 'strict' } as const;

function viewOf(session: Session): SessionView {
  const { userId, username, displayName, role, expiresAt } = session;
  return { userId, username, displayName, role, permissions: [...rolePermissions[role]], expiresAt: expiresAt.toISOString() };
}

export function sessionOperations(identity: Identity): { signIn: Handler; getSession: Handler; signOut: Handler } {
  return {
    async signIn({ body, remote, reply }) {
      const { username, password } = body as SignInRequest; // validated by the route's schema
      const answer = await identity.signIn(tenant, username, password, { remote });
      if (answer.kind === 'refused') throw new PrimumError(answer.code);
      void reply.setCookie(sessionCookie, answer.token, cookie);
      return viewOf(answer.session);
    },
    async getSession(call) {
      return viewOf(sessionOf(call));
    },
    async signOut({ token, reply }) {
      if (token !== null) await identity.signOut(tenant, token);
      void reply.clearCookie(sessionCookie, cookie);
      return null;
    },
  };
}
